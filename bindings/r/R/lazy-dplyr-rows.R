# dplyr's verbs for lazy tables that choose rows, or put them in order.

filter.ufo_lazy_frame <- function(.data, ..., .preserve = FALSE) {
  quosures <- verb_quosures(..., verb = "filter")
  # dplyr tells of names, which are likely meant to be ==.
  if (any(names(quosures) != "")) dplyr::filter(few_rows(.data), !!!quosures)
  as_dplyr_says(.data, function(rows) dplyr::filter(rows, !!!quosures), {
    apart <- !is.null(group_names(.data)) && !all(vapply(quosures, is_piecewise, NA, .data))
    same_groups(take_rows(ungrouped(.data), if (apart) kept_in_groups(.data, quosures) else kept_rows(.data, quosures)), .data)
  })
}

# For each row whether all conditions hold.
kept_rows <- function(x, quosures) {
  work <- new_plan(x)
  planned <- list()
  for (quosure in quosures) for (condition in expand_across(list(quosure), x)) {
    planned[[length(planned) + 1]] <- plan_expression(condition, emptyenv(), work)
    if (is_other_value(planned[[length(planned)]], work)) {
      dplyr::filter(few_rows(x), !!condition)
      raise_usage("The condition ", rlang::as_label(condition), " is not as long as the table")
    }
  }
  used <- intersect(names(work$frame), unlist(lapply(planned, variables_of)))
  source <- new_lazy_frame(as.list(work$frame)[used], used, frame_rows(x))
  conditions <- lapply(planned, rlang::new_quosure, work$functions)
  warn_once(build_lazy(frame_rows(x), function(first, count) {
    piece <- frame_piece(source, first, count)
    piece[["..ufo_row"]] <- seq_len(count)
    kept <- logical(count)
    kept[dplyr::filter(piece, !!!conditions)[["..ufo_row"]]] <- TRUE
    kept
  }))
}

kept_in_groups <- function(x, quosures) {
  choose <- function(rows, numbers) numbers[kept_of(rows, quosures)]
  positions <- positions_in_groups(x, quosures, choose, function(rows) kept_rows(rows, quosures), shown = FALSE)
  kept <- new_target("logical", frame_rows(x))
  each_piece(length(positions), function(first, count) scatter(kept, NULL, lazy_piece(positions, first, count), TRUE))
  new_lazy(kept)
}

# Which rows of an ordinary table filter() would keep. There is no column in it that conditions on all columns would see.
kept_of <- function(rows, quosures) {
  kept <- rep(TRUE, nrow(rows))
  for (quosure in quosures) {
    condition <- dplyr::transmute(rows, ..ufo_kept = !!quosure)[["..ufo_kept"]]
    conditions <- if (is.data.frame(condition)) as.list(condition) else list(condition)
    # dplyr says what is wrong.
    if (!all(vapply(conditions, is.logical, NA))) dplyr::filter(rows, !!quosure)
    for (condition in conditions) kept <- kept & condition & !is.na(condition)
  }
  kept
}

# The numbers of the rows that are chosen of each group, in the order of groups: verb(rows, numbers) chooses of the numbers
# of the rows of a grouped table. `on_lazy` gives for a large group, which is lazy, a subscript.
positions_in_groups <- function(x, quosures, verb, on_lazy, shown = TRUE) {
  refuse_group_numbers(quosures)
  parts <- list()
  short <- integer()
  # Long ones are scratch vectors, which the budget bounds.
  close_short <- function() {
    if (length(short) > 0) parts[[length(parts) + 1]] <<- build_lazy(length(short), operand_reader(short))
    short <<- integer()
  }
  add <- function(rows) {
    numbers <- rows[["..ufo_row"]]
    short <<- c(short, verb(rows[setdiff(names(rows), "..ufo_row")], numbers))
    if (length(short) > piece_elements()) close_short()
  }
  each_batch(x, group_layout(x, shown), columns_for(x, quosures), add, function(rows, key) {
    on_large(function() {
      numbers <- take(.subset2(rows, "..ufo_row"), on_lazy(large_with_key(rows, key)))
      close_short()
      parts[[length(parts) + 1]] <<- numbers
    }, function() add(large_in_memory(rows, key)))
  }, positions = TRUE)
  close_short()
  if (length(parts) == 0) ufo_lazy(integer()) else do.call(c, parts)
}

# As `verb` of slice_...(), which see the numbers as a column.
numbers_by <- function(verb, quosures) {
  if (any(unlist(lapply(quosures, all.names)) %in% looks_at_all)) {
    raise_unsupported("Rows of groups of a lazy table are not sliced by all columns at once; name the columns")
  }
  function(rows, numbers) {
    rows[["..ufo_row"]] <- numbers
    verb(rows)[["..ufo_row"]]
  }
}

