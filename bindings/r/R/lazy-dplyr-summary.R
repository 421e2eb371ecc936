# One row of all rows, or for each group, of a lazy table: dplyr's summarise(), count() and tally().

# ---- of all rows -----------------------------------------------------------------------------------------------------

# A list of values by name: each expression computed on all rows of `x`, which may be longer than one. Values are as
# summarise() of dplyr would make them.
values_of_whole <- function(x, quosures) {
  work <- new_plan(x)
  values <- list()
  for (i in seq_along(quosures)) {
    given <- !is.null(names(quosures)) && names(quosures)[[i]] != ""
    some <- expand_across(quosures[i], columns_to_choose(work))
    refuse_results_chosen(quosures[[i]], values, work)
    labelled <- with_names(some)
    results <- lapply(labelled, summary_value, work)
    for (k in seq_along(results)) {
      name <- names(labelled)[[k]]
      unpacked <- !given && length(some) == 1 && is.data.frame(results[[k]])
      if (unpacked) values <- c(values, list(results[[k]])) else values[[name]] <- results[[k]]
      for (part in if (unpacked) names(results[[k]]) else name) work$values[[part]] <- if (unpacked) results[[k]][[part]] else results[[k]]
    }
  }
  values
}

# across() chooses of results before it, too, which are no columns of the lazy table.
refuse_results_chosen <- function(quosure, values, work) {
  expression <- rlang::quo_get_expr(quosure)
  env <- rlang::quo_get_env(quosure)
  if (length(values) == 0 || !is_call_of(expression, "across", env)) return(invisible())
  columns <- frame_piece(columns_to_choose(work), 0, 0)
  for (name in setdiff(names(values), "")) columns[[name]] <- structure(values[[name]][0], ufo_result = name)
  selection <- across_arguments(expression)$.cols
  chosen <- unlist(lapply(dplyr::select(columns, !!rlang::new_quosure(selection, env)), attr, "ufo_result"))
  if (length(chosen) > 0) {
    raise_unsupported("across() of a lazy table does not choose results of the same summarise(), as `", chosen[[1]],
      "`; put it before them, or name its columns")
  }
}

summary_value <- function(quosure, work) {
  planned <- plan_expression(quosure, emptyenv(), work)
  if (!is.null(planned) && any(variables_of(planned) %in% names(work$frame))) {
    planned <- whole_column(planned, work)
    value <- .subset2(work$frame, as.character(planned))
  } else {
    value <- eval(planned, mask_of(work), work$functions)
  }
  if (is_lazy(value) && length(value) > piece_elements()) {
    raise_unsupported("summarise() of a lazy table gives results that fit into memory; `", rlang::as_label(quosure), "` has ",
      format_count(length(value)), " elements, as a column that mutate() makes")
  }
  if (is_lazy_frame(value)) raise_unsupported("summarise() of a lazy table makes no lazy tables")
  ufo_materialize(value)
}

summarise.ufo_lazy_frame <- function(.data, ..., .groups = NULL) {
  quosures <- verb_quosures(..., verb = "summarise")
  values <- as_dplyr_says(.data, function(rows) dplyr::summarise(rows, !!!quosures), values_of_whole(.data, quosures))
  dplyr::summarise(make_data_frame(list(), character(), 1L, attr(.data, "frame_class")), !!!values, .groups = .groups)
}

# ---- of groups -------------------------------------------------------------------------------------------------------

# Of whole groups dplyr makes ordinary rows; how the result is grouped, and what is said of that, dplyr decides of these.
summarise.ufo_lazy_grouped <- function(.data, ..., .groups = NULL) {
  quosures <- verb_quosures(..., verb = "summarise")
  refuse_group_numbers(quosures)
  if (any(names(quosures) %in% group_names(.data))) refuse_changed_groups()
  caller <- parent.frame()
  if (frame_rows(.data) == 0) {
    return(rlang::eval_bare(rlang::expr(dplyr::summarise(!!few_rows(.data), !!!quosures, .groups = !!.groups)), caller))
  }
  rows <- as_dplyr_says(.data, function(rows) dplyr::summarise(rows, !!!quosures), summary_rows(.data, quosures))
  regrouped_summary(rows, .data, .groups, caller)
}

summary_rows <- function(x, quosures) {
  layout <- group_layout(x)
  parts <- list()
  add <- function(part) parts[[length(parts) + 1]] <<- dplyr::ungroup(part)
  each_batch(
    x, layout, columns_for(x, quosures), function(rows) add(dplyr::summarise(rows, !!!quosures, .groups = "drop")),
    function(rows, key) {
      add(on_large(function() {
        values <- values_of_whole(large_with_key(rows, key), quosures)
        result <- dplyr::summarise(key, !!!values)
        dplyr::bind_cols(key[rep(1, nrow(result)), ], result)
      }, function() dplyr::summarise(large_in_memory(rows, key), !!!quosures, .groups = "drop")))
    }
  )
  for (part in parts) {
    # Of a table that is taken apart into columns, which are not known beforehand.
    if (nrow(dplyr::anti_join(part, layout$keys, by = group_names(x))) > 0) refuse_changed_groups()
  }
  empty <- empty_groups(x, layout, quosures)
  dplyr::bind_rows(c(parts, list(empty)))
}

