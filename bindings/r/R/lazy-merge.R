# Joins of a lazy data frame with a table that fits into memory. Which rows go together is found from the keys alone; then
# each column is taken by the numbers of its rows, and those of the lazy table stay what they are if each is there once.

merge_rows_max <- 1e6

# As merge(): the rows of `x` keep their order, and those of `y` for one of them, theirs.
merge.ufo_lazy_frame <- function(x, y, by = intersect(names(x), names(y)), by.x = by, by.y = by, all.x = FALSE, ...) {
  others <- list(...)
  if (identical(others$sort, FALSE)) others$sort <- NULL # as it is
  if (length(others) > 0) {
    raise_unsupported("merge() of a lazy data frame takes by, by.x, by.y, all.x and sort = FALSE, and no other arguments")
  }
  check_flag(all.x, "all.x")
  y <- check_joined(y)
  by.x <- key_columns(by.x, names(x), "by.x")
  by.y <- key_columns(by.y, names(y), "by.y")
  if (length(by.x) != length(by.y)) raise_usage("merge() needs as many columns in by.x as in by.y")
  # Base R says what the columns are called.
  names <- names(merge(frame_piece(x, 0, 0), y[0, , drop = FALSE], by.x = by.x, by.y = by.y))
  rows <- joined_rows(take_columns(x, by.x), y[by.y], all.x)
  from_x <- frame_columns(x)[c(by.x, setdiff(seq_along(names(x)), by.x))]
  if (!is.null(rows$x)) from_x <- lapply(from_x, take_positions, rows$x)
  from_y <- lapply(setdiff(seq_along(y), by.y), function(j) {
    column <- y[[j]]
    map_lazy(rows$y, function(at) column[at])
  })
  new_lazy_frame(c(from_x, from_y), names, length(rows$y))
}

check_joined <- function(y) {
  if (is_lazy_frame(y) && frame_rows(y) > merge_rows_max) {
    raise_unsupported("merge() joins a lazy data frame with a table that fits into memory; the second has ", format_count(frame_rows(y)), " rows")
  }
  if (is_lazy_frame(y)) y <- ufo_materialize(y)
  if (!is.data.frame(y)) raise_usage("merge() joins a lazy data frame with a data frame")
  y <- make_data_frame(unclass(y), names(y), nrow(y))
  ufo_lazy(y) # whether its columns can be
  y
}

# The numbers of the columns.
key_columns <- function(by, names, what) {
  if (length(by) == 0) raise_unsupported("merge() needs a column to join by, which both tables have; say `by`")
  at <- if (is.character(by)) match(by, names) else if (is.numeric(by)) match(by, seq_along(names)) else which(by)
  if (anyNA(at) || (is.character(by) && any(names[duplicated(names)] %in% by))) {
    raise_usage(what, " must name columns that are there, each once, not ", quoted(by))
  }
  at
}

# list(x, y): for each row of the join the numbers of its rows, lazily. `x` is NULL if they are 1, 2, 3 ...; a number in `y`
# is NA where there is none.
joined_rows <- function(keys, table, all.x) {
  coded <- code_keys(keys, table)
  in_order <- order(coded$table)
  counts <- tabulate(coded$table)
  starts <- cumsum(counts) - counts
  codes <- build_lazy(frame_rows(keys), function(first, count) coded$code_of(frame_piece(keys, first, count)))
  times_at <- function(codes) {
    times <- counts[codes]
    replace(times, is.na(codes), as.integer(all.x))
  }
  total <- 0
  once <- TRUE
  each_piece(length(codes), function(first, count) {
    times <- times_at(lazy_piece(codes, first, count))
    total <<- total + sum(times)
    once <<- once && all(times == 1)
  })
  whole <- frame_rows(keys) <= .Machine$integer.max
  x <- if (!once) new_sink(if (whole) "integer" else "double", NULL, total)
  y <- new_sink("integer", NULL, total)
  each_piece(length(codes), function(first, count) {
    codes <- lazy_piece(codes, first, count)
    times <- times_at(codes)
    numbers <- first + seq_len(count)
    if (!once) x$add(rep(if (whole) as.integer(numbers) else as.double(numbers), times))
    y$add(in_order[rep(starts[codes], times) + sequence(times)])
  })
  list(x = if (!once) x$close(), y = y$close())
}

# list(table, code_of): a number for each row of the table, from 1 on and the same where the keys agree; and a function that
# gives these numbers for a piece of the keys, NA for those that are not in the table.
code_keys <- function(keys, table) {
  samples <- frame_piece(keys, 0, 0)
  steps <- list()
  code <- NULL
  for (j in seq_along(table)) {
    convert <- key_converters(samples[[j]], table[[j]])
    values <- convert$y(table[[j]])
    steps[[j]] <- list(convert = convert$x, different = unique(values))
    column <- match(values, steps[[j]]$different)
    # Pairs of the numbers so far and those of this column are numbered anew, so that they stay small.
    if (!is.null(code)) {
      pairs <- column + (code - 1) * length(steps[[j]]$different)
      steps[[j]]$pairs <- unique(pairs)
      column <- match(pairs, steps[[j]]$pairs)
    }
    code <- column
  }
  list(table = code, code_of = function(piece) {
    code <- NULL
    for (j in seq_along(steps)) {
      column <- match(steps[[j]]$convert(piece[[j]]), steps[[j]]$different)
      code <- if (is.null(code)) column else match(column + (code - 1) * length(steps[[j]]$different), steps[[j]]$pairs)
    }
    code
  })
}

# Functions that make values comparable, as match() would: factors and what stands beside texts are texts.
key_converters <- function(x, y) {
  bare <- function(v) as.vector(unclass(v))
  same <- function(f) list(x = f, y = f)
  if (is.factor(x)) return(list(x = as.character, y = if (is.factor(y)) as.character else identity))
  if (is.factor(y)) return(list(x = if (inherits(x, "Date")) as.character else identity, y = as.character))
  if (!is.object(x) && !is.object(y)) return(same(identity))
  if (identical(class(x), class(y)) && identical(attr(x, "units"), attr(y, "units"))) return(same(bare))
  if (inherits(x, "Date") && is.character(y)) return(list(x = as.character, y = identity))
  if (inherits(y, "Date") && is.character(x)) return(list(x = identity, y = as.character))
  raise_unsupported("merge() cannot tell which values of class ", quoted(class(x)), " and ", quoted(class(y)), " agree; convert one of them")
}
