# Elements again and again, as base R's rep() has them.

rep.ufo_lazy <- function(x, times = 1, length.out = NA, each = 1, ...) {
  each <- check_repetition(each, "each")
  total <- check_repetition(length.out, "length.out", unless = NA)
  n <- length(x)
  if (is.na(total) && length(times) != 1) return(repeat_each(x, times, each))
  if (is.na(total)) total <- n * each * check_repetition(times, "times", unless = NULL)
  gather(x, total, function(first, count) {
    if (n == 0) rep(NA_real_, count) else (first + seq_len(count) - 1) %/% each %% n + 1
  })
}

# A count that is a number, or else `unless`; NA is taken for it as base R does.
check_repetition <- function(count, what, unless = 1) {
  if (is_lazy(count)) count <- ufo_materialize(count)
  if (length(count) == 1 && is.na(count) && !is.null(unless)) return(unless)
  if (length(count) != 1 || !(is.numeric(count) || is.logical(count)) || is.na(count) || count < 0) {
    stop("invalid '", what, "' argument", call. = FALSE)
  }
  trunc(count)
}

# A number of times for each element.
repeat_each <- function(x, times, each) {
  times <- ufo_lazy(times)
  n <- length(x)
  if (length(times) != n * each || !(typeof(lazy_values(times)) %in% c("logical", "integer", "double"))) stop("invalid 'times' argument", call. = FALSE)
  times <- new_lazy(lazy_values(times))
  if (anyNA(times) || (length(times) > 0 && min(times) < 0)) stop("invalid 'times' argument", call. = FALSE)
  times <- trunc(times)
  sink <- new_sink_beside(lazy_values(x), lazy_meta(x), if (length(times) > 0) sum(as.double(times)) else 0)
  each_piece(length(times), function(first, count) {
    take_repeated(sink, lazy_values(x), (first + seq_len(count) - 1) %/% each + 1, lazy_piece(times, first, count))
  })
  sink$close()
}

# In parts that are not too long, however often an element is repeated.
take_repeated <- function(sink, values, positions, times) {
  longest <- piece_elements()
  if (sum(times) <= longest) return(sink$take(values, rep.int(positions, times)))
  if (length(times) > 1) {
    half <- seq_len(length(times) %/% 2)
    take_repeated(sink, values, positions[half], times[half])
    return(take_repeated(sink, values, positions[-half], times[-half]))
  }
  left <- times
  while (left > 0) {
    count <- min(left, longest)
    sink$take(values, rep.int(positions, count))
    left <- left - count
  }
}