# What expressions give of groups without rows, where dplyr keeps them; without any groups, of none.
empty_groups <- function(x, layout, quosures) {
  vars <- group_names(x)
  if (group_drop(x) && nrow(layout$keys) > 0) return(NULL)
  if (!group_drop(x) && !all(vapply(as.list(x)[vars], is_lazy_factor, NA))) {
    raise_unsupported("Groups without rows (.drop = FALSE) work on a lazy table only if all columns that make the groups are factors")
  }
  if (!group_drop(x) && length(vars) > 1 && anyNA(layout$keys)) {
    raise_unsupported("Groups without rows (.drop = FALSE) of several columns, one of which has NA, do not work on a lazy table")
  }
  nothing <- dplyr::group_by(frame_piece(ungrouped(x), 0, 0), !!!rlang::syms(vars), .drop = group_drop(x))
  rows <- suppressWarnings(dplyr::summarise(nothing, !!!quosures, .groups = "drop"))
  if (nrow(rows) == 0 || nrow(layout$keys) == 0) rows else dplyr::anti_join(rows, layout$keys, by = vars)
}

refuse_changed_groups <- function() {
  raise_unsupported("summarise() does not change the columns that make the groups of a lazy table; give its results other names")
}

regrouped_summary <- function(rows, x, .groups, caller) {
  vars <- group_names(x)
  grouped <- dplyr::group_by(rows, !!!rlang::syms(vars), .drop = group_drop(x))
  results <- rlang::syms(structure(setdiff(names(rows), vars), names = setdiff(names(rows), vars)))
  rlang::eval_bare(rlang::expr(dplyr::summarise(!!grouped, !!!results, .groups = !!.groups)), caller)
}

# ---- counts ----------------------------------------------------------------------------------------------------------

count.ufo_lazy_frame <- function(x, ..., wt = NULL, sort = FALSE, name = NULL, .drop = group_drop(x)) {
  grouped <- if (...length() > 0) dplyr::group_by(x, ..., .add = TRUE, .drop = .drop) else x
  counts <- dplyr::tally(grouped, wt = !!rlang::enquo(wt), sort = sort, name = name)
  same <- dplyr::ungroup(counts)
  class(same) <- attr(x, "frame_class")
  if (is.null(group_names(x))) same else dplyr::group_by(same, !!!rlang::syms(group_names(x)))
}

tally.ufo_lazy_frame <- function(x, wt = NULL, sort = FALSE, name = NULL) {
  wt <- rlang::enquo(wt)
  vars <- group_names(x)
  if (is.null(vars)) {
    count <- if (rlang::quo_is_null(wt)) as_count(frame_rows(x)) else rlang::quo(sum(!!wt, na.rm = TRUE))
    counts <- dplyr::summarise(x, ..n = !!count)
    return(tallied(counts, sort, name))
  }
  if (rlang::quo_is_null(wt)) {
    layout <- group_layout(x)
    counts <- layout$keys
    counts$..n <- as_count(layout$counts)
    counts <- dplyr::bind_rows(counts, empty_groups(x, layout, list(..n = rlang::new_quosure(0L, emptyenv()))))
  } else {
    counts <- summary_rows(x, list(..n = rlang::quo(sum(!!wt, na.rm = TRUE))))
  }
  tallied(dplyr::group_by(counts, !!!rlang::syms(vars), .drop = group_drop(x)), sort, name)
}

# dplyr names and groups what has been counted; it gets the numbers of the rows to add up, since it leaves out what is NA.
tallied <- function(counts, sort, name) {
  values <- counts[["..n"]]
  counts[["..n"]] <- seq_along(values)
  result <- dplyr::tally(counts, wt = !!rlang::sym("..n"), name = name)
  name <- utils::tail(names(result), 1)
  result[[name]] <- values[result[[name]]]
  if (sort) dplyr::arrange(result, dplyr::desc(!!rlang::sym(name))) else result
}

# A column with the count of the row's group.
add_count.ufo_lazy_frame <- function(x, ..., wt = NULL, sort = FALSE, name = NULL, .drop = TRUE) {
  if (sort) raise_unsupported("add_count() of a lazy table does not sort; use arrange() after it")
  wt <- rlang::enquo(wt)
  grouped <- if (...length() > 0) dplyr::group_by(x, ..., .add = TRUE) else x
  # dplyr finds the name, if none is given.
  found <- names(dplyr::add_count(few_rows(grouped), wt = 1L, name = name))
  if (is.null(name)) name <- utils::tail(found, 1)
  value <- if (rlang::quo_is_null(wt)) rlang::expr(dplyr::n()) else rlang::expr(sum(!!wt, na.rm = TRUE))
  counted <- dplyr::mutate(grouped, !!!structure(list(value), names = name))
  attributes(counted)$frame_class <- attr(x, "frame_class")
  same_groups(ungrouped(counted), x)
}
