# Groups of lazy tables, for dplyr's verbs. A grouped table has the names of the columns that make its groups as attribute
# "group_names", and the class "ufo_lazy_grouped" before "ufo_lazy_frame". Its rows are where they are; a verb brings the
# columns that it needs into the order of their groups, and hands dplyr as many whole groups at a time as make a piece.

new_lazy_grouped <- function(x, names, drop = TRUE) {
  x <- ungrouped(x)
  if (length(names) == 0) return(x)
  structure(x, group_names = names, group_drop = drop, frame_class = frame_classes[[2]], class = c("ufo_lazy_grouped", "ufo_lazy_frame"))
}
group_names <- function(x) attr(x, "group_names")
group_drop <- function(x) !isFALSE(attr(x, "group_drop"))
ungrouped <- function(x) new_lazy_frame(frame_columns(x), names(x), frame_rows(x), attr(x, "frame_class"))

# With the groups of `like`, as far as their columns are still there.
same_groups <- function(x, like) {
  if (is.null(group_names(like))) x else new_lazy_grouped(x, intersect(group_names(like), names(x)), group_drop(like))
}
# The same for an ordinary table.
regroup_ordinary <- function(rows, like) {
  if (is.null(group_names(like))) return(rows)
  dplyr::group_by(rows, !!!rlang::syms(group_names(like)), .drop = group_drop(like))
}

group_by.ufo_lazy_frame <- function(.data, ..., .add = FALSE, .drop = group_drop(.data)) {
  quosures <- verb_quosures(..., verb = "group_by")
  check_flag(.drop, ".drop")
  names <- names(with_names(expand_across(quosures, .data)))
  computed <- is_computed(quosures)
  base <- ungrouped(.data)
  as_dplyr_says(.data, function(rows) dplyr::group_by(rows, !!!quosures), {
    if (any(computed)) base <- mutate_whole(base, quosures[computed])
    if (!all(names %in% names(base))) dplyr::group_by(few_rows(base), !!!quosures)
  })
  attr(base, "frame_class") <- frame_classes[[2]] # as dplyr has it, also without groups
  new_lazy_grouped(base, unique(c(if (.add) group_names(.data), names)), .drop)
}

# Whether each is more than the name of a column.
is_computed <- function(quosures) {
  named <- if (is.null(names(quosures))) rep(FALSE, length(quosures)) else names(quosures) != ""
  named | !vapply(quosures, rlang::quo_is_symbol, NA)
}

ungroup.ufo_lazy_frame <- function(x, ...) {
  if (...length() == 0) return(ungrouped(x))
  gone <- chosen_columns(ungrouped(x), rlang::expr(c(...)), environment())
  new_lazy_grouped(x, setdiff(group_names(x), gone), group_drop(x))
}
group_vars.ufo_lazy_frame <- function(x) as.character(group_names(x))
groups.ufo_lazy_frame <- function(x) rlang::syms(as.character(group_names(x)))
group_by_drop_default.ufo_lazy_frame <- function(.tbl) group_drop(.tbl)
n_groups.ufo_lazy_frame <- function(x) nrow(group_keys.ufo_lazy_frame(x))
group_size.ufo_lazy_frame <- function(x) dplyr::tally(x, name = "..n")[["..n"]]
group_keys.ufo_lazy_frame <- function(.tbl, ...) {
  if (is.null(group_names(.tbl))) return(dplyr::group_keys(few_rows(.tbl)))
  counts <- dplyr::ungroup(dplyr::tally(.tbl, name = "..n"))
  counts[group_names(.tbl)]
}

# ---- what base R's functions make of a grouped table keeps its groups -----------------------------------------------

`[.ufo_lazy_grouped` <- function(x, i, j, drop) {
  part <- NextMethod()
  if (is_lazy_frame(part)) same_groups(part, x) else part
}
`[<-.ufo_lazy_grouped` <- function(x, i, j, value) same_groups(NextMethod(), x)
`[[<-.ufo_lazy_grouped` <- function(x, i, ..., value) same_groups(NextMethod(), x)
`$<-.ufo_lazy_grouped` <- function(x, name, value) same_groups(NextMethod(), x)
head.ufo_lazy_grouped <- function(x, ...) same_groups(NextMethod(), x)
tail.ufo_lazy_grouped <- function(x, ...) same_groups(NextMethod(), x)
na.omit.ufo_lazy_grouped <- function(object, ...) same_groups(NextMethod(), object)
subset.ufo_lazy_grouped <- function(x, ...) {
  part <- NextMethod()
  if (is_lazy_frame(part)) same_groups(part, x) else part
}
print.ufo_lazy_grouped <- function(x, ...) {
  NextMethod()
  cat("Groups: ", toString(group_names(x)), "\n", sep = "")
  invisible(x)
}

