# How the expressions of dplyr's verbs are computed on a lazy table.
#
# A plan makes of each expression one that dplyr can compute for a piece of rows at a time: what is not of that kind in it,
# such as mean(x) or lag(x), is computed beforehand on whole lazy columns, and stands in it as its value, or as a column.
# What remains waits until a whole column is needed, or the end; then all of it is computed in one pass over the rows.

# An environment: `frame`, the lazy table with the columns that were made for it; `waiting`, a list of the quosures to
# compute, by the names of their columns, in order; `values`, what stands for a column by its name (in summarise()), or for
# a part of an expression; and `functions`, in which what is planned is evaluated.
new_plan <- function(x) {
  check_own_names(names(x))
  work <- new.env(parent = emptyenv())
  work$frame <- new_lazy_frame(frame_columns(x), names(x), frame_rows(x), attr(x, "frame_class"))
  work$waiting <- list()
  work$values <- list()
  work$made <- 0
  work$key_names <- attr(x, "key_names")
  work$functions <- new.env(parent = baseenv())
  work
}

# Columns that are made for a while have names of this kind.
check_own_names <- function(names) {
  own <- grep("^\\.\\.ufo_", setdiff(names, "..ufo_row"), value = TRUE)
  if (length(own) > 0) raise_unsupported("Names of columns of a lazy table do not begin with `..ufo_`, as `", own[[1]], "` does; rename() it")
}

columns_of_plan <- function(work) unique(c(names(work$frame), names(work$waiting)))
# Of which across() and its like choose.
columns_to_choose <- function(work) {
  at <- !grepl("^\\.\\.ufo_", names(work$frame)) & !(names(work$frame) %in% work$key_names)
  new_lazy_frame(frame_columns(work$frame)[at], names(work$frame)[at], frame_rows(work$frame), attr(work$frame, "frame_class"))
}
is_planned_column <- function(name, work) name %in% names(work$frame) || name %in% names(work$waiting)
new_name <- function(work) {
  work$made <- work$made + 1
  paste0("..ufo_", work$made)
}

# The expression for pieces of rows. It names columns, values of the plan, and piecewise functions, and nothing else.
plan_expression <- function(expression, env, work) {
  if (rlang::is_quosure(expression)) {
    return(plan_expression(rlang::quo_get_expr(expression), rlang::quo_get_env(expression), work))
  }
  if (is.symbol(expression)) {
    name <- as.character(expression)
    if (name == "" || is_planned_column(name, work) && is.null(work$values[[name]])) return(expression)
    return(plan_value(if (name %in% names(work$values)) work$values[[name]] else evaluate_outside(expression, env), work))
  }
  if (!is.call(expression)) return(plan_value(expression, work))
  named <- pronoun_name(expression, env)
  if (!is.null(named)) {
    if (named %in% columns_of_plan(work) || named %in% names(work$values)) return(plan_expression(as.name(named), emptyenv(), work))
    raise_usage("Column `", named, "` not found in `.data`")
  }
  expanded <- expand_predicates(expression, env, work)
  if (!is.null(expanded)) return(plan_expression(expanded, env, work))
  if (!uses_columns(expression, env, work)) return(plan_value(evaluate_outside(expression, env), work))
  planned <- plan_piecewise(expression, env, work)
  if (!is.null(planned)) planned else plan_value(evaluate_whole(expression, env, work), work)
}

# .data$x, .data[["x"]] and .data[[name]]: the name.
pronoun_name <- function(expression, env) {
  if (length(expression) != 3 || !identical(expression[[2]], quote(.data))) return(NULL)
  if (identical(expression[[1]], quote(`$`))) return(as.character(expression[[3]]))
  if (!identical(expression[[1]], quote(`[[`))) return(NULL)
  name <- eval(expression[[3]], if (rlang::is_quosure(expression[[3]])) rlang::quo_get_env(expression[[3]]) else env)
  if (is.character(name) && length(name) == 1) name else raise_usage(".data[[name]] needs the name of one column")
}

# Functions that tell of the rows, without being given a column.
tells_of_rows <- c("n", "row_number", "cur_group", "cur_group_id", "cur_group_rows", looks_at_all)

