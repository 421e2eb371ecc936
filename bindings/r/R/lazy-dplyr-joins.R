# dplyr's joins of a lazy table with one that fits into memory. Which rows go together dplyr says, of a piece of the keys at
# a time; then columns are taken by the numbers of their rows, as merge() does.

inner_join.ufo_lazy_frame <- function(x, y, by = NULL, copy = FALSE, suffix = c(".x", ".y"), ..., na_matches = c("na", "never"), keep = FALSE) {
  joined(x, y, by, suffix, match.arg(na_matches), keep, "inner_join", ...)
}
left_join.ufo_lazy_frame <- function(x, y, by = NULL, copy = FALSE, suffix = c(".x", ".y"), ..., na_matches = c("na", "never"), keep = FALSE) {
  joined(x, y, by, suffix, match.arg(na_matches), keep, "left_join", ...)
}
right_join.ufo_lazy_frame <- function(x, y, by = NULL, copy = FALSE, suffix = c(".x", ".y"), ..., na_matches = c("na", "never"), keep = FALSE) {
  joined(x, y, by, suffix, match.arg(na_matches), keep, "right_join", ...)
}
full_join.ufo_lazy_frame <- function(x, y, by = NULL, copy = FALSE, suffix = c(".x", ".y"), ..., na_matches = c("na", "never"), keep = FALSE) {
  joined(x, y, by, suffix, match.arg(na_matches), keep, "full_join", ...)
}
semi_join.ufo_lazy_frame <- function(x, y, by = NULL, copy = FALSE, ..., na_matches = c("na", "never")) {
  take_matched(x, y, by, match.arg(na_matches), "semi_join", ...)
}
anti_join.ufo_lazy_frame <- function(x, y, by = NULL, copy = FALSE, ..., na_matches = c("na", "never")) {
  take_matched(x, y, by, match.arg(na_matches), "anti_join", ...)
}

check_join <- function(x, y, by, what, ...) {
  if (...length() > 0) raise_unsupported(what, "() of a lazy table takes by, suffix and na_matches, and no other arguments")
  if (!is.null(by) && !is.character(by)) raise_unsupported(what, "() of a lazy table takes `by` as names of columns")
  if (is_lazy_frame(y)) {
    if (frame_rows(y) > merge_rows_max) {
      raise_unsupported(what, "() joins a lazy table with one that fits into memory; the second has ", format_count(frame_rows(y)), " rows")
    }
    y <- ufo_materialize(ungrouped(y))
  }
  if (!is.data.frame(y)) raise_usage(what, "() joins a lazy table with a table, not with an object of class ", deparse_short(class(y)))
  y <- dplyr::ungroup(y)
  make_data_frame(unclass(y), names(y), nrow(y))
}

# The names to join by, as dplyr finds them: c(name in x = name in y). It says so, if it was not told.
join_names <- function(x, y, by) {
  if (is.null(by)) by <- dplyr::common_by(NULL, frame_piece(x, 0, 0), y)
  if (is.list(by)) return(structure(by$y, names = by$x))
  if (is.null(names(by))) names(by) <- by
  names(by)[names(by) == ""] <- by[names(by) == ""]
  by
}

