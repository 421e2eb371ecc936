# Parts of a lazy vector, and vectors put together. The result is always lazy; `[[` gives an ordinary element.

# A lazy vector of known length that is made of parts, one after the other.
new_sink <- function(type, meta, n, longest = piece_elements()) sink_into(new_target(type, n, longest), meta, n)

# The same for elements of `values`. Strings leave their text where it is, if they can.
new_sink_beside <- function(values, meta, n, longest = piece_elements()) {
  target <- if (is.character(values) && n > longest) .Call(ufor_words_beside, scratch_pointer(), n, values)
  if (is.null(target)) return(new_sink(typeof(values), meta, n, longest))
  sink_into(target, meta, n, beside = values)
}

# add(part), or take(values, positions) for some of `values`, which are the same each time.
sink_into <- function(target, meta, n, beside = NULL) {
  force(target)
  at <- 0
  list(
    add = function(part) {
      write_piece(target, at, part)
      at <<- at + length(part)
    },
    take = function(values, positions) {
      if (is.null(beside)) write_piece(target, at, values[positions])
      else .Call(ufor_words_take, target, at, beside, positions)
      at <<- at + length(positions)
    },
    close = function() {
      stopifnot(at == n)
      new_lazy(target, meta)
    }
  )
}

# Elements first + 1 ... first + count.
slice <- function(x, first, count) {
  if (is.character(lazy_values(x))) return(gather(x, count, function(at, size) first + at + seq_len(size)))
  build_lazy(count, function(at, size) lazy_piece(x, first + at, size))
}

# `n` elements of `x`: positions_of(first, count) are the places where those of a piece are.
gather <- function(x, n, positions_of, size = piece_elements()) {
  sink <- new_sink_beside(lazy_values(x), lazy_meta(x), n)
  each_piece(n, function(first, count) sink$take(lazy_values(x), positions_of(first, count)), size = size)
  sink$close()
}

# A subscript as a lazy vector without attributes; NULL for texts, which name nothing here.
subscript <- function(i) {
  if (is_lazy(i)) i <- new_lazy(lazy_values(i))
  else if (is.null(i)) i <- new_lazy(integer())
  else if (is.character(i)) return(NULL)
  else if (typeof(i) %in% c("logical", "integer", "double")) i <- new_lazy(as.vector(unclass(i)))
  if (is_lazy(i) && typeof(lazy_values(i)) %in% c("logical", "integer", "double")) return(i)
  stop("invalid subscript type '", if (is_lazy(i)) typeof(lazy_values(i)) else typeof(i), "'", call. = FALSE)
}

is_negative_subscript <- function(i) {
  least <- suppressWarnings(min(i, na.rm = TRUE))
  if (!(least <= -1)) return(FALSE)
  # Base R says what is wrong with a mixture.
  if (max(i, na.rm = TRUE) >= 1) (1:2)[c(-1, 1)]
  if (anyNA(i)) (1:2)[c(-1, NA)]
  TRUE
}

# For each of `n` elements whether a negative subscript leaves it.
left_by <- function(i, n) {
  kept <- new_target("logical", n)
  each_piece(n, function(first, count) write_piece(kept, first, rep(TRUE, count)))
  each_piece(length(i), function(first, count) {
    positions <- -trunc(lazy_piece(i, first, count))
    scatter(kept, NULL, positions[positions >= 1 & positions <= n], FALSE)
  })
  new_lazy(kept)
}

`[.ufo_lazy` <- function(x, i, ...) {
  if (nargs() > 2) raise_unsupported("A lazy vector takes one subscript, and no `drop`")
  if (missing(i)) x else take(x, i)
}

take <- function(x, i) {
  wanted <- i
  i <- subscript(wanted)
  if (is.null(i)) i <- new_lazy(rep(NA_integer_, length(wanted)))
  if (typeof(lazy_values(i)) == "logical") return(take_true(x, i))
  if (is_negative_subscript(i)) return(take_true(x, left_by(i, length(x))))
  take_positions(x, i)
}

# Subscripts are recycled; behind the end of `x` there is NA.
take_true <- function(x, i) {
  n <- if (length(i) == 0) 0 else max(length(x), length(i))
  read <- operand_reader(i, expand = TRUE)
  total <- 0
  each_piece(n, function(first, count) {
    chosen <- read(first, count)
    total <<- total + sum(is.na(chosen) | chosen)
  })
  sink <- new_sink_beside(lazy_values(x), lazy_meta(x), total)
  each_piece(n, function(first, count) {
    chosen <- read(first, count)
    if (!any(is.na(chosen) | chosen)) return()
    if (is.character(lazy_values(x))) return(sink$take(lazy_values(x), first + which_or_na(chosen)))
    there <- max(0, min(count, length(x) - first))
    part <- read_piece(lazy_values(x), min(first, length(x)), there)
    sink$add(part[if (length(part) < count) which_or_na(chosen) else chosen])
  })
  sink$close()
}