uses_columns <- function(expression, env, work) {
  if (rlang::is_quosure(expression)) return(uses_columns(rlang::quo_get_expr(expression), rlang::quo_get_env(expression), work))
  if (is.symbol(expression)) {
    name <- as.character(expression)
    return(name == ".data" || (name != "" && (is_planned_column(name, work) || name %in% names(work$values))))
  }
  if (!is.call(expression)) return(FALSE)
  head <- expression[[1]]
  if (is.call(head) && length(head) == 3 && identical(head[[1]], quote(`::`))) head <- head[[3]]
  if (is.symbol(head) && as.character(head) %in% tells_of_rows) return(TRUE)
  if (identical(head, quote(`$`)) && identical(expression[[2]], quote(.env))) return(FALSE)
  if (is.call(head) && uses_columns(head, env, work)) return(TRUE)
  any(vapply(as.list(expression)[-1], uses_columns, NA, env, work))
}

# Where no column is named. `.env` is where the quosure comes from.
evaluate_outside <- function(expression, env) {
  explaining(expression, rlang::eval_tidy(rlang::new_quosure(expression, env), list()))
}

# A value in the place of an expression: one element as it is; a vector of as many as there are rows as a column; and all
# else as a value of the plan, with which piecewise functions cannot do.
plan_value <- function(value, work) {
  rows <- frame_rows(work$frame)
  if (is_lazy(value) && length(value) != rows && length(value) <= piece_elements()) value <- ufo_materialize(value)
  if (is.null(value) || is.atomic(value) && length(value) == 1 && !is_lazy(value)) return(value)
  name <- new_name(work)
  if (is_lazy(value) && length(value) == rows || is.atomic(value) && length(value) == rows && is.null(not_lazy_because(value))) {
    work$frame <- add_column(work$frame, name, value)
  } else {
    work$values[[name]] <- value
    assign(name, value, envir = work$functions)
  }
  as.name(name)
}
is_other_value <- function(planned, work) {
  is.null(planned) || (is.symbol(planned) && as.character(planned) %in% names(work$values) && !is_planned_column(as.character(planned), work))
}

# NULL if the call is not of that kind.
plan_piecewise <- function(expression, env, work) {
  found <- piecewise_function(expression[[1]], env)
  if (is.null(found)) return(NULL)
  arguments <- as.list(expression)[-1]
  if ("collapse" %in% names(arguments) || any(vapply(arguments, identical, NA, quote(...)))) return(NULL)
  if (found$name %in% not_of_times && names_a_time(expression, work)) return(NULL)
  if (found$name %in% of_one_argument) {
    matched <- as.list(match.call(found$value, expression))[-1]
    if (any(vapply(matched[!(names(matched) %in% c("x", "text", ".x"))], uses_columns, NA, env, work))) return(NULL)
  }
  if (found$name %in% c("%in%", "is.element")) return(plan_lookup(arguments, env, work))
  planned <- if (found$name == "case_when") lapply(arguments, plan_case, env, work) else lapply(arguments, plan_expression, env, work)
  other <- vapply(planned, is_other_value, NA, work)
  if (found$name %in% not_of_times && any(vapply(planned, names_a_time, NA, work))) return(NULL)
  if (any(other)) return(NULL)
  assign(found$name, found$value, envir = work$functions)
  as.call(c(list(as.name(found$name)), planned))
}

# What is looked up is looked up in all of the table, whatever its length.
plan_lookup <- function(arguments, env, work) {
  if (length(arguments) != 2 || uses_columns(arguments[[2]], env, work)) return(NULL)
  table <- evaluate_outside(arguments[[2]], env)
  if (any_is_lazy(list(table))) return(NULL)
  sought <- plan_expression(arguments[[1]], env, work)
  if (is_other_value(sought, work)) return(NULL)
  name <- new_name(work)
  assign(name, table, envir = work$functions)
  call("%in%", sought, as.name(name))
}

plan_case <- function(case, env, work) {
  if (rlang::is_quosure(case)) return(plan_case(rlang::quo_get_expr(case), rlang::quo_get_env(case), work))
  if (!is.call(case) || !identical(case[[1]], quote(`~`)) || length(case) != 3) return(plan_expression(case, env, work))
  sides <- lapply(as.list(case)[-1], plan_expression, env, work)
  if (any(vapply(sides, is_other_value, NA, work))) raise_unsupported("case_when() of a lazy table takes columns, and single values")
  # A formula that is a call, not an object with an environment of its own.
  as.call(c(list(quote(`~`)), sides))
}

names_a_time <- function(expression, work) {
  is_one <- function(name) {
    name %in% names(work$waiting) || (name %in% names(work$frame) && is_time(.subset2(work$frame, name)))
  }
  any(vapply(variables_of(expression), is_one, NA))
}