# ---- which groups there are ------------------------------------------------------------------------------------------

# A column as codes: list(values, codes), the values in the order in which dplyr has groups, with what is missing among
# them if it is there; codes without NA.
group_key <- function(column, name) {
  levels <- lazy_meta(column)$levels
  if (!is.null(levels)) {
    values <- seq_along(levels)
    if (anyNA(column)) values <- c(values, NA)
  } else {
    values <- different_values(check_sortable(column, "group_by()"))
    if (is.null(values)) return(sorted_key(column, name))
    shown <- make_data_frame(list(with_meta(values, lazy_meta(column))), "value", length(values), frame_classes[[2]])
    values <- own_values(dplyr::group_keys(dplyr::group_by(shown, !!rlang::sym("value")))[["value"]])
  }
  list(values = with_meta(values, lazy_meta(column)), codes = codes_among(column, values))
}

# NULL if there are too many to look each element up among them.
different_values <- function(column) {
  seen <- read_piece(lazy_values(column), 0, 0)
  each_piece(length(column), function(first, count) {
    if (length(seen) > groups_max) return()
    piece <- unique(read_piece(lazy_values(column), first, count))
    seen <<- c(seen, piece[!(piece %in% seen)])
  })
  if (length(seen) <= groups_max) seen
}

# The key of a column of numbers with many different values.
sorted_key <- function(column, name) {
  if (is.character(lazy_values(column))) {
    raise_unsupported("Groups by texts have at most ", format_count(groups_max), " different ones, and `", name, "` has more")
  }
  ranks <- dense_ranks(column)
  values <- ufo_materialize(ranks$values)
  list(values = with_meta(values, lazy_meta(column)), codes = ranks$codes)
}

# list(codes, values): for each element the number of its value among the different ones in order, with NaN and NA behind
# them; and these values, lazily.
dense_ranks <- function(x) {
  x <- new_lazy(lazy_values(x))
  n <- length(x)
  absent <- if (anyNA(x)) is.na(x)
  positions <- if (is.null(absent)) positions_of(n) else ufo_which(!absent)
  there <- if (is.null(absent)) x else x[!absent]
  sorted <- external_sort(lazy_values(there), lazy_values(positions), FALSE)
  begins <- begins_of_sorted(sorted$keys)
  ranks <- cumsum(begins)
  values <- new_lazy(sorted$keys)[begins]
  places <- new_lazy(sorted$payload)
  if (!is.null(absent)) {
    kinds <- list(is.na(x))
    if (is.double(lazy_values(x))) kinds <- list(is.nan(x), is.na(x) & !is.nan(x))
    for (kind in kinds) {
      at <- ufo_which(kind)
      if (length(at) == 0) next
      places <- c(places, at)
      ranks <- c(ranks, rep(ufo_lazy(length(values) + 1L), length(at)))
      values <- c(values, x[as.vector(at[1])])
    }
  }
  list(codes = new_lazy(external_sort(lazy_values(places), lazy_values(ranks), FALSE)$payload), values = values)
}

# A number for each row, equal where all columns are.
codes_of_rows <- function(columns) {
  codes <- NULL
  for (column in columns) {
    values <- different_values(column)
    key <- if (is.null(values)) dense_ranks(column) else list(values = values, codes = codes_among(column, values))
    if (is.null(codes)) {
      codes <- key$codes
      size <- length(key$values)
      next
    }
    if (size * as.double(length(key$values)) > 2^52) {
      ranks <- dense_ranks(codes)
      codes <- ranks$codes
      size <- length(ranks$values)
    }
    codes <- with_further(codes, size, key$codes)
    size <- size * as.double(length(key$values))
  }
  codes
}
with_further <- function(codes, size, further) {
  build_lazy(length(codes), function(first, count) {
    as.double(lazy_piece(codes, first, count)) + (lazy_piece(further, first, count) - 1) * size
  })
}