which_or_na <- function(chosen) {
  at <- seq_along(chosen)[is.na(chosen) | chosen]
  at[is.na(chosen[at])] <- NA
  at
}

# Pieces of subscripts are larger than others: the less often each chunk is read when they are in no order.
subscripts_at_a_time <- function() 8 * piece_elements()

take_positions <- function(x, i) {
  values <- lazy_values(x)
  zeros <- 0
  if (length(i) > 0 && isTRUE(suppressWarnings(min(i, na.rm = TRUE)) < 1)) {
    each_piece(length(i), function(first, count) zeros <<- zeros + sum(trunc(lazy_piece(i, first, count)) == 0, na.rm = TRUE))
  }
  sink <- new_sink_beside(values, lazy_meta(x), length(i) - zeros)
  each_piece(length(i), function(first, count) {
    positions <- lazy_piece(i, first, count)
    if (zeros > 0) positions <- positions[is.na(positions) | trunc(positions) != 0]
    sink$take(values, positions)
  }, size = subscripts_at_a_time())
  sink$close()
}

`[[.ufo_lazy` <- function(x, i, ...) {
  i <- check_position(i)
  if (i > length(x)) stop("subscript out of bounds", call. = FALSE)
  lazy_piece(x, i - 1, 1)[[1]]
}

check_position <- function(i) {
  if (is_lazy(i)) i <- ufo_materialize(i)
  if (!is.numeric(i) || length(i) != 1 || is.na(i) || i < 1) {
    raise_usage("An element of a lazy vector is got by one number from 1 on, not by ", deparse_short(i))
  }
  trunc(i)
}

head.ufo_lazy <- function(x, n = 6L, ...) slice(x, 0, count_at_end(n, length(x)))

tail.ufo_lazy <- function(x, n = 6L, ...) {
  count <- count_at_end(n, length(x))
  slice(x, length(x) - count, count)
}

# How many of `size` head() or tail() takes.
count_at_end <- function(n, size) {
  n <- check_whole(n)
  if (n < 0) max(0, size + n) else min(n, size)
}

check_whole <- function(n) {
  if (!is.numeric(n) || length(n) != 1 || is.na(n)) raise_usage("n must be a number, not ", deparse_short(n))
  trunc(n)
}

rev.ufo_lazy <- function(x) {
  n <- length(x)
  if (is.character(lazy_values(x))) return(gather(x, n, function(first, count) n - first - seq_len(count) + 1))
  build_lazy(n, function(first, count) rev(lazy_piece(x, n - first - count, count)))
}

`length<-.ufo_lazy` <- function(x, value) {
  value <- check_length(value, NULL, "x")
  n <- length(x)
  if (value <= n) return(slice(x, 0, value))
  if (is.character(lazy_values(x))) return(gather(x, value, function(first, count) first + seq_len(count)))
  build_lazy(value, function(first, count) {
    there <- max(0, min(count, n - first))
    piece <- lazy_piece(x, min(first, n), there)
    with_meta(read_piece(piece, 0, there)[seq_len(count)], lazy_meta(x))
  })
}

c.ufo_lazy <- function(...) {
  parts <- lapply(Filter(Negate(is.null), unname(list(...))), ufo_lazy)
  metas <- lapply(parts, lazy_meta)
  if (any(!vapply(metas, same_attributes, NA, metas[[1]]))) {
    raise_unsupported("c() of lazy vectors takes vectors of the same class, levels and units")
  }
  type <- typeof(do.call(c, lapply(parts, function(part) read_piece(lazy_values(part), 0, 0))))
  sink <- new_sink(type, metas[[1]], sum(vapply(parts, length, 0)))
  for (part in parts) {
    each_piece(length(part), function(first, count) {
      piece <- read_piece(lazy_values(part), first, count)
      storage.mode(piece) <- type
      sink$add(piece)
    })
  }
  sink$close()
}

# In any order.
same_attributes <- function(a, b) identical(a, b) || (length(a) == length(b) && identical(a[names(b)], b))

diff.ufo_lazy <- function(x, lag = 1L, differences = 1L, ...) {
  if (length(lag) != 1 || length(differences) != 1 || !isTRUE(lag >= 1) || !isTRUE(differences >= 1)) {
    raise_usage("'lag' and 'differences' must be integers >= 1")
  }
  # Base R says what is left of a short one: of times not always an empty vector of them.
  if (lag * differences >= length(x)) return(lazy_of(diff(lazy_prototype(x), lag, differences)))
  for (i in seq_len(differences)) {
    n <- length(x) - lag
    x <- slice_difference(x, lag, n)
  }
  x
}

slice_difference <- function(x, lag, n) {
  if (identical(lazy_meta(x)$class[1], "POSIXct")) return(slice(x, lag, n) - slice(x, 0, n))
  build_lazy(n, function(first, count) lazy_piece(x, first + lag, count) - lazy_piece(x, first, count))
}
