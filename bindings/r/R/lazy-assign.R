# x[i] <- value: a lazy vector with other values. What is not changed is shared with the one before.

# Writes values[j] to element positions[j], the last one if there are several; positions are inside the vector. `values`
# may be one for all.
scatter <- function(target, meta, positions, values) {
  size <- piece_elements()
  for (at in split(seq_along(positions), (positions - 1) %/% size)) {
    first <- ((positions[at[[1]]] - 1) %/% size) * size
    count <- min(size, length(target) - first)
    piece <- with_meta(read_piece(target, first, count), meta)
    piece[positions[at] - first] <- if (length(values) == 1) values else values[at]
    write_piece(target, first, piece)
  }
}

`[<-.ufo_lazy` <- function(x, i, ..., value) {
  if (nargs() > 3) raise_unsupported("A lazy vector takes one subscript")
  check_operand(value)
  if (is.null(value)) value <- logical()
  if (length(x) == 0 && length(value) == 0 && same_type(x, value)) return(x)
  if (missing(i)) i <- TRUE
  i <- subscript(i)
  if (is.null(i)) raise_unsupported("A lazy vector has no names to assign by")
  if (typeof(lazy_values(i)) != "logical" && is_negative_subscript(i)) i <- left_by(i, length(x))
  if (anyNA(i) && length(value) > 1) stop("NAs are not allowed in subscripted assignments", call. = FALSE)
  if (anyNA(i)) check_replacement(1, value)
  if (typeof(lazy_values(i)) == "logical") assign_true(x, i, value) else assign_positions(x, i, value)
}

`[[<-.ufo_lazy` <- function(x, i, ..., value) {
  i <- check_position(i)
  if (length(value) != 1) stop(if (length(value) == 0) "replacement has length zero" else "more elements supplied than there are to replace", call. = FALSE)
  x[i] <- value
  x
}

# Values to be written to, long enough, of a type that takes both.
prepare_assignment <- function(x, value, n) {
  sample <- if (is_lazy(value)) lazy_piece(value, 0, min(1, length(value)))[1] else value[1]
  trial <- with_meta(vector(typeof(lazy_values(x)), 1), lazy_meta(x))
  if (!is.null(levels(trial))) trial <- with_meta(NA_integer_, lazy_meta(x))
  suppressWarnings(trial[1] <- sample)
  if (!(typeof(trial) %in% lazy_types)) {
    raise_unsupported("A value of type ", typeof(value), " cannot be assigned into a lazy vector")
  }
  # The type first, as in base R: since R 4.4 an NA that becomes complex differs from the NA of a longer complex vector.
  converted <- typeof(trial) != typeof(lazy_values(x))
  if (converted) {
    x <- map_lazy(new_lazy(lazy_values(x)), function(piece) {
      storage.mode(piece) <- typeof(trial)
      piece
    })
  }
  if (n > length(x)) length(x) <- n
  if (converted) lazy_values(x) else own_values(lazy_values(x))
}

same_type <- function(x, value) typeof(lazy_values(x)) == typeof(if (is_lazy(value)) lazy_values(value) else value)

check_replacement <- function(count, value) {
  if (count > 0 && length(value) == 0) stop("replacement has length zero", call. = FALSE)
}

warn_of_remainder <- function(count, value) {
  if (length(value) > 0 && count %% length(value) != 0) {
    warning("number of items to replace is not a multiple of replacement length", call. = FALSE)
  }
}

assign_true <- function(x, i, value) {
  n <- if (length(i) == 0) 0 else max(length(x), length(i))
  values <- prepare_assignment(x, value, n)
  chosen_of <- operand_reader(i, expand = TRUE)
  value_of <- operand_reader(value, expand = TRUE)
  done <- 0
  warn_once(each_piece(n, function(first, count) {
    at <- which(chosen_of(first, count))
    if (length(at) == 0) return()
    check_replacement(length(at), value)
    piece <- with_meta(read_piece(values, first, count), lazy_meta(x))
    piece[at] <- value_of(done, length(at))
    write_piece(values, first, piece)
    done <<- done + length(at)
  }))
  warn_of_remainder(done, value)
  new_lazy(values, lazy_meta(x))
}

assign_positions <- function(x, i, value) {
  last <- if (length(i) > 0) suppressWarnings(max(i, na.rm = TRUE)) else 0
  values <- prepare_assignment(x, value, max(length(x), trunc(last), na.rm = TRUE))
  value_of <- operand_reader(value, expand = TRUE)
  done <- 0
  warn_once(each_piece(length(i), function(first, count) {
    positions <- trunc(as.double(lazy_piece(i, first, count)))
    positions <- positions[!is.na(positions) & positions != 0]
    check_replacement(length(positions), value)
    if (length(positions) == 0) return()
    scatter(values, lazy_meta(x), positions, value_of(done, length(positions)))
    done <<- done + length(positions)
  }, size = subscripts_at_a_time()))
  warn_of_remainder(done, value)
  new_lazy(values, lazy_meta(x))
}