# list(codes, keys, counts, starts): a number for each row, in the order of groups; and for each group that there is, in
# order, a row of a tibble, how many rows it has, and where they begin, from 0 on, when all are sorted.
# Where results are in the order of groups, `shown`, it is refused if dplyr would put groups of NaN and of NA into the order
# in which they come up, among those of other columns.
group_layout <- function(x, shown = TRUE) {
  vars <- group_names(x)
  keys <- lapply(vars, function(name) group_key(.subset2(x, name), name))
  for (k in seq_along(keys)) {
    values <- keys[[k]]$values
    if (!shown || !is.double(values) || !any(is.nan(values)) || all(is.nan(values[is.na(values)]))) next
    if (length(keys) > 1 || length(values) > groups_max) {
      raise_unsupported("`", vars[[k]], "` has NaN and NA, groups of which have no order beside others; make them one: mutate(",
        vars[[k]], " = if_else(is.nan(", vars[[k]], "), NA_real_, ", vars[[k]], "))")
    }
  }
  codes <- combined_codes(rev(keys)) # the last column changes fastest
  n <- length(codes)
  runs <- if (n > 0) runs_of(codes) else list(values = numeric(), starts = numeric())
  at <- runs$values - 1
  columns <- list()
  for (key in rev(keys)) {
    size <- length(key$values)
    columns <- c(list(key$values[at %% size + 1]), columns)
    at <- at %/% size
  }
  list(
    codes = codes, keys = make_data_frame(columns, vars, length(runs$values), frame_classes[[2]]),
    counts = diff(c(runs$starts, n)), starts = runs$starts
  )
}

# ---- groups one after the other --------------------------------------------------------------------------------------

# A group of more rows than this is not read into memory, if that can be avoided.
large_group <- function() run_elements()

# Functions that see all columns.
looks_at_all <- c("across", "if_any", "if_all", "c_across", "cur_data", "cur_data_all", "pick")

# The columns that expressions of the caller name, but for those that make the groups.
columns_for <- function(x, quosures) {
  names <- unlist(lapply(quosures, variables_of))
  others <- setdiff(names(x), group_names(x))
  called <- unlist(lapply(quosures, all.names))
  if (any(c(names, called) %in% c(".data", looks_at_all))) others else intersect(others, names)
}

# Calls small(rows) with a grouped tibble of some whole groups, and large(rows, key) with a lazy table, and a tibble of
# one row, of a large one, in order. `columns` are read of `x`, and `positions`, if wanted, as the column "..ufo_row".
each_batch <- function(x, layout, columns, small, large, positions = FALSE) {
  sorted <- lapply(as.list(x)[columns], function(column) new_lazy(values_by_code(column, layout$codes), lazy_meta(column)))
  if (positions) sorted[["..ufo_row"]] <- rows_by_group(layout)
  rows <- frame_rows(x)
  sorted <- new_lazy_frame(sorted, names(sorted), rows, frame_classes[[2]])
  group <- 1
  while (group <= length(layout$counts)) {
    first <- layout$starts[[group]]
    if (layout$counts[[group]] > large_group()) {
      large(slice_frame(sorted, first, layout$counts[[group]]), layout$keys[group, ])
      group <- group + 1
      next
    }
    last <- group
    size <- layout$counts[[group]]
    while (last < length(layout$counts) && size + layout$counts[[last + 1]] <= piece_elements()) {
      last <- last + 1
      size <- size + layout$counts[[last]]
    }
    small(batch_of(sorted, layout, group:last, first, size, x))
    group <- last + 1
  }
}

rows_by_group <- function(layout) {
  new_lazy(external_sort(lazy_values(layout$codes), lazy_values(positions_of(length(layout$codes))), FALSE)$payload)
}

batch_of <- function(sorted, layout, groups, first, size, x) {
  keys <- layout$keys[rep(groups, layout$counts[groups]), ]
  piece <- frame_piece(sorted, first, size)
  columns <- c(as.list(keys), as.list(piece))
  dplyr::group_by(make_data_frame(columns, names(columns), size, frame_classes[[2]]), !!!rlang::syms(names(keys)))
}

# A large group in memory, for what does not work on lazy columns.
large_in_memory <- function(rows, key) {
  columns <- c(lapply(as.list(key), rep, frame_rows(rows)), as.list(frame_piece(rows, 0, frame_rows(rows))))
  dplyr::group_by(make_data_frame(columns, names(columns), frame_rows(rows), frame_classes[[2]]), !!!rlang::syms(names(key)))
}
# ... and as a lazy table with the columns of its key, of which across() and its like do not choose.
large_with_key <- function(rows, key) {
  for (name in names(key)) rows[[name]] <- key[[name]]
  structure(rows, key_names = names(key))
}

# The same by expressions that see whole lazy columns, or else, where they cannot, by `in_memory`.
on_large <- function(on_lazy, in_memory) {
  seed <- get0(".Random.seed", envir = globalenv(), inherits = FALSE)
  tryCatch(on_lazy(), ufo_unsupported_error = function(problem) {
    # The same random numbers again.
    if (!is.null(seed)) assign(".Random.seed", seed, envir = globalenv())
    in_memory()
  })
}

refuse_group_numbers <- function(quosures) {
  if (any(unlist(lapply(quosures, all.names)) %in% c("cur_group_id", "cur_group_rows"))) {
    raise_unsupported("cur_group_id() and cur_group_rows() do not work on a lazy table; cur_group() and row_number() do")
  }
}
