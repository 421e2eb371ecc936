# Groups and order of lazy data frames, by several columns at once.

# list(values, labels, codes) of the groups of each of several columns of one length. `codes` are lazy; values have the
# class of the column.
keys_of <- function(by, what, nan = FALSE) {
  lapply(by, function(g) {
    groups <- groups_of(g, what, nan)
    list(
      values = with_meta(groups$values, lazy_meta(g)), labels = groups$labels,
      codes = codes_among(g, groups$values)
    )
  })
}

codes_among <- function(column, values) map_lazy(new_lazy(lazy_values(column)), function(piece) match(piece, values))

# One number from 1 on for each combination, the first column the fastest; NA where one is missing.
combined_codes <- function(keys) {
  sizes <- vapply(keys, function(key) length(key$values), 0L)
  steps <- c(1, cumprod(as.double(sizes)))
  if (steps[[length(steps)]] > 2^53) raise_unsupported("These columns have too many combinations of groups")
  if (length(keys) == 1) return(keys[[1]]$codes)
  build_lazy(length(keys[[1]]$codes), function(first, count) {
    codes <- rep(1, count)
    for (k in seq_along(keys)) codes <- codes + (lazy_piece(keys[[k]]$codes, first, count) - 1) * steps[[k]]
    codes
  })
}

check_by <- function(by, rows, what) {
  if (is_lazy_frame(by)) by <- as.list(by)
  if (!is.list(by) || length(by) == 0) raise_usage("The groups of ", what, " must be a list of vectors, or a lazy data frame")
  by <- lapply(by, ufo_lazy)
  if (!is.null(rows) && any(vapply(by, length, 0) != rows)) stop("arguments must have same length", call. = FALSE)
  by
}

# The dimnames of an array by several groups.
key_names <- function(keys) structure(lapply(keys, `[[`, "labels"), names = names(keys))
cells_max <- 1e7
check_cells <- function(keys, what) {
  cells <- prod(vapply(keys, function(key) as.double(length(key$values)), 0))
  if (cells > cells_max) {
    raise_unsupported(what, " by these columns has ", format_count(cells), " cells, more than ", format_count(cells_max),
      "; aggregate() gives only the combinations that there are"
    )
  }
  cells
}

# As table() of several factors.
table_of_several <- function(by, what = "ufo_table()") {
  by <- check_by(by, length(ufo_lazy(by[[1]])), what)
  keys <- keys_of(by, what)
  counts <- count_codes(combined_codes(keys), check_cells(keys, what))
  names <- key_names(keys)
  if (is.null(names(names))) names(names) <- paste0(".", seq_along(names)) # as table() names them
  structure(array(as_count(counts), lengths(names, FALSE), names), class = "table")
}

# Calls FUN with each group of each of several vectors: list(codes, results), the codes that there are in order, and for
# each vector a list of results.
grouped_results <- function(vectors, codes, FUN, ...) {
  if (anyNA(codes)) {
    present <- !is.na(codes)
    codes <- codes[present]
    vectors <- lapply(vectors, `[`, present)
  }
  n <- length(codes)
  if (n == 0) return(list(codes = numeric(), results = lapply(vectors, function(x) list())))
  runs <- runs_of(codes)
  found <- runs$values
  starts <- c(runs$starts, n)
  results <- list()
  for (k in seq_along(vectors)) {
    sorted <- values_by_code(vectors[[k]], codes)
    meta <- lazy_meta(vectors[[k]])
    results[[k]] <- vector("list", length(found))
    for (i in seq_along(found)) {
      result <- FUN(group_values(sorted, meta, starts[[i]], starts[[i + 1]] - starts[[i]]), ...)
      if (!is.null(result)) results[[k]][[i]] <- result
    }
  }
  list(codes = found, results = results)
}

# Which codes there are, in order, and where the elements of each begin when they are sorted, from 0 on.
runs_of <- function(codes) {
  greatest <- max(codes)
  if (greatest <= groups_max) {
    counts <- count_codes(codes, greatest)
    there <- which(counts > 0)
    return(list(values = there, starts = c(0, cumsum(counts[there])[-length(there)])))
  }
  sorted <- external_sort(lazy_values(codes), NULL, FALSE)$keys
  starts <- ufo_materialize(ufo_which(begins_of_sorted(sorted)))
  list(values = ufo_materialize(new_lazy(sorted)[starts]), starts = starts - 1)
}