# ---- order -----------------------------------------------------------------------------------------------------------

# Strings are in the order of the locale, as dplyr had them before 1.1.0, or in that of their bytes, as since.
arrange.ufo_lazy_frame <- function(.data, ..., .by_group = FALSE, .locale = NULL) {
  quosures <- verb_quosures(..., verb = "arrange")
  if (!is.null(.locale)) raise_unsupported("arrange() of a lazy table takes no .locale; x[ufo_order(...), ] orders by the locale of the session")
  if (.by_group) quosures <- c(lapply(group_names(.data), function(name) rlang::new_quosure(as.name(name), emptyenv())), quosures)
  if (length(quosures) == 0) return(.data)
  as_dplyr_says(.data, function(rows) dplyr::arrange(rows, !!!quosures), {
    keys <- sort_keys(ungrouped(.data), quosures)
    method <- if (utils::packageVersion("dplyr") >= "1.1.0") "radix" else "auto"
    same_groups(take_rows(ungrouped(.data), order_by_several(keys$columns, keys$decreasing, TRUE, method)), .data)
  })
}

sort_keys <- function(x, quosures) {
  work <- new_plan(x)
  quosures <- unlist(lapply(quosures, function(quosure) expand_across(list(quosure), x)))
  decreasing <- logical()
  names <- character()
  for (quosure in quosures) {
    expression <- rlang::quo_get_expr(quosure)
    env <- rlang::quo_get_env(quosure)
    while (rlang::is_quosure(expression)) {
      env <- rlang::quo_get_env(expression)
      expression <- rlang::quo_get_expr(expression)
    }
    down <- rlang::is_call(expression, "desc", n = 1)
    planned <- plan_expression(if (down) expression[[2]] else expression, env, work)
    decreasing <- c(decreasing, down)
    if (is.symbol(planned) && as.character(planned) %in% names(work$frame)) {
      names <- c(names, as.character(planned))
      next
    }
    if (is_other_value(planned, work)) {
      dplyr::arrange(few_rows(x), !!quosure)
      raise_usage("`", rlang::as_label(quosure), "` is not as long as the table")
    }
    names <- c(names, new_name(work))
    work$waiting[[names[[length(names)]]]] <- planned
  }
  compute_waiting(work)
  list(columns = unname(as.list(work$frame)[names]), decreasing = decreasing)
}

# ---- rows that are there once ---------------------------------------------------------------------------------------

distinct.ufo_lazy_frame <- function(.data, ..., .keep_all = FALSE) {
  quosures <- verb_quosures(..., verb = "distinct")
  check_flag(.keep_all, ".keep_all")
  expanded <- expand_across(quosures, .data)
  computed <- is_computed(expanded)
  as_dplyr_says(.data, function(rows) dplyr::distinct(rows, !!!quosures), {
    x <- ungrouped(.data)
    if (any(computed)) x <- mutate_whole(x, expanded[computed])
    by <- if (length(quosures) == 0) names(.data) else unique(c(group_names(.data), names(with_names(expanded))))
    if (!all(by %in% names(x))) dplyr::distinct(few_rows(x), !!!quosures)
    # In the order that dplyr gives them.
    kept <- names(dplyr::distinct(few_rows(.data), !!!quosures, .keep_all = .keep_all))
    codes <- codes_of_rows(lapply(by, function(name) check_sortable(.subset2(x, name), "distinct()")))
    same_groups(take_rows(take_columns(x, kept), first_positions(codes)), .data)
  })
}

# ---- by number ---------------------------------------------------------------------------------------------------------

slice.ufo_lazy_frame <- function(.data, ..., .preserve = FALSE) {
  quosures <- verb_quosures(..., verb = "slice")
  as_dplyr_says(.data, function(rows) dplyr::slice(rows, !!!quosures), {
    by_group(.data, quosures, function(rows) dplyr::slice(rows, !!!quosures), function(x) {
      work <- new_plan(x)
      parts <- lapply(unname(quosures), function(quosure) {
        planned <- whole_column(plan_expression(quosure, emptyenv(), work), work)
        rlang::eval_tidy(planned, mask_of(work))
      })
      row_subscript(if (length(parts) == 1) parts[[1]] else do.call(c, lapply(parts, ufo_lazy)), frame_rows(x))
    })
  })
}

# Numbers of rows behind the last are nobody's, in slice().
row_subscript <- function(at, rows) {
  at <- ufo_lazy(if (is.null(at)) integer() else at)
  if (!(typeof(lazy_values(at)) %in% c("integer", "double")) || is_lazy_factor(at)) raise_usage("slice() takes numbers of rows, not ", lazy_type(at))
  at <- without_missing(at)
  if (typeof(lazy_values(at)) == "double" && any(at != trunc(at))) raise_usage("slice() takes whole numbers")
  if (is_negative_subscript(at)) return(left_by(at, rows))
  if (length(at) > 0 && (min(at) < 1 || max(at) > rows)) at <- at[at >= 1 & at <= rows]
  at
}

