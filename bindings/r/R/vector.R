# Stored vectors in the session.

is_ufo <- function(x) {
  if (is_lazy(x)) return(is_ufo(lazy_values(x)))
  if (is.list(x)) return(any(vapply(unclass(x), is_ufo, NA)))
  .Call(ufor_is_view, x)
}

ufo_materialize <- function(x) {
  if (is_lazy(x) || is_lazy_frame(x)) return(ufo_materialize(ufo_unlazy(x)))
  if (!is.list(x) || !is_ufo(x)) return(.Call(ufor_materialize, x))
  values <- lapply(unclass(x), ufo_materialize)
  attributes(values) <- attributes(x)
  if (isS4(x)) asS4(values) else values
}

# Called from C (altrep.c): whether base R adds up in long double. It can be built without.
has_long_double <- function() isTRUE(capabilities("long.double")[[1]])