joined <- function(x, y, by, suffix, na_matches, keep, what, ...) {
  if (!isFALSE(keep) && !is.null(keep)) raise_unsupported(what, "() of a lazy table keeps the columns of x to join by, and not those of y")
  y <- check_join(x, y, by, what, ...)
  by <- join_names(ungrouped(x), y, by)
  verb <- get(what, envir = asNamespace("dplyr"))
  sample <- frame_piece(ungrouped(x), 0, 0)
  # dplyr says what the columns are called, and of what types those to join by are.
  like <- verb(sample, y[0, , drop = FALSE], by = by, suffix = suffix, na_matches = na_matches)
  if (length(unclass(x)) + length(y) - length(by) != length(like)) raise_unsupported(what, "() gives columns that are not known beforehand")
  ufo_lazy(like) # whether its columns can be
  keys <- take_columns(ungrouped(x), names(by))
  rows <- warn_once(matched_rows(keys, y, by, na_matches, what %in% c("left_join", "full_join")))
  from_x <- lapply(seq_along(unclass(x)), function(j) {
    column <- .subset2(x, j)
    at <- match(names(x)[[j]], names(by))
    if (!is.na(at) && !identical(like[[j]], sample[[j]])) column <- converted_key(column, y[[by[[at]]]], like[[j]])
    if (is.null(rows$x)) column else take_positions(column, rows$x)
  })
  from_y <- lapply(setdiff(names(y), by), function(name) {
    column <- y[[name]]
    map_lazy(rows$y, function(at) column[at])
  })
  result <- new_lazy_frame(c(from_x, from_y), names(like), length(rows$y), attr(x, "frame_class"))
  if (what %in% c("right_join", "full_join")) {
    left <- y[!rows$used, , drop = FALSE]
    more <- verb(sample, left, by = by, suffix = suffix, na_matches = na_matches)
    if (nrow(more) > 0) result <- rbind(result, ufo_lazy(make_data_frame(unclass(more), names(more), nrow(more))))
  }
  vars <- group_names(x)
  # As dplyr has it, a column that got a suffix makes no groups any more.
  if (is.null(vars)) result else new_lazy_grouped(result, intersect(vars, names(result)), group_drop(x))
}

# A column of keys in the type that it gets by a join with such values.
converted_key <- function(column, other, like) {
  other <- make_data_frame(list(other[0]), "key", 0L)
  map_lazy(column, function(piece) {
    dplyr::left_join(make_data_frame(list(piece), "key", length(piece)), other, by = "key")[["key"]]
  })
}

# list(x, y, used): for each row of the join the numbers of its rows, lazily. `x` is NULL if they are 1, 2, 3 ...; a number
# in `y` is NA where there is none. `used`: for each row of `y`, whether it is there.
matched_rows <- function(keys, y, by, na_matches, all_x) {
  table <- y[unique(by)]
  table[["..ufo_y"]] <- seq_len(nrow(y))
  verb <- if (all_x) dplyr::left_join else dplyr::inner_join
  matches <- function(first, count) {
    piece <- frame_piece(keys, first, count)
    piece[["..ufo_x"]] <- seq_len(count)
    found <- verb(piece, table, by = by, na_matches = na_matches)
    list(x = first + found[["..ufo_x"]], y = found[["..ufo_y"]])
  }
  total <- 0
  once <- TRUE
  used <- logical(nrow(y))
  each_piece(frame_rows(keys), function(first, count) {
    found <- matches(first, count)
    total <<- total + length(found$x)
    once <<- once && length(found$x) == count && !anyDuplicated(found$x)
    used[found$y[!is.na(found$y)]] <<- TRUE
  })
  whole <- frame_rows(keys) <= .Machine$integer.max
  from_x <- if (!once) new_sink(if (whole) "integer" else "double", NULL, total)
  from_y <- new_sink("integer", NULL, total)
  each_piece(frame_rows(keys), function(first, count) {
    found <- matches(first, count)
    if (!once) from_x$add(if (whole) as.integer(found$x) else as.double(found$x))
    from_y$add(found$y)
  })
  list(x = if (!once) from_x$close(), y = from_y$close(), used = used)
}

# The rows that have one to go with in `y`, or those that have none.
take_matched <- function(x, y, by, na_matches, what, ...) {
  y <- check_join(x, y, by, what, ...)
  by <- join_names(ungrouped(x), y, by)
  verb <- get(what, envir = asNamespace("dplyr"))
  keys <- take_columns(ungrouped(x), names(by))
  kept <- build_lazy(frame_rows(x), function(first, count) {
    piece <- frame_piece(keys, first, count)
    piece[["..ufo_x"]] <- seq_len(count)
    replace(logical(count), verb(piece, y, by = by, na_matches = na_matches)[["..ufo_x"]], TRUE)
  })
  same_groups(take_rows(ungrouped(x), kept), x)
}