# on_lazy(x) gives a subscript of the rows of an ungrouped lazy table; verb(rows) does it with an ordinary one.
by_group <- function(x, quosures, verb, on_lazy) {
  at <- if (is.null(group_names(x))) on_lazy(x) else positions_in_groups(x, quosures, numbers_by(verb, quosures), on_lazy)
  same_groups(take_rows(ungrouped(x), at), x)
}

slice_head.ufo_lazy_frame <- function(.data, ..., n, prop) {
  given <- given_size(n, prop)
  slice_count(few_rows(.data), dplyr::slice_head, given, ...)
  if (is.null(group_names(.data))) return(head(.data, rows_to_slice(frame_rows(.data), given)))
  by_group(.data, list(), function(rows) slice_count(rows, dplyr::slice_head, given), function(x) {
    positions_of(rows_to_slice(frame_rows(x), given))
  })
}

slice_tail.ufo_lazy_frame <- function(.data, ..., n, prop) {
  given <- given_size(n, prop)
  slice_count(few_rows(.data), dplyr::slice_tail, given, ...)
  if (is.null(group_names(.data))) return(tail(.data, rows_to_slice(frame_rows(.data), given)))
  by_group(.data, list(), function(rows) slice_count(rows, dplyr::slice_tail, given), function(x) {
    tail(positions_of(frame_rows(x)), rows_to_slice(frame_rows(x), given))
  })
}

slice_sample.ufo_lazy_frame <- function(.data, ..., n, prop, weight_by = NULL, replace = FALSE) {
  given <- given_size(n, prop)
  if (!rlang::quo_is_null(rlang::enquo(weight_by))) raise_unsupported("slice_sample() of a lazy table takes no weight_by")
  keep_seed(slice_count(few_rows(.data), dplyr::slice_sample, given, ..., replace = TRUE))
  by_group(.data, list(), function(rows) slice_count(rows, dplyr::slice_sample, given, replace = replace), function(x) {
    rows <- frame_rows(x)
    sample.int(rows, rows_to_slice(rows, given, if (replace) Inf else rows), replace)
  })
}

slice_min.ufo_lazy_frame <- function(.data, order_by, ..., n, prop, with_ties = TRUE) {
  slice_extreme(.data, rlang::enquo(order_by), FALSE, dplyr::slice_min, given_size(n, prop), with_ties, ...)
}
slice_max.ufo_lazy_frame <- function(.data, order_by, ..., n, prop, with_ties = TRUE) {
  slice_extreme(.data, rlang::enquo(order_by), TRUE, dplyr::slice_max, given_size(n, prop), with_ties, ...)
}

slice_extreme <- function(x, by, decreasing, verb, given, with_ties, ...) {
  with_count <- function(rows) slice_count(rows, verb, given, !!by, ..., with_ties = with_ties)
  with_count(few_rows(x))
  by_group(x, list(by), with_count, function(x) {
    key <- sort_keys(x, list(by))$columns[[1]]
    size <- rows_to_slice(frame_rows(x), given)
    in_order <- order_by_several(list(key), decreasing, TRUE, "auto")
    if (size == 0 || !with_ties) return(head(in_order, size))
    there <- length(key) - sum(is.na(key))
    if (there <= size) return(head(in_order, there))
    # By codes, since factors have no order of their own.
    if (is_lazy_factor(key)) key <- new_lazy(lazy_values(key))
    last <- key[as.vector(in_order[size])]
    head(in_order, sum(if (decreasing) key >= last else key <= last, na.rm = TRUE))
  })
}

# Passes on only what was given.
given_size <- function(n, prop) c(if (!missing(n)) list(n = n), if (!missing(prop)) list(prop = prop))
slice_count <- function(rows, verb, given, ...) rlang::inject(verb(rows, ..., !!!given))

# Of `rows`, as dplyr counts them, and at most `most`.
rows_to_slice <- function(rows, given, most = rows) {
  size <- if (!is.null(given$prop)) given$prop * rows else if (!is.null(given$n)) given$n else 1
  size <- if (size > 0) floor(size) else ceiling(rows + size)
  max(0, min(size, most))
}

# Code that is run only to see whether it fails leaves random numbers as they were.
keep_seed <- function(code) {
  seed <- get0(".Random.seed", envir = globalenv(), inherits = FALSE)
  on.exit({
    if (!is.null(seed)) assign(".Random.seed", seed, envir = globalenv())
    else if (exists(".Random.seed", globalenv(), inherits = FALSE)) rm(".Random.seed", envir = globalenv())
  })
  force(code)
}
