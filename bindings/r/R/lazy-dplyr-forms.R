# Functions in the verbs of dplyr on lazy tables: which of them work on one element at a time, so that dplyr itself can
# compute them for one piece of rows after the other; and the forms in which others take lazy vectors.

# By package, those whose result for an element depends on the elements beside it in other arguments, and on nothing else.
piecewise_functions <- list(
  base = c(
    "+", "-", "*", "/", "^", "%%", "%/%", "==", "!=", "<", "<=", ">", ">=", "!", "&", "|", "(", "xor", "%in%", "is.element", "is.na",
    "is.nan", "is.finite", "is.infinite", "abs", "sign", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos",
    "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "floor", "ceiling", "trunc", "round", "signif", "as.integer",
    "as.double", "as.numeric", "as.logical", "as.character", "sprintf", "weekdays", "months", "quarters"
  ),
  dplyr = c("between", "near", "if_else", "case_when", "coalesce", "na_if", "recode"),
  lubridate = c("year", "month", "mday", "day", "yday", "hour", "minute", "second", "wday", "quarter", "isoweek", "floor_date"),
  stringr = c(
    "str_detect", "str_starts", "str_ends", "str_length", "str_sub", "str_replace", "str_replace_all", "str_remove",
    "str_remove_all", "str_to_lower", "str_to_upper", "str_to_title", "str_trim", "str_squish", "str_count", "str_extract",
    "str_c", "str_pad"
  )
)
piecewise_names <- function(package) c(piecewise_functions[[package]], if (package == "base") elementwise_functions)
# Of these all arguments but `x` or `text` must be the same for all elements.
of_one_argument <- c("grepl", "sub", "gsub", "chartr", "trimws", "nchar", "strtoi", "nzchar", "recode", "floor_date")
# What these give for a time depends on the times around it: units, and how much is written.
not_of_times <- c("-", "as.character", "paste", "paste0", "trunc", "round", "sprintf", "str_c")

# The function that a call names if it is one of these: list(name, package, value). `env` is where it is called.
piecewise_function <- function(head, env) {
  package <- NULL
  if (is.call(head) && length(head) == 3 && (identical(head[[1]], quote(`::`)) || identical(head[[1]], quote(`:::`)))) {
    package <- as.character(head[[2]])
    head <- head[[3]]
  }
  if (!is.symbol(head)) return(NULL)
  name <- as.character(head)
  for (home in if (is.null(package)) names(piecewise_functions) else intersect(package, names(piecewise_functions))) {
    if (!(name %in% piecewise_names(home)) || !isNamespaceLoaded(home)) next
    value <- get0(name, envir = if (home == "base") baseenv() else asNamespace(home), mode = "function")
    if (is.null(value)) next
    if (!is.null(package) || identical(get0(name, envir = env, mode = "function"), value)) {
      return(list(name = name, package = home, value = value))
    }
  }
  NULL
}

# ---- forms of dplyr's functions for lazy vectors -------------------------------------------------------------------

dplyr_forms <- function(rows) {
  whole <- rows <= .Machine$integer.max
  forms <- list(
    n = function() if (whole) as.integer(rows) else rows,
    row_number = function(x) if (missing(x)) positions_of(rows) else ufo_rank(x, ties.method = "first"),
    min_rank = function(x) ufo_rank(x, ties.method = "min"),
    dense_rank = function(x) {
      if (is.character(lazy_values(x))) raise_unsupported("dense_rank() of texts does not work on a lazy table; collect() it, or use a factor")
      codes <- dense_ranks(x)$codes
      codes[is.na(x)] <- NA
      codes
    },
    percent_rank = function(x) (ufo_rank(x, ties.method = "min") - 1) / (sum(!is.na(x)) - 1),
    cume_dist = function(x) ufo_rank(x, ties.method = "max") / sum(!is.na(x)),
    cummean = function(x) cumsum(as.double(x)) / positions_of(length(x)),
    lag = function(x, n = 1L, default = NA, ...) shifted(x, n, default, "lag()", ...),
    lead = function(x, n = 1L, default = NA, ...) shifted(x, -n, default, "lead()", ...),
    first = function(x, ...) element_of(x, 1, "first()", ...),
    last = function(x, ...) element_of(x, -1, "last()", ...),
    nth = function(x, n, ...) element_of(x, n, "nth()", ...),
    n_distinct = function(..., na.rm = FALSE) {
      if (...length() != 1) raise_unsupported("n_distinct() of a lazy table takes one column; distinct() of several and nrow() count their combinations")
      length(unique(if (check_flag(na.rm, "na.rm")) without_missing(..1) else ..1))
    },
    ntile = function(...) raise_unsupported("ntile() does not work on a lazy table; cut() at quantile() of the column, or rank it"),
    desc = function(x) {
      if (is.character(lazy_values(x))) raise_unsupported("desc() of texts works on a lazy table in arrange() alone")
      -new_lazy(lazy_values(x))
    }
  )
  takes_none <- c("n", "row_number")
  sapply(names(forms), function(name) {
    original <- get0(name, envir = asNamespace("dplyr"), mode = "function")
    ours <- forms[[name]]
    if (name %in% takes_none) function(...) if (...length() == 0 || any_is_lazy(list(...))) ours(...) else original(...)
    else either(original, ours)
  }, simplify = FALSE)
}

# dplyr's lag() for n > 0, lead() for n < 0.
shifted <- function(x, n, default, what, ...) {
  if (...length() > 0) raise_unsupported(what, " of a lazy table takes no order_by; arrange() the rows first")
  if (length(n) != 1 || is.na(n) || length(default) != 1) raise_usage(what, " needs one number of rows, and one default")
  length <- length(x)
  count <- min(abs(n), length)
  if (count == 0) return(x)
  missing <- lazy_piece(x, 0, 1)
  missing[1] <- default
  if (typeof(missing) != typeof(lazy_values(x))) raise_unsupported(what, " needs a default of the type of the column, ", lazy_type(x))
  missing <- new_lazy(rep(own_values(missing), count), lazy_meta(x))
  if (n > 0) c(missing, head(x, length - count)) else c(tail(x, length - count), missing)
}

# dplyr says what is there if there is no such element.
element_of <- function(x, n, what, ...) {
  if (...length() > 0) raise_unsupported(what, " of a lazy table takes no other arguments; arrange() the rows first")
  n <- check_whole(n)
  at <- if (n < 0) length(x) + n else n - 1
  if (n == 0 || at < 0 || at >= length(x)) return(dplyr::nth(lazy_prototype(x), 1))
  dplyr::nth(lazy_piece(x, at, 1), 1)
}
