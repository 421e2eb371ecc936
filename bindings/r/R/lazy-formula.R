# Formulas of aggregate(): which columns, or expressions on them, by which groups.

# list(x, by) of aggregate.ufo_lazy_frame: two lazy data frames, without the rows of which a part is missing, as
# aggregate() of a formula leaves them out if `na.action` does not say otherwise.
formula_parts <- function(formula, x, na.action = na.omit) {
  if (!is.null(na.action)) na.action <- match.fun(na.action)
  keeps_missing <- is.null(na.action) || identical(na.action, stats::na.pass)
  if (!keeps_missing && !identical(na.action, stats::na.omit)) {
    raise_unsupported("aggregate() of a lazy data frame takes no other na.action than na.omit, na.pass and NULL")
  }
  if (length(formula) != 3) stop("'formula' must have both left and right hand sides", call. = FALSE)
  scope <- lazy_scope(environment(formula))
  columns <- as.list(x)
  compute <- function(expression) {
    value <- ufo_lazy(eval(without_protection(expression), columns, scope))
    if (length(value) == frame_rows(x)) return(value)
    raise_usage("'", deparse_short(expression), "' has ", format_count(length(value)), " elements, and the data frame ",
      format_count(frame_rows(x)), " rows")
  }
  left <- left_terms(formula[[2]])
  right <- right_terms(formula[[3]])
  if (has_dot(left)) left <- columns_but(x, right)
  if (has_dot(right)) right <- columns_but(x, left)
  if (length(left) == 0 || length(right) == 0) raise_usage("aggregate() needs a column to sum up, and one to group by")
  names <- c(names(left), names(right))
  complete <- new_lazy_frame(lapply(c(left, right), compute), names, frame_rows(x))
  if (!keeps_missing) complete <- na.omit(complete)
  at <- seq_along(left)
  list(x = take_columns_at(complete, at), by = take_columns_at(complete, -at))
}

take_columns_at <- function(x, at) new_lazy_frame(frame_columns(x)[at], names(x)[at], frame_rows(x))

# y, cbind(a, b = expression) or .
left_terms <- function(side) {
  if (!is.call(side) || !identical(side[[1]], quote(cbind))) return(named_terms(list(side)))
  named_terms(as.list(side)[-1])
}

# g + h ..., or g * h or g:h, which is the same here.
right_terms <- function(side) {
  terms_of <- function(side) {
    operator <- if (is.call(side) && is.symbol(side[[1]])) as.character(side[[1]]) else ""
    if (operator %in% c("-", "^", "%in%", "/")) {
      raise_unsupported("aggregate() of a lazy data frame takes no ", operator, " between groups; I(...) makes an expression of it")
    }
    if (operator %in% c("+", "*", ":") && length(side) == 3) c(terms_of(side[[2]]), terms_of(side[[3]])) else list(side)
  }
  named_terms(unique(terms_of(side)))
}

# I(term) is as it is here anyhow.
without_protection <- function(term) if (is.call(term) && identical(term[[1]], quote(I))) term[[2]] else term

named_terms <- function(terms) {
  given <- names(terms)
  terms <- lapply(terms, function(term) if (is.call(term) && identical(term[[1]], quote(`(`))) term[[2]] else term)
  names <- vapply(terms, function(term) paste(deparse(term, 500L), collapse = " "), "")
  if (!is.null(given)) names[given != ""] <- given[given != ""]
  structure(terms, names = names)
}

has_dot <- function(terms) any(vapply(terms, identical, NA, quote(.)))

columns_but <- function(x, terms) {
  used <- unlist(lapply(terms, all.vars))
  named_terms(lapply(setdiff(names(x), used), as.name))
}
