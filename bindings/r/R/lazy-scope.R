# Expressions on the columns of a lazy data frame, in subset(), transform(), with() and within(): there, functions of base R
# that have no methods are found in forms that take lazy vectors, too. Of ordinary vectors alone they are base R's own.

# Functions whose result for an element depends on that element alone.
elementwise_functions <- c(
  "chartr", "endsWith", "grepl", "gsub", "nchar", "nzchar", "paste", "paste0", "pmax", "pmin", "startsWith", "strtoi", "sub",
  "substr", "substring", "tolower", "toupper", "trimws"
)

lazy_forms <- function() {
  forms <- sapply(elementwise_functions, function(name) elementwise(get(name, envir = baseenv())), simplify = FALSE)
  c(forms, list(
    `%in%` = either(base::`%in%`, ufo_in), match = either(base::match, ufo_match), is.element = either(base::is.element, ufo_in),
    ifelse = either(base::ifelse, ufo_ifelse), which = either(base::which, ufo_which),
    which.max = either(base::which.max, ufo_which_max), which.min = either(base::which.min, ufo_which_min),
    findInterval = either(base::findInterval, ufo_find_interval), factor = either(base::factor, ufo_factor),
    rank = either(base::rank, ufo_rank), order = either(base::order, ufo_order), table = either(base::table, ufo_table),
    tapply = either(base::tapply, ufo_tapply)
  ))
}
lazy_forms_outside_base <- function() {
  list(
    ave = either(stats::ave, ufo_ave), complete.cases = either(stats::complete.cases, ufo_complete_cases),
    cor = either(stats::cor, ufo_cor), cov = either(stats::cov, ufo_cov), sd = either(stats::sd, ufo_sd), var = either(stats::var, ufo_var)
  )
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
  function(...) {
    arguments <- list(...)
    if (!any_is_lazy(arguments)) return(compute(...))
    if (!is.null(arguments$collapse)) raise_unsupported("Lazy vectors are not collapsed into one string")
    arguments <- lapply(arguments, function(x) if (is_lazy(x) && length(x) == 1) ufo_materialize(x) else x)
    lengths <- lengths(arguments)
    readers <- lapply(arguments, function(x) if (length(x) > 1) operand_reader(x, expand = TRUE) else function(first, count) x)
    n <- if (any(lengths == 0)) 0 else max(lengths)
    build_lazy(n, function(first, count) {
      part <- do.call(compute, lapply(readers, function(read) read(first, count)))
      if (length(part) == count) return(part)
      # All arguments had one element, or this is the end of a vector of none.
      part[seq_len(count)]
    })
  }
}

# The columns of `x`, then these functions, then what the caller sees. A function of the caller's own comes first.
lazy_scope <- function(parent) {
  forms <- scope_state$forms
  if (is.null(forms)) forms <- scope_state$forms <- c(lazy_forms(), lazy_forms_outside_base())
  of_base <- vapply(names(forms), function(name) {
    found <- get0(name, envir = parent, mode = "function")
    identical(found, get0(name, envir = baseenv())) || identical(found, get0(name, envir = asNamespace("stats")))
  }, NA)
  list2env(forms[of_base], parent = parent)
}
scope_state <- new.env(parent = emptyenv())
