# Where something is: in the place of functions of base R that have no methods.

# As which(), which is no generic function.
ufo_which <- function(x) {
  x <- ufo_lazy(x)
  if (typeof(lazy_values(x)) != "logical") raise_usage("The argument to ufo_which() must be logical")
  whole <- length(x) <= .Machine$integer.max
  sink <- new_sink(if (whole) "integer" else "double", NULL, as.double(sum(x, na.rm = TRUE)))
  each_piece(length(x), function(first, count) {
    positions <- first + which(lazy_piece(x, first, count))
    sink$add(if (whole) as.integer(positions) else as.double(positions))
  })
  sink$close()
}

# As which.max() and which.min().
ufo_which_max <- function(x) which_extreme(x, which.max, `>`)
ufo_which_min <- function(x) which_extreme(x, which.min, `<`)

which_extreme <- function(x, find, is_beyond) {
  x <- ufo_lazy(x)
  check_ranked(x, "ufo_which_max() or ufo_which_min()")
  values <- lazy_values(x)
  place <- integer()
  extreme <- NULL
  each_piece(length(x), function(first, count) {
    piece <- read_piece(values, first, count)
    at <- find(piece)
    if (length(at) == 0 || !(is.null(extreme) || is_beyond(piece[[at]], extreme))) return()
    extreme <<- piece[[at]]
    place <<- first + at
  })
  if (length(x) <= .Machine$integer.max) as.integer(place) else as.double(place)
}

# As match(x, table). A table that is lazy and long is gone through for a short `x`, and is in memory for a long one.
ufo_match <- function(x, table, nomatch = NA_integer_) {
  x <- ufo_lazy(x)
  if (is_lazy(table) && length(table) > piece_elements() && length(x) <= piece_elements()) return(match_few(x, table, nomatch))
  if (is_lazy(table)) table <- ufo_materialize(table)
  map_lazy(x, function(piece) match(piece, table, nomatch))
}

match_few <- function(x, table, nomatch) {
  few <- ufo_materialize(x)
  found <- rep(NA_real_, length(few))
  each_piece(length(table), function(first, count) {
    open <- which(is.na(found))
    if (length(open) > 0) found[open] <<- first + match(few[open], lazy_piece(table, first, count))
  })
  if (length(table) <= .Machine$integer.max) found <- as.integer(found)
  found[is.na(found)] <- as.integer(nomatch)
  ufo_lazy(found)
}

# As x %in% table.
ufo_in <- function(x, table) ufo_match(x, table, 0L) > 0L

# As complete.cases(): of a table for each row, of vectors for each element, whether nothing is missing.
ufo_complete_cases <- function(...) {
  columns_of <- function(x) if (is.data.frame(x) || is_lazy_frame(x)) frame_columns(ufo_lazy(x)) else list(ufo_lazy(x))
  columns <- unlist(lapply(list(...), columns_of), FALSE)
  if (length(columns) == 0) stop("no input has determined the number of cases", call. = FALSE)
  n <- unique(vapply(columns, length, 0))
  if (length(n) != 1) stop("not all arguments have the same length", call. = FALSE)
  build_lazy(n, function(first, count) Reduce(`&`, lapply(columns, function(column) !piece_is_na(column, first, count))))
}