# As aggregate() of a data frame: a row for each combination of groups that there is. `by` may be a formula, too.
aggregate.ufo_lazy_frame <- function(x, by, FUN, ..., simplify = TRUE, drop = TRUE) {
  if (!isTRUE(drop)) raise_unsupported("aggregate() of a lazy data frame gives only the combinations of groups that there are")
  FUN <- match.fun(FUN)
  if (inherits(by, "formula")) return(aggregate_formula(x, by, FUN, ..., simplify = simplify))
  by <- check_by(by, frame_rows(x), "aggregate()")
  unnamed <- if (is.null(names(by))) rep(TRUE, length(by)) else names(by) == ""
  names(by)[unnamed] <- paste0("Group.", seq_along(by))[unnamed]
  keys <- keys_of(by, "aggregate()")
  groups <- grouped_results(frame_columns(x), combined_codes(keys), FUN, ...)
  at <- groups$codes - 1
  columns <- list()
  for (key in keys) {
    size <- length(key$values)
    columns[[length(columns) + 1]] <- key$values[at %% size + 1]
    at <- at %/% size
  }
  columns <- c(columns, lapply(groups$results, simplify_results, simplify))
  make_data_frame(columns, c(names(by), names(x)), length(groups$codes))
}

# A vector of single results, of their class if all have one, and a matrix of longer ones of one length, as aggregate()
# gives them.
simplify_results <- function(results, simplify) {
  lengths <- unique(lengths(results))
  if (!isTRUE(simplify) || length(lengths) != 1) return(results)
  if (lengths == 1) {
    classes <- unique(lapply(results, oldClass))
    if (length(classes) == 1 && !is.null(classes[[1]])) return(do.call(c, results))
    return(unlist(results, recursive = FALSE, use.names = FALSE))
  }
  if (lengths > 1 && all(vapply(results, is.atomic, NA))) return(do.call(rbind, lapply(results, unclass)))
  results
}

aggregate_formula <- function(x, formula, FUN, ..., subset, na.action = na.omit, simplify) {
  if (!missing(subset)) raise_unsupported("aggregate() of a lazy data frame takes no subset; use aggregate(subset(x, condition), ...)")
  parts <- formula_parts(formula, x, na.action)
  aggregate(parts$x, parts$by, FUN, ..., simplify = simplify)
}

# Rows in the order of several columns: stable sorts, from the last column to the first.
order_by_several <- function(keys, decreasing, na.last, method) {
  if (length(keys) == 0) raise_usage("ufo_order() of a lazy data frame needs a column to order by")
  keys <- lapply(keys, ufo_lazy)
  if (length(unique(lengths(keys))) > 1) stop("argument lengths differ", call. = FALSE)
  decreasing <- rep_len(decreasing, length(keys))
  positions <- NULL
  for (k in rev(seq_along(keys))) {
    key <- if (is.null(positions)) keys[[k]] else take_positions(keys[[k]], positions)
    within <- ufo_order(key, decreasing = decreasing[[k]], na.last = na.last, method = method)
    positions <- if (is.null(positions)) within else take_positions(positions, within)
  }
  positions
}

# Where each row is for the first time, ascending.
first_rows <- function(x, what, ...) {
  if (length(list(...)) > 0) raise_unsupported(what, " of a lazy data frame takes no other arguments")
  columns <- frame_columns(x)
  if (length(columns) == 0) raise_usage(what, " of a lazy data frame needs a column")
  if (any(vapply(columns, function(column) typeof(lazy_values(column)) == "double" && any(is.nan(new_lazy(lazy_values(column)))), NA))) {
    raise_unsupported(what, " of a lazy data frame works on columns with NA, but not with NaN")
  }
  keys <- lapply(keys_of(columns, what), function(key) {
    key$values <- c(seq_along(key$values), NA)
    key$codes <- map_lazy(key$codes, function(codes) replace(codes, is.na(codes), length(key$values)))
    key
  })
  first_positions(combined_codes(keys))
}

unique.ufo_lazy_frame <- function(x, incomparables = FALSE, ...) take_rows(x, first_rows(x, "unique()", ...))
duplicated.ufo_lazy_frame <- function(x, incomparables = FALSE, ...) {
  left_by(-first_rows(x, "duplicated()", ...), frame_rows(x))
}

# As split() by a vector: a list of lazy data frames. The rows are brought into the order of their groups once.
split.ufo_lazy_frame <- function(x, f, drop = FALSE, ...) {
  if (is_lazy_frame(f) || is.list(f)) raise_unsupported("split() of a lazy data frame takes one vector to split by")
  by <- check_by(list(f), frame_rows(x), "split()")
  key <- keys_of(by, "split()", nan = TRUE)[[1]]
  counts <- count_codes(key$codes, length(key$values))
  sorted <- take_rows(x, head(ufo_order(key$codes), sum(counts)))
  starts <- c(0, cumsum(counts))
  parts <- lapply(seq_along(counts), function(i) slice_frame(sorted, starts[[i]], counts[[i]]))
  names(parts) <- key$labels
  if (check_flag(drop, "drop")) parts[counts > 0] else parts
}
