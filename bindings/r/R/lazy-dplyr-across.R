# across(), if_any() and if_all() on lazy tables without groups: each becomes one expression for each column.

is_call_of <- function(expression, names, env) {
  if (!is.call(expression)) return(FALSE)
  head <- expression[[1]]
  if (is.call(head) && identical(head[[1]], quote(`::`)) && identical(head[[2]], quote(dplyr))) head <- head[[3]]
  else if (is.symbol(head) && !is_function_of_dplyr(as.character(head), env)) return(FALSE)
  is.symbol(head) && as.character(head) %in% names
}

is_function_of_dplyr <- function(name, env) {
  identical(get0(name, envir = env, mode = "function"), get0(name, envir = asNamespace("dplyr"), mode = "function"))
}

# Quosures with names, in which each across() is taken apart; `x` has the columns to choose from.
expand_across <- function(quosures, x) {
  parts <- lapply(seq_along(quosures), function(i) {
    quosure <- quosures[[i]]
    expression <- rlang::quo_get_expr(quosure)
    if (rlang::is_quosure(expression)) return(expand_across(structure(list(expression), names = names(quosures)[[i]]), x))
    env <- rlang::quo_get_env(quosure)
    if (is_call_of(expression, "pick", env)) raise_unsupported("pick() does not work on a lazy table; select() the columns, or name them")
    if (!is_call_of(expression, "across", env)) return(quosures[i])
    if (!is.null(names(quosures)) && names(quosures)[[i]] != "") {
      raise_unsupported("across() with a name does not work on a lazy table; leave the name out")
    }
    calls_across(expression, env, x)
  })
  unlist(parts, recursive = FALSE)
}

across_arguments <- function(expression) {
  arguments <- as.list(match.call(function(.cols, .fns, ..., .names, .unpack) NULL, expression))[-1]
  if (is.null(arguments$.cols)) arguments$.cols <- quote(dplyr::everything())
  arguments
}

# A list of quosures by name.
calls_across <- function(expression, env, x) {
  arguments <- across_arguments(expression)
  further <- arguments[!(names(arguments) %in% c(".cols", ".fns", ".names"))]
  columns <- chosen_columns(x, arguments$.cols, env)
  functions <- if (is.null(arguments$.fns)) list(NULL) else function_expressions(arguments$.fns, env)
  single <- !is.list(functions)
  if (single) functions <- list(functions)
  labels <- names(functions)
  if (is.null(labels)) labels <- rep("", length(functions))
  labels[labels == ""] <- seq_along(functions)[labels == ""]
  names_as <- if (single || is.null(arguments$.fns)) "{.col}" else "{.col}_{.fn}"
  if (!is.null(arguments$.names)) names_as <- eval(arguments$.names, env)
  quosures <- list()
  for (column in names(columns)) for (k in seq_along(functions)) {
    name <- names_as
    for (key in c(".col", "col")) name <- gsub(paste0("{", key, "}"), column, name, fixed = TRUE)
    for (key in c(".fn", "fn")) name <- gsub(paste0("{", key, "}"), labels[[k]], name, fixed = TRUE)
    if (grepl("[{}]", name)) raise_unsupported(".names of across() takes {.col} and {.fn} on a lazy table, and no other expressions")
    if (name %in% names(quosures)) raise_usage("across() gives two columns the name `", name, "`; .names needs {.fn}")
    quosures[[name]] <- rlang::new_quosure(call_on_column(functions[[k]], as.name(columns[[column]]), env, further), env)
  }
  quosures
}

# What is to be called: an expression, or, for list(...) and c(...), a list of expressions. Values that are neither written
# down are functions themselves.
function_expressions <- function(written, env) {
  if (rlang::is_quosure(written)) return(function_expressions(rlang::quo_get_expr(written), rlang::quo_get_env(written)))
  if (is.call(written) && (identical(written[[1]], quote(list)) || identical(written[[1]], quote(c)))) return(as.list(written)[-1])
  if (is.symbol(written) || (is.call(written) && (identical(written[[1]], quote(`~`)) || identical(written[[1]], quote(`function`))))) {
    value <- if (is.symbol(written)) eval(written, env) else NULL
    return(if (is.list(value)) value else written)
  }
  eval(written, env)
}

call_on_column <- function(fn, column, env, further) {
  if (is.null(fn)) return(column)
  # The name of a formula, perhaps.
  if (is.symbol(fn)) {
    value <- get0(as.character(fn), envir = env)
    if (rlang::is_formula(value)) fn <- value
  }
  if (length(further) > 0) {
    if (rlang::is_formula(fn)) raise_unsupported("Further arguments of across() go into the formula on a lazy table: ~ mean(.x, na.rm = TRUE)")
    return(as.call(c(list(fn, column), further)))
  }
  if (rlang::is_formula(fn)) {
    if (length(fn) != 2) raise_usage("A formula in across() has one side: ~ mean(.x)")
    return(put_column(fn[[2]], c(".x", ".", "..1"), column))
  }
  # function(v) v * 2 and \(v) v * 2 are seen through, so that they are computed piece by piece.
  if (is.call(fn) && identical(fn[[1]], quote(`function`)) && length(fn[[2]]) == 1 && is_plain_body(fn[[3]])) {
    return(put_column(fn[[3]], names(fn[[2]]), column))
  }
  as.call(list(fn, column))
}

is_plain_body <- function(body) length(intersect(all.names(body), c("{", "<-", "=", "function", "return", "~", "if", "for", "while"))) == 0

put_column <- function(body, names, column) {
  if (is.symbol(body)) return(if (as.character(body) %in% names) column else body)
  if (!is.call(body) || identical(body[[1]], quote(`function`))) return(body)
  # What is behind $ is a name.
  parts <- if (identical(body[[1]], quote(`$`))) 2 else seq_along(body)
  for (i in parts) if (!is_empty_symbol(body[[i]])) body[[i]] <- put_column(body[[i]], names, column)
  body
}

# The names of columns, by their new names. `selection` is what select() takes.
chosen_columns <- function(x, selection, env) {
  chosen <- probe_columns(x, function(probe) dplyr::select(probe, !!rlang::new_quosure(selection, env)))
  structure(names(x)[chosen$at], names = chosen$names)
}

# if_any() and if_all() as conditions that are put together; NULL for other calls.
expand_predicates <- function(expression, env, work) {
  if (!is_call_of(expression, c("if_any", "if_all"), env)) return(NULL)
  any <- is_call_of(expression, "if_any", env)
  conditions <- calls_across(expression, env, columns_to_choose(work))
  if (length(conditions) == 0) return(!any)
  Reduce(function(a, b) call(if (any) "|" else "&", a, b), conditions)
}
