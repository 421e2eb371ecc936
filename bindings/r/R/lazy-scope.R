# Expressions on the columns of a lazy data frame, in subset(), transform(), with() and within(): there, functions of base R
# that have no methods are found in forms that take lazy vectors, too. Of ordinary vectors alone they are base R's own.

# Functions whose result for an element depends on that element alone.
elementwise_functions <- c(
  "chartr", "endsWith", "grepl", "gsub", "nchar", "nzchar", "paste", "paste0", "pmax", "pmin", "startsWith", "strtoi", "sub",
  "substr", "substring", "tolower", "toupper", "trimws"
)

# Functions that ask of what type or class something is: of a lazy vector, what it stands for.
type_functions <- c(
  "class", "inherits", "is.atomic", "is.character", "is.complex", "is.double", "is.factor", "is.integer", "is.logical", "is.ordered",
  "is.vector", "mode", "storage.mode", "typeof"
)
of_prototype <- function(base) {
  force(base)
  function(x, ...) if (is_lazy(x)) base(lazy_prototype(x), ...) else base(x, ...)
}

lazy_forms <- function() {
  forms <- sapply(elementwise_functions, function(name) elementwise(get(name, envir = baseenv())), simplify = FALSE)
  types <- sapply(type_functions, function(name) of_prototype(get(name, envir = baseenv())), simplify = FALSE)
  c(forms, types, list(
    `%in%` = either(base::`%in%`, ufo_in), match = either(base::match, ufo_match), is.element = either(base::is.element, ufo_in),
    ifelse = either(base::ifelse, ufo_ifelse), which = either(base::which, ufo_which),
    which.max = either(base::which.max, ufo_which_max), which.min = either(base::which.min, ufo_which_min),
    findInterval = either(base::findInterval, ufo_find_interval), factor = either(base::factor, ufo_factor),
    format = either(base::format, format_in_scope),
    rank = either(base::rank, rank_in_scope), order = either(base::order, ufo_order), table = table_in_scope,
    tapply = either(base::tapply, function(X, INDEX, FUN, ...) ufo_tapply(X, INDEX, FUN, ...))
  ))
}
lazy_forms_outside_base <- function() {
  list(
    ave = either(stats::ave, ufo_ave), complete.cases = either(stats::complete.cases, ufo_complete_cases),
    cor = either(stats::cor, ufo_cor), cov = either(stats::cov, ufo_cov), sd = either(stats::sd, ufo_sd), var = either(stats::var, ufo_var)
  )
}

# With ranks for what is missing, if base R is told so or does so by itself, there is nothing else to do but to refuse it.
rank_in_scope <- function(x, na.last = formals(base::rank)$na.last, ...) {
  if (!identical(na.last, "keep") && !anyNA(x)) na.last <- "keep"
  ufo_rank(x, na.last, ...)
}

# Dates as they are, and times as they are told; what else there is gets as wide as the widest of all elements. format() of a
# lazy vector outside of expressions is there to show a few elements.
format_in_scope <- function(x, ...) {
  if (is_lazy(x) && identical(lazy_meta(x)$class, "Date")) return(map_lazy(x, function(piece) format(piece, ...)))
  further <- list(...)
  told <- length(further) > 0 && (is.null(names(further)) || any(names(further) %in% c("", "format")))
  if (is_lazy(x) && is_time(x) && told) return(map_lazy(x, function(piece) format(piece, ...)))
  if (is_lazy(x) && is_time(x)) raise_unsupported("format() of a lazy vector of times needs to be told a `format`")
  raise_unsupported("format() makes all elements as wide as the widest; of a lazy vector, use as.character(), round() or sprintf()")
}

# What is counted has the name that base R gives it.
table_in_scope <- function(...) {
  columns <- list(...)
  if (!any_is_lazy(columns)) return(base::table(...))
  names <- names(columns)
  if (is.null(names)) names <- character(length(columns))
  if (any(names %in% c("exclude", "dnn", "deparse.level"))) {
    raise_unsupported("table() of a lazy vector takes no other argument than useNA")
  }
  is_option <- names == "useNA"
  expressions <- as.list(substitute(list(...)))[-1]
  symbols <- names == "" & vapply(expressions, is.symbol, NA)
  names[symbols] <- vapply(expressions[symbols], as.character, "")
  options <- columns[is_option]
  columns <- columns[!is_option]
  names <- names[!is_option]
  if (length(columns) > 1) return(do.call(ufo_table, c(list(structure(columns, names = names)), options)))
  counts <- do.call(ufo_table, c(unname(columns), options))
  if (!is.list(columns[[1]])) names(dimnames(counts)) <- names
  counts
}

# Where no argument is lazy, base R's function; else ours.
either <- function(base, ours) {
  force(base)
  force(ours)
  function(...) if (any_is_lazy(list(...))) ours(...) else base(...)
}
any_is_lazy <- function(arguments) any(vapply(arguments, function(x) is_lazy(x) || is_lazy_frame(x), NA))

elementwise <- function(compute) {
  force(compute)
  pastes <- identical(compute, base::paste) || identical(compute, base::paste0)
  function(...) {
    arguments <- list(...)
    if (!any_is_lazy(arguments)) return(compute(...))
    if (!is.null(arguments$collapse)) raise_unsupported("Lazy vectors are not collapsed into one string")
    arguments <- lapply(arguments, function(x) if (is_lazy(x) && length(x) == 1) ufo_materialize(x) else x)
    arguments$collapse <- NULL
    # paste() takes vectors of no elements for empty strings where others have elements.
    if (pastes && !isTRUE(arguments$recycle0)) arguments[lengths(arguments) == 0] <- ""
    lengths <- lengths(arguments)
    readers <- lapply(arguments, function(x) if (length(x) > 1) operand_reader(x, expand = TRUE) else function(first, count) x)
    n <- if (any(lengths == 0)) 0 else max(lengths)
    build_lazy(n, function(first, count) {
      part <- do.call(compute, lapply(readers, function(read) read(first, count)))
      if (length(part) == count) return(part)
      # Of vectors of none.
      if (count == 0) return(part[0])
      raise_unsupported("Of an argument that is a lazy vector this function takes only the first element")
    })
  }
}

# The columns of `x`, then these functions, then what the caller sees. A function of the caller's own comes first. What else
# the caller calls by such a name is between the two, where it is found as what it is, and passed over as a function.
lazy_scope <- function(parent) {
  forms <- scope_state$forms
  if (is.null(forms)) forms <- scope_state$forms <- c(lazy_forms(), lazy_forms_outside_base())
  scope_of_forms(parent, forms, c("base", "stats"))
}

# `forms` stand in for functions of these packages.
scope_of_forms <- function(parent, forms, packages) {
  homes <- lapply(packages, function(package) if (package == "base") baseenv() else asNamespace(package))
  stands_in <- vapply(names(forms), function(name) {
    found <- get0(name, envir = parent, mode = "function")
    any(vapply(homes, function(home) identical(found, get0(name, envir = home)), NA))
  }, NA)
  functions <- list2env(forms[stands_in], parent = parent)
  values <- new.env(parent = functions)
  for (name in names(forms)[stands_in]) {
    value <- tryCatch(get0(name, envir = parent), error = function(problem) NULL)
    if (!is.null(value) && !is.function(value)) makeActiveBinding(name, variable_of(name, parent), values)
  }
  values
}
variable_of <- function(name, frame) {
  force(name)
  function(value) if (missing(value)) get(name, envir = frame) else assign(name, value, envir = frame, inherits = TRUE)
}
scope_state <- new.env(parent = emptyenv())