# ---- on whole columns ------------------------------------------------------------------------------------------------

# Whose arguments are values, whatever they are: they are computed piece by piece, as far as they can be.
takes_values <- c(
  "mean", "median", "quantile", "sum", "prod", "min", "max", "range", "any", "all", "anyNA", "length", "unique", "rev", "sort",
  "cumsum", "cumprod", "cummin", "cummax", "ifelse", "sd", "var", "cor", "which", "which.max", "which.min", "n_distinct",
  "row_number", "min_rank", "dense_rank", "percent_rank", "cume_dist", "cummean", "lag", "lead", "first", "last", "nth", "rank"
)
is_of_values <- function(head) {
  if (!is.symbol(head) || identical(head, quote(case_when))) return(FALSE)
  as.character(head) %in% c(takes_values, unlist(lapply(names(piecewise_functions), piecewise_names)))
}

# Functions of the caller's own that ask for types would be told that of a lazy vector.
refuse_type_tests <- function(expression, env) {
  if (rlang::is_quosure(expression)) return(refuse_type_tests(rlang::quo_get_expr(expression), rlang::quo_get_env(expression)))
  if (!is.call(expression)) return(invisible())
  if (is.symbol(expression[[1]])) {
    name <- as.character(expression[[1]])
    called <- get0(name, envir = env, mode = "function")
    if (is.function(called) && !is.primitive(called) && !is_of_package(called, name)) {
      asked <- intersect(all.names(body(called)), type_functions)
      if (length(asked) > 0) {
        raise_unsupported("`", name, "()` asks for ", asked[[1]], "(), which of a lazy vector tells nothing of what ",
          "it stands for; ask for it in the expression itself")
      }
    }
  }
  for (part in as.list(expression)) if (!is_empty_symbol(part)) refuse_type_tests(part, env)
}

# Not only made in a function of one.
is_of_package <- function(called, name) {
  home <- topenv(environment(called))
  isNamespace(home) && identical(get0(name, envir = home, inherits = FALSE), called)
}

evaluate_whole <- function(expression, env, work) {
  refuse_type_tests(expression, env)
  if (names_waiting(expression, env, work)) compute_waiting(work)
  if (is_of_values(expression[[1]])) {
    arguments <- lapply(as.list(expression)[-1], function(argument) {
      if (!is.call(argument) && !rlang::is_quosure(argument)) return(argument)
      if (!uses_columns(argument, env, work)) return(argument)
      whole_column(plan_expression(argument, env, work), work)
    })
    expression <- as.call(c(expression[[1]], arguments))
  }
  if (names_waiting(expression, env, work)) compute_waiting(work)
  forms <- dplyr_forms(frame_rows(work$frame))
  scope <- function(env) lazy_scope(scope_of_forms(env, forms, "dplyr"))
  quosure <- rlang::new_quosure(in_scope(expression, scope, work), scope(env))
  explaining(expression, rlang::eval_tidy(quosure, rlang::as_data_mask(mask_of(work))))
}

mask_of <- function(work) {
  columns <- as.list(work$frame)
  c(work$values, columns[setdiff(names(columns), names(work$values))])
}

names_waiting <- function(expression, env, work) {
  length(work$waiting) > 0 && any(variables_of(expression) %in% c(names(work$waiting), ".data"))
}

# As all.vars(), also of quosures inside.
variables_of <- function(expression) {
  if (rlang::is_quosure(expression)) return(variables_of(rlang::quo_get_expr(expression)))
  if (is.symbol(expression)) return(as.character(expression))
  if (is.pairlist(expression)) return(unlist(lapply(Filter(Negate(is_empty_symbol), as.list(expression)), variables_of)))
  if (!is.call(expression)) return(character())
  unique(unlist(lapply(Filter(Negate(is_empty_symbol), as.list(expression)), variables_of)))
}
is_empty_symbol <- function(part) identical(part, quote(expr = ))

# A planned call, computed as a column of its own.
whole_column <- function(planned, work) {
  if (!is.call(planned)) return(planned)
  name <- new_name(work)
  work$waiting[[name]] <- planned
  compute_waiting(work)
  as.name(name)
}

