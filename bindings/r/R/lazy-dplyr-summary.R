# One row for each group of a lazy table: dplyr's summarise(), count() and tally(), and new columns by groups.

# Of whole groups dplyr makes ordinary rows; how the result is grouped, and what is said of that, dplyr decides of these.
summarise.ufo_lazy_grouped <- function(.data, ..., .groups = NULL) {
  quosures <- verb_quosures(..., verb = "summarise")
  refuse_group_numbers(quosures)
  caller <- parent.frame()
  if (frame_rows(.data) == 0) return(rlang::eval_bare(rlang::expr(dplyr::summarise(!!few_rows(.data), !!!quosures, .groups = !!.groups)), caller))
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
  nothing <- dplyr::group_by(frame_piece(ungrouped(x), 0, 0), !!!rlang::syms(vars), .drop = group_drop(x))
  rows <- suppressWarnings(dplyr::summarise(nothing, !!!quosures, .groups = "drop"))
  if (nrow(rows) == 0 || nrow(layout$keys) == 0) rows else dplyr::anti_join(rows, layout$keys, by = vars)
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
  weights <- if (rlang::quo_is_null(wt)) list(..n = quote(n())) else list(..n = rlang::expr(sum(!!wt, na.rm = TRUE)))
  vars <- group_names(x)
  if (is.null(vars)) {
    counts <- dplyr::summarise(x, ..n = if (rlang::quo_is_null(wt)) !!as_count(frame_rows(x)) else sum(!!wt, na.rm = TRUE))
    # dplyr names and sorts what has been counted.
    return(dplyr::tally(counts, wt = !!rlang::sym("..n"), sort = sort, name = name))
  }
  if (rlang::quo_is_null(wt)) {
    layout <- group_layout(x)
    counts <- layout$keys
    counts$..n <- as_count(layout$counts)
    counts <- dplyr::bind_rows(counts, empty_groups(x, layout, list(..n = rlang::new_quosure(0L, emptyenv()))))
  } else {
    counts <- summary_rows(x, list(..n = rlang::quo(sum(!!wt, na.rm = TRUE))))
  }
  grouped <- dplyr::group_by(counts, !!!rlang::syms(vars), .drop = group_drop(x))
  dplyr::tally(grouped, wt = !!rlang::sym("..n"), sort = sort, name = name)
}

# A column with the count of the row's group.
add_count.ufo_lazy_frame <- function(x, ..., wt = NULL, sort = FALSE, name = NULL, .drop = TRUE) {
  if (sort) raise_unsupported("add_count() of a lazy table does not sort; use arrange() after it")
  wt <- rlang::enquo(wt)
  grouped <- if (...length() > 0) dplyr::group_by(x, ..., .add = TRUE) else x
  # dplyr finds the name.
  name <- utils::tail(names(dplyr::add_count(few_rows(grouped), wt = 1L, name = name)), 1)
  value <- if (rlang::quo_is_null(wt)) rlang::expr(dplyr::n()) else rlang::expr(sum(!!wt, na.rm = TRUE))
  counted <- dplyr::mutate(grouped, !!name := !!value)
  attributes(counted)$frame_class <- attr(x, "frame_class")
  same_groups(ungrouped(counted), x)
}

# ---- columns by groups -----------------------------------------------------------------------------------------------

# Each group is computed by dplyr, in the order of groups; then the values go back to where their rows are.
mutate_groups <- function(x, quosures) {
  refuse_group_numbers(quosures)
  vars <- group_names(x)
  named <- with_names(expand_across(quosures, dplyr::select(ungrouped(x), -dplyr::all_of(vars))))
  if (any(names(named) %in% vars)) {
    dplyr::mutate(few_rows(x), !!!quosures)
    raise_unsupported("mutate() does not change the columns that make the groups; use ungroup() before it")
  }
  if (all(vapply(named, is_piecewise, NA, x))) return(same_groups(mutate_whole(ungrouped(x), named), x))
  layout <- group_layout(x)
  made <- NULL
  at <- 0
  rows <- frame_rows(x)
  add <- function(columns, count) {
    # NULL leaves a column out.
    columns <- Filter(Negate(is.null), columns)
    if (is.null(made)) made <<- structure(lapply(names(columns), new_column, rows), names = names(columns))
    for (name in names(made)) {
      column <- columns[[name]]
      if (is_lazy(column)) each_piece(count, function(first, size) made[[name]]$add(at + first, lazy_piece(column, first, size)))
      else made[[name]]$add(at, column)
    }
    at <<- at + count
  }
  new_names <- unique(names(named))
  add_of <- function(computed) {
    check_unpacked(named, quosures, names(computed))
    add(as.list(computed)[intersect(new_names, names(computed))], nrow(computed))
  }
  small <- function(rows) add_of(dplyr::mutate(rows, !!!quosures))
  each_batch(x, layout, columns_for(x, quosures), small, function(rows, key) {
    on_large(
      function() add_of(mutate_whole(large_with_key(rows, key), named)),
      function() small(large_in_memory(rows, key))
    )
  })
  if (is.null(made)) small(few_rows(x))
  all <- with_columns(ungrouped(x), lapply(made, function(column) to_rows(column$close(), layout)))
  same_groups(take_columns(all, setdiff(names(all), setdiff(new_names, names(made)))), x)
}

# Of a table without a name mutate() makes several columns, which are not known beforehand.
check_unpacked <- function(named, quosures, made) {
  given <- if (is.null(names(quosures))) character() else names(quosures)
  gone <- setdiff(names(named), c(made, given))
  if (length(gone) > 0) raise_unsupported("`", gone[[1]], "` is a table, which cannot be taken apart into columns of a lazy table; name them one by one")
}

# Values in the order of groups, back in the order of rows.
to_rows <- function(column, layout) {
  if (length(column) == 0) return(column)
  from <- lazy_values(rows_by_group(layout))
  if (!is.character(lazy_values(column))) return(new_lazy(external_sort(from, lazy_values(column), FALSE)$payload, lazy_meta(column)))
  take_positions(column, new_lazy(external_sort(from, lazy_values(positions_of(length(column))), FALSE)$payload))
}

# Whether groups make no difference to an expression.
is_piecewise <- function(quosure, x) {
  works <- function(expression, env) {
    if (rlang::is_quosure(expression)) return(works(rlang::quo_get_expr(expression), rlang::quo_get_env(expression)))
    if (is.symbol(expression)) {
      name <- as.character(expression)
      return(name %in% names(x) || length(get0(name, envir = env)) == 1)
    }
    if (!is.call(expression)) return(length(expression) == 1)
    if (is_call_of(expression, c("if_any", "if_all"), env)) return(FALSE)
    if (!is.null(pronoun_name(expression, env))) return(TRUE)
    found <- piecewise_function(expression[[1]], env)
    if (is.null(found) || "collapse" %in% names(expression) || found$name == "case_when") return(FALSE)
    # Units are those of a group.
    if (found$name %in% not_of_times && any(vapply(as.list(x)[intersect(variables_of(expression), names(x))], is_time, NA))) return(FALSE)
    if (found$name %in% c("%in%", "is.element")) return(works(expression[[2]], env) && length(intersect(variables_of(expression[[3]]), names(x))) == 0)
    all(vapply(as.list(expression)[-1], works, NA, env))
  }
  works(quosure, emptyenv())
}
