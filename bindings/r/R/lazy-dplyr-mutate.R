# New columns of lazy tables, by dplyr's mutate() and transmute().

# Quosures with names, where they are given; those that dplyr would take for arguments that do not work here are refused.
verb_quosures <- function(..., verb) {
  quosures <- as.list(rlang::enquos(..., .ignore_empty = "all"))
  if (".by" %in% names(quosures)) raise_unsupported(verb, "() of a lazy table takes no .by; use group_by() before it")
  quosures
}

# What dplyr calls a column that is given no name.
with_names <- function(quosures) {
  if (length(quosures) == 0) return(list())
  names <- names(quosures)
  if (is.null(names)) names <- rep("", length(quosures))
  names(quosures) <- ifelse(names == "", vapply(quosures, rlang::as_label, ""), names)
  quosures
}

mutate.ufo_lazy_frame <- function(.data, ..., .keep = "all", .before = NULL, .after = NULL) {
  before <- rlang::enquo(.before)
  after <- rlang::enquo(.after)
  if (!identical(.keep, "all")) raise_unsupported("mutate() of a lazy table keeps all columns; use select() or transmute()")
  quosures <- verb_quosures(..., verb = "mutate")
  made <- mutated(.data, quosures)
  new <- setdiff(names(made), names(.data))
  if (length(new) == 0 || (rlang::quo_is_null(before) && rlang::quo_is_null(after))) return(made)
  dplyr::relocate(made, dplyr::all_of(new), .before = !!before, .after = !!after)
}

# The columns that are named, and those of the groups before them.
transmute.ufo_lazy_frame <- function(.data, ...) {
  quosures <- verb_quosures(..., verb = "transmute")
  made <- mutated(.data, quosures)
  named <- names(with_names(expand_across(quosures, .data)))
  dplyr::select(made, dplyr::all_of(unique(c(setdiff(group_names(.data), named), intersect(named, names(made))))))
}

mutated <- function(x, quosures) {
  as_dplyr_says(x, function(rows) dplyr::mutate(rows, !!!quosures), {
    if (is.null(group_names(x))) mutate_whole(x, quosures) else mutate_groups(x, quosures)
  })
}

# Without regard to groups.
mutate_whole <- function(x, quosures) {
  work <- new_plan(x)
  plan_columns(work, quosures)
  compute_waiting(work)
  work$key_names <- NULL
  same_groups(columns_to_choose(work), x)
}

plan_columns <- function(work, quosures) {
  for (i in seq_along(quosures)) {
    # One after the other, since across() may choose of what was just made.
    if (is_call_of(rlang::quo_get_expr(quosures[[i]]), c("across", "pick"), rlang::quo_get_env(quosures[[i]]))) compute_waiting(work)
    some <- with_names(expand_across(quosures[i], columns_to_choose(work)))
    check_own_names(names(some))
    planned <- list()
    # All of one across() see the columns that were there before it.
    for (name in names(some)) planned[[name]] <- list(plan_expression(some[[name]], emptyenv(), work))
    apart <- length(planned) > 1 && any(vapply(planned, function(plan) any(variables_of(plan[[1]]) %in% names(planned)), NA))
    if (apart) planned <- apart_from_each_other(planned, work)
    for (name in names(planned)) plan_column(name, planned[[name]][[1]], work)
  }
}

apart_from_each_other <- function(planned, work) {
  compute_waiting(work)
  hidden <- structure(lapply(planned, `[[`, 1), names = vapply(planned, function(plan) new_name(work), ""))
  work$waiting <- hidden
  compute_waiting(work)
  structure(lapply(names(hidden), function(name) list(as.name(name))), names = names(planned))
}

plan_column <- function(name, planned, work) {
  if (is.null(planned)) {
    compute_waiting(work)
    work$frame[[name]] <- NULL
    return(invisible())
  }
  if (is_other_value(planned, work)) {
    value <- work$values[[as.character(planned)]]
    if (size_of(value) %in% c(1, frame_rows(work$frame))) {
      raise_unsupported("`", name, "` is a ", class(value)[[1]], ", which cannot be a column of a lazy table; collect() the table first")
    }
    raise_usage("`", name, "` must be of size ", format_count(frame_rows(work$frame)), " or 1, not ", format_count(size_of(value)))
  }
  # What was planned before may be waiting for the column of that name as it was.
  work$waiting <- c(work$waiting, structure(list(planned), names = name))
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
  layout <- group_layout(x, shown = FALSE)
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
  from <- rows_by_group(layout)
  all <- with_columns(ungrouped(x), lapply(made, function(column) to_rows(column$close(), from)))
  same_groups(take_columns(all, setdiff(names(all), setdiff(new_names, names(made)))), x)
}

# Of a table without a name mutate() makes several columns, which are not known beforehand.
check_unpacked <- function(named, quosures, made) {
  given <- if (is.null(names(quosures))) character() else names(quosures)
  gone <- setdiff(names(named), c(made, given))
  if (length(gone) > 0) {
    raise_unsupported("`", gone[[1]], "` is a table, which cannot be taken apart into columns of a lazy table; name them one by one")
  }
}

# Values in the order of groups, back in the order of rows, of which `from` says for each which one it is of.
to_rows <- function(column, from) {
  if (length(column) == 0) return(column)
  from <- lazy_values(from)
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
    if (found$name %in% c("%in%", "is.element")) {
      return(works(expression[[2]], env) && !any(variables_of(expression[[3]]) %in% c(names(x), ".data")))
    }
    all(vapply(as.list(expression)[-1], works, NA, env))
  }
  works(quosure, emptyenv())
}
