# dplyr's verbs for lazy tables that choose, name and show columns. They ask dplyr what becomes of a few rows, and do the same.

few_rows <- function(x) regroup_ordinary(frame_piece(x, 0, min(10, frame_rows(x))), x)

# list(at, names): the numbers of the columns that verb(probe) leaves, and their names. Helpers such as where() must tell
# the same of any rows, as they do if they look at types.
probe_columns <- function(x, verb) {
  rows <- few_rows(x)
  names <- names(verb(rows))
  mark <- function(i, at, probe) structure(probe[[i]][at], ufo_column = i)
  at <- NULL
  for (row in list(integer(), NA_integer_)) {
    probe <- frame_piece(x, 0, 0)
    probe <- make_data_frame(lapply(seq_along(probe), mark, row, probe), names(x), length(row), attr(x, "frame_class"))
    found <- tryCatch(suppressWarnings(suppressMessages(verb(regroup_ordinary(probe, x)))), error = function(problem) NULL)
    if (is.null(found) || !identical(names(found), names)) {
      raise_unsupported("Columns of a lazy table are chosen by their names and types, not by their values")
    }
    at <- vapply(seq_along(found), function(i) attr(found[[i]], "ufo_column"), 0L)
  }
  list(at = at, names = names)
}

columns_as <- function(x, verb) {
  chosen <- probe_columns(x, verb)
  columns <- new_lazy_frame(frame_columns(x)[chosen$at], chosen$names, frame_rows(x), attr(x, "frame_class"))
  vars <- group_names(x)
  if (is.null(vars)) return(columns)
  new_lazy_grouped(columns, chosen$names[match(match(vars, names(x)), chosen$at)], group_drop(x))
}

select.ufo_lazy_frame <- function(.data, ...) columns_as(.data, function(probe) dplyr::select(probe, ...))
rename.ufo_lazy_frame <- function(.data, ...) columns_as(.data, function(probe) dplyr::rename(probe, ...))
relocate.ufo_lazy_frame <- function(.data, ..., .before = NULL, .after = NULL) {
  before <- rlang::enquo(.before)
  after <- rlang::enquo(.after)
  columns_as(.data, function(probe) dplyr::relocate(probe, ..., .before = !!before, .after = !!after))
}
rename_with.ufo_lazy_frame <- function(.data, .fn, .cols = dplyr::everything(), ...) {
  columns <- rlang::enquo(.cols)
  columns_as(.data, function(probe) dplyr::rename_with(probe, .fn, !!columns, ...))
}

# The column, which stays lazy.
pull.ufo_lazy_frame <- function(.data, var = -1, name = NULL, ...) {
  if (!is.null(rlang::quo_get_expr(rlang::enquo(name)))) raise_unsupported("pull() of a lazy table takes no `name`; a lazy vector has no names")
  var <- rlang::enquo(var)
  # Of one row, in which each column is its own number.
  numbers <- make_data_frame(as.list(seq_along(unclass(.data))), names(.data), 1L)
  .subset2(.data, dplyr::pull(numbers, !!var))
}

# ---- the whole table -------------------------------------------------------------------------------------------------

collect.ufo_lazy_frame <- function(x, ...) regroup_ordinary(ufo_materialize(ungrouped(x)), x)
compute.ufo_lazy_frame <- function(x, ...) x
collapse.ufo_lazy_frame <- function(x, ...) x
tbl_vars.ufo_lazy_frame <- function(x) names(x)

glimpse.ufo_lazy_frame <- function(x, width = NULL, ...) {
  shown <- utils::capture.output(dplyr::glimpse(few_rows(x), width = if (is.null(width)) getOption("width") else width, ...))
  shown[[1]] <- paste("Rows:", format_count(frame_rows(x)))
  cat(shown, sep = "\n")
  invisible(x)
}

# Only with the same columns, since types decide how what is not there would be filled up.
union_all.ufo_lazy_frame <- function(x, y, ...) {
  if (!is_lazy_frame(y) && !is.data.frame(y)) raise_usage("union_all() of a lazy table takes another table")
  if (!setequal(names(x), names(y))) {
    raise_unsupported("union_all() of a lazy table takes a table with the same columns; mutate() adds what is missing")
  }
  same_groups(rbind(ungrouped(x), ufo_lazy(y)), x)
}

union.ufo_lazy_frame <- function(x, y, ...) dplyr::distinct(union_all.ufo_lazy_frame(x, y))

# ---- what is refused -------------------------------------------------------------------------------------------------

refuse_verb <- function(verb, instead = "collect() reads the table into memory, where it works") {
  force(verb)
  force(instead)
  function(...) raise_condition("unsupported", paste0(verb, "() does not work on a lazy table; ", instead), hint = "?ufo_lazy_dplyr tells what works.")
}

rowwise.ufo_lazy_frame <- refuse_verb("rowwise", "expressions on columns, if_else() and pmax() do without it, or ufo_map(x, function(rows) ...)")
by_groups <- "summarise() calls functions with groups, ufo_tapply() and split() give lists, and collect() reads the table into memory"
do.ufo_lazy_frame <- refuse_verb("do", by_groups)
group_map.ufo_lazy_frame <- refuse_verb("group_map", by_groups)
group_modify.ufo_lazy_frame <- refuse_verb("group_modify", by_groups)
group_split.ufo_lazy_frame <- refuse_verb("group_split", by_groups)
group_nest.ufo_lazy_frame <- refuse_verb("group_nest", by_groups)
nest_by.ufo_lazy_frame <- refuse_verb("nest_by", by_groups)
group_data.ufo_lazy_frame <- refuse_verb("group_data", "group_keys() tells the groups, and count() how many rows they have")
group_indices.ufo_lazy_frame <- refuse_verb("group_indices", "group_keys() tells the groups")
nest_join.ufo_lazy_frame <- refuse_verb("nest_join", "left_join() joins the rows")
sample_n.ufo_lazy_frame <- refuse_verb("sample_n", "use slice_sample(n = )")
sample_frac.ufo_lazy_frame <- refuse_verb("sample_frac", "use slice_sample(prop = )")
intersect.ufo_lazy_frame <- refuse_verb("intersect", "use semi_join() and distinct()")
setdiff.ufo_lazy_frame <- refuse_verb("setdiff", "use anti_join() and distinct()")
setequal.ufo_lazy_frame <- refuse_verb("setequal", "use nrow(anti_join(x, y)) and nrow(anti_join(y, x))")