# Functions of dplyr that are named with their package, and quosures inside, see the forms for lazy vectors, too.
in_scope <- function(expression, scope, work) {
  if (rlang::is_quosure(expression)) {
    return(rlang::new_quosure(in_scope(rlang::quo_get_expr(expression), scope, work), scope(rlang::quo_get_env(expression))))
  }
  if (!is.call(expression)) return(expression)
  head <- expression[[1]]
  if (is.call(head) && length(head) == 3 && identical(head[[1]], quote(`::`)) && as.character(head[[2]]) %in% c("base", "stats", "dplyr")) {
    form <- get0(as.character(head[[3]]), envir = scope(asNamespace("dplyr")), mode = "function")
    stats <- lazy_forms_outside_base()
    if (as.character(head[[2]]) == "stats" && as.character(head[[3]]) %in% names(stats)) form <- stats[[as.character(head[[3]])]]
    if (!is.null(form)) expression[[1]] <- form
  }
  for (i in seq_along(expression)) {
    if (!is_empty_symbol(expression[[i]]) && (is.call(expression[[i]]) || rlang::is_quosure(expression[[i]]))) {
      expression[[i]] <- in_scope(expression[[i]], scope, work)
    }
  }
  expression
}

# Errors of functions that do not know what a lazy vector is say little by themselves.
explaining <- function(expression, code) {
  tryCatch(code, error = function(problem) {
    if (inherits(problem, "ufo_error")) stop(problem)
    condition <- new_condition("unsupported", paste0(
      "`", rlang::as_label(expression), "` cannot be computed on a lazy table: ", sub("\\.$", "", conditionMessage(problem)),
      ". collect() reads the table into memory; ufo_map() applies any function piece by piece"
    ), hint = "?ufo_lazy_dplyr tells what works.")
    condition$cause <- problem
    stop(condition)
  })
}

# Runs code of a verb. Where an expression fails, dplyr is asked what it says of the same on a few rows: of what is wrong
# there, too, it tells in its own words.
as_dplyr_says <- function(x, verb, code) {
  tryCatch(code, ufo_unsupported_error = function(problem) {
    if (!is.null(problem$cause)) suppressWarnings(suppressMessages(verb(few_rows(x))))
    stop(problem)
  })
}

# ---- in one pass -----------------------------------------------------------------------------------------------------

# Computes what waits, and puts it into the table.
compute_waiting <- function(work) {
  if (length(work$waiting) == 0) return(invisible())
  waiting <- work$waiting
  work$waiting <- list()
  names <- unique(names(waiting))
  frame <- with_columns(work$frame, compute_columns(work, waiting, names))
  work$frame <- frame
}

compute_columns <- function(work, waiting, names) {
  used <- intersect(names(work$frame), unlist(lapply(waiting, variables_of)))
  quosures <- lapply(waiting, rlang::new_quosure, work$functions)
  source <- new_lazy_frame(as.list(work$frame)[used], used, frame_rows(work$frame))
  sinks <- NULL
  size <- frame_rows(source)
  add <- function(first, count) {
    made <- dplyr::mutate(frame_piece(source, first, count), !!!quosures)
    if (is.null(sinks)) sinks <<- lapply(names, function(name) new_column(name, size))
    for (k in seq_along(names)) sinks[[k]]$add(first, made[[names[[k]]]])
  }
  warn_once(if (size == 0) add(0, 0) else each_piece(size, add))
  structure(lapply(sinks, function(sink) sink$close()), names = names)
}

# Columns of one type for all rows, written piece by piece.
new_column <- function(name, n) {
  target <- meta <- NULL
  list(
    add = function(first, part) {
      problem <- if (is.null(part)) "it is NULL" else if (is.data.frame(part)) "it is a data frame" else not_lazy_because(unname_vector(part))
      if (!is.null(problem)) raise_unsupported("`", name, "` cannot be a column of a lazy table: ", problem)
      if (is.null(target)) {
        meta <<- meta_of(part)
        target <<- new_target(typeof(part), n)
      }
      if (typeof(part) != typeof(target) || !identical(meta_of(part), meta)) {
        raise_unsupported(
          "`", name, "` is of type ", typeof(target), " for some rows, and of type ", typeof(part), ", or of other levels, for others; ",
          "make it one type, with NA_real_, NA_character_ or as.double() and its like"
        )
      }
      write_piece(target, first, unname_vector(part))
    },
    close = function() new_lazy(target, meta)
  )
}
unname_vector <- function(x) if (is.null(names(x))) x else unname(x)

# `columns` in the place of those of their names, or behind the last.
with_columns <- function(x, columns) {
  all <- as.list(x)
  all[names(columns)] <- columns
  new_lazy_frame(all, names(all), frame_rows(x), attr(x, "frame_class"))
}
