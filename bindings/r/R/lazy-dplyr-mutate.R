# New columns of lazy tables, and sums of whole columns, by dplyr's mutate(), transmute() and summarise().

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

# ---- of all rows -----------------------------------------------------------------------------------------------------

# A list of values by name: each expression computed on all rows of `x`, which may be longer than one. Values are as
# summarise() of dplyr would make them.
values_of_whole <- function(x, quosures) {
  work <- new_plan(x)
  values <- list()
  for (i in seq_along(quosures)) {
    given <- !is.null(names(quosures)) && names(quosures)[[i]] != ""
    some <- expand_across(quosures[i], columns_to_choose(work))
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
