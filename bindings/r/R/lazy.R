# Lazy vectors: ordinary R syntax on vectors that are larger than memory, with results that may be so, too.
#
# A lazy vector is an S4 object (R's type "S4") of class "ufo_lazy" whose attribute "vector" is an environment with two
# variables, reached by lazy_values() and lazy_meta():
#   values  an atomic vector without attributes: a view of a stored vector, a scratch view, or an ordinary short one
#   meta    its attributes (class, levels, units, tzone) as a list; NULL if it has none
# It is never changed, so that it has the value semantics of vectors.
#
# Why not a class attribute on the view itself: base R unclasses such a vector, or ignores its class, wherever it has no
# method (which(), match(), order(), ifelse(), cor(), apply functions, for loops), and then allocates results of full
# length without a word. An S4 object is no vector: what has no method here is refused by base R itself.
# Why not the environment by itself: of one there are no copies, so that functions that set attributes of what they are
# given (ts(), filter(), deparse() of R before 4.3) would change the caller's. And why have one at all: functions that
# look at all attributes of an object, such as object.size(), do not look into it.

ufo_lazy <- function(x) {
  if (is_lazy(x) || is_lazy_frame(x)) return(x)
  if (is_plain_list(x)) return(lazy_list(x))
  problem <- not_lazy_because(x)
  if (!is.null(problem)) raise_unsupported("A lazy ", if (is.data.frame(x)) "data frame" else "vector", " cannot be made of this: ", problem)
  if (is.data.frame(x)) lazy_frame_of(x) else lazy_of(x)
}

# A list as one of lazy vectors, lists and data frames; what cannot be lazy stays what it is.
lazy_list <- function(x) {
  x[] <- lapply(x, function(part) {
    can_be <- is_plain_list(part) || ((is.atomic(part) || is.data.frame(part)) && !is.null(part) && is.null(not_lazy_because(part)))
    if (can_be) ufo_lazy(part) else part
  })
  x
}

is_plain_list <- function(x) is.list(x) && is.null(attr(x, "class")) && is.null(dim(x))

# The attributes that are kept; what has others is refused.
kept_attributes <- c("class", "levels", "units", "tzone")
kept_classes <- list(
  "factor", c("ordered", "factor"), "Date", "difftime", c("POSIXct", "POSIXt")
)
# In the order in which they take each other in; raw stands beside it.
lazy_types <- c("logical", "integer", "double", "complex", "character", "raw")

not_lazy_because <- function(x) {
  if (is.data.frame(x)) return(frame_not_lazy_because(x))
  if (!(typeof(x) %in% lazy_types)) return(paste0("it is of type ", typeof(x), ", not ", paste(lazy_types, collapse = ", ")))
  meta <- attributes(x)
  if ("names" %in% names(meta)) return("it has names; ufo_lazy(unname(x)) leaves them out")
  if ("dim" %in% names(meta)) return("it is a matrix or an array; `dim(x) <- NULL` makes it a vector")
  other <- setdiff(names(meta), kept_attributes)
  if (length(other) > 0) return(paste0("it has the attribute \"", other[[1]], "\""))
  if (!is.null(meta$class) && !(list(meta$class) %in% kept_classes)) {
    return(paste0("it is of class ", deparse_short(meta$class)))
  }
  NULL
}

new_lazy <- function(values, meta = NULL) {
  vector <- new.env(parent = emptyenv(), size = 2L)
  vector$values <- values
  vector$meta <- if (length(meta) > 0) meta
  lockEnvironment(vector, bindings = TRUE)
  .Call(ufor_lazy, vector, "ufo_lazy")
}

# Of a vector that is fit for it, be it a piece that base R has computed; names and the like are left out.
lazy_of <- function(x) {
  meta <- attributes(x)
  if (is.null(meta)) new_lazy(x) else new_lazy(own_values(x), meta_of(x))
}

meta_of <- function(x) {
  meta <- attributes(x)
  if (is.null(meta)) NULL else meta[names(meta) %in% kept_attributes]
}

is_lazy <- function(x) inherits(x, "ufo_lazy")
# Is what it stands for of this class?
inherits_class <- function(x, class) class %in% lazy_meta(x)$class
lazy_values <- function(x) .subset2(attr(x, "vector", exact = TRUE), "values")
lazy_meta <- function(x) .subset2(attr(x, "vector", exact = TRUE), "meta")

with_meta <- function(values, meta) {
  if (!is.null(meta)) attributes(values) <- meta
  values
}

# Elements from number first + 1 on, as base R has them.
lazy_piece <- function(x, first, count) with_meta(read_piece(lazy_values(x), first, count), lazy_meta(x))

# No elements, but type and attributes.
lazy_prototype <- function(x) lazy_piece(x, 0, 0)

# A lazy vector of `n` elements: compute(first, count) gives each piece; the first says what type and class it is.
build_lazy <- function(n, compute) {
  if (n <= piece_elements()) return(lazy_of(warn_once(compute(0, n))))
  target <- meta <- NULL
  warn_once(each_piece(n, function(first, count) {
    part <- compute(first, count)
    if (is.null(target)) {
      meta <<- meta_of(part)
      target <<- new_target(typeof(part), n)
    }
    # Nothing that is computed here gives other lengths or attributes; a result must not be wrong if one day it does.
    stopifnot(length(part) == count, identical(meta_of(part), meta))
    write_piece(target, first, part)
  }))
  new_lazy(target, meta)
}

# A result for each element of `x`.
map_lazy <- function(x, compute) build_lazy(length(x), function(first, count) compute(lazy_piece(x, first, count)))

# The stored vector, scratch view or short vector behind it, with its attributes.
ufo_unlazy <- function(x) {
  if (is_lazy(x)) return(with_meta(lazy_values(x), lazy_meta(x)))
  if (is_lazy_frame(x)) return(unlazy_frame(x))
  x
}

# In what is to be stored.
unlazy_deeply <- function(x) {
  if (is_lazy(x) || is_lazy_frame(x)) return(ufo_unlazy(x))
  if (!is.list(x) || !any(vapply(unclass(x), holds_lazy, NA))) return(x)
  kept <- attributes(x)
  x <- lapply(unclass(x), unlazy_deeply)
  attributes(x) <- kept
  x
}
holds_lazy <- function(x) is_lazy(x) || is_lazy_frame(x) || (is.list(x) && any(vapply(unclass(x), holds_lazy, NA)))

# What s$x gives where options(ufostore.lazy = TRUE) asks for it: lazy if it can be. Data frames have to be what they are.
lazy_if_wanted <- function(x) {
  if (!isTRUE(getOption("ufostore.lazy"))) return(x)
  if (is_plain_list(x)) {
    x[] <- lapply(x, lazy_if_wanted)
    return(x)
  }
  if ((is.atomic(x) || is.data.frame(x)) && is_ufo(x) && is.null(not_lazy_because(x))) ufo_lazy(x) else x
}

# ---- what base R asks of any vector ------------------------------------------------------------------------------

length.ufo_lazy <- function(x) {
  advise()
  length(lazy_values(x))
}
names.ufo_lazy <- function(x) advise()
levels.ufo_lazy <- function(x) lazy_meta(x)$levels
is.numeric.ufo_lazy <- function(x) {
  advise()
  is.numeric(lazy_prototype(x))
}

as.logical.ufo_lazy <- function(x, ...) {
  advise()
  convert_lazy(x, as.logical)
}
as.integer.ufo_lazy <- function(x, ...) convert_lazy(x, as.integer)
as.double.ufo_lazy <- function(x, units, ...) {
  advise()
  if (!missing(units) && inherits_class(x, "difftime")) units(x) <- units
  convert_lazy(x, as.double)
}
as.numeric.ufo_lazy <- as.double.ufo_lazy
as.complex.ufo_lazy <- function(x, ...) convert_lazy(x, as.complex)
as.raw.ufo_lazy <- function(x) convert_lazy(x, as.raw)

# Without attributes, as base R does it; as.logical() of a factor looks at its levels.
convert_lazy <- function(x, convert) {
  if (!is.null(lazy_meta(x)$levels) && identical(convert, as.logical)) return(map_lazy(x, as.logical))
  plain <- new_lazy(lazy_values(x))
  if (identical(typeof(convert(lazy_prototype(plain))), typeof(lazy_values(x)))) return(plain)
  map_lazy(plain, convert)
}

as.character.ufo_lazy <- function(x, ...) {
  advise()
  if (is_called_by(list(base::paste, base::paste0))) {
    if (length(x) <= piece_elements()) return(as.character(ufo_materialize(x)))
    raise_unsupported("paste() does not work on a lazy vector; use ufo_map(x, paste, ...)")
  }
  if (typeof(lazy_values(x)) == "character") return(x)
  # How much of a time is written depends on all of them.
  if (is_time(x) && length(list(...)) == 0 && length(x) > piece_elements()) {
    raise_unsupported("as.character() of a long lazy vector of times needs to be told a `format`")
  }
  map_lazy(x, function(piece) as.character(piece, ...))
}

# Also asked by `[<-` of an ordinary vector for what is assigned, with a call of its own: base R then takes the codes of a
# factor, not its levels.
as.vector.ufo_lazy <- function(x, mode = "any") {
  if ("value" %in% names(sys.call())) return(ufo_materialize(lazy_values(x)))
  # What union() and its like do with it begins or ends with unique().
  if (length(x) > piece_elements() && is_called_by(set_functions)) x <- unique(x)
  as.vector(ufo_materialize(x), mode)
}
set_functions <- list(base::union, base::intersect, base::setdiff, base::setequal)

# Was the method that calls this called by one of `functions`? Primitive functions and others may come between, but not
# more than `within` calls in all.
is_called_by <- function(functions, within = 2) {
  callers <- rev(seq_len(sys.nframe() - 2))
  for (caller in callers[seq_len(min(within, length(callers)))]) {
    if (any(vapply(functions, identical, NA, sys.function(caller)))) return(TRUE)
  }
  FALSE
}

# ---- showing it: only what is shown is read ----------------------------------------------------------------------

# "double", "factor (integer)"
lazy_type <- function(x) {
  type <- typeof(lazy_values(x))
  class <- lazy_meta(x)$class
  if (is.null(class)) type else paste0(class[[1]], " (", type, ")")
}

# Of dates and times that are told how, all of them, lazily.
format.ufo_lazy <- function(x, ..., n = 6L) {
  if (missing(n) && length(list(...)) > 0 && (is_time(x) || identical(lazy_meta(x)$class, "Date"))) {
    return(map_lazy(x, function(piece) format(piece, ...)))
  }
  n <- min(check_count(n, "The number of elements to show"), length(x))
  shown <- format(lazy_piece(x, 0, n), ...)
  if (n < length(x)) c(shown, "...") else shown
}

print.ufo_lazy <- function(x, n = 10L, ...) {
  n <- min(check_count(n, "The number of elements to show"), length(x))
  cat("<ufo_lazy> ", lazy_type(x), ", ", format_count(length(x)), if (length(x) == 1) " element" else " elements", "\n", sep = "")
  if (n > 0) print(lazy_piece(x, 0, n), ...)
  if (n > 0 && n < length(x)) cat("... and ", format_count(length(x) - n), " more: as.vector() gives them all\n", sep = "")
  invisible(x)
}

str.ufo_lazy <- function(object, ...) {
  n <- min(length(object), 5)
  cat(" <ufo_lazy> ", lazy_type(object), " [1:", format_count(length(object)), "] ",
    paste(format_short(lazy_piece(object, 0, n)), collapse = " "), if (n < length(object)) " ...", "\n",
    sep = ""
  )
  invisible()
}

format_short <- function(piece) {
  if (is.character(piece)) encodeString(piece, quote = "\"", na.encode = TRUE) else format(piece, trim = TRUE, digits = 3)
}

# ---- what is refused ---------------------------------------------------------------------------------------------
# Where base R has a generic function whose default would take the environment for what it is not.

plot.ufo_lazy <- refuse(
  "plot()", "take a sample, x[sort(sample(length(x), 10000))], and make it ordinary by as.vector()"
)
xtfrm.ufo_lazy <- refuse("order()", "use ufo_order() or sort()")
# Asked since R 4.6; before, match() refuses by itself.
mtfrm.ufo_lazy <- refuse("match() or %in%", "use ufo_match() or ufo_in(); subset(), transform(), with() and within() take %in%")
as.list.ufo_lazy <- refuse("A function that applies another to each element", "use ufo_map() or ufo_apply()")
all.equal.ufo_lazy <- function(target, current, ...) {
  raise_unsupported("all.equal() does not work on a lazy vector; use all(x == y)")
}
scale.ufo_lazy <- refuse("scale()", "use (x - mean(x)) / ufo_sd(x)")
`$.ufo_lazy` <- function(x, name) raise_unsupported("$ does not work on a lazy vector; it has no named parts")
`$<-.ufo_lazy` <- function(x, name, value) raise_unsupported("$<- does not work on a lazy vector; it has no named parts")
`names<-.ufo_lazy` <- function(x, value) {
  if (is.null(value)) return(x)
  raise_unsupported("names<- does not work on a lazy vector, which has no names")
}
`dim<-.ufo_lazy` <- function(x, value) {
  if (is.null(value)) return(x)
  raise_unsupported("dim<- does not work on a lazy vector; ufo_unlazy() gives a stored vector, which can have a dim")
}
cbind.ufo_lazy <- function(..., deparse.level = 1) {
  raise_unsupported("cbind() and rbind() make no matrices of lazy vectors; cbind(t, name = x) adds one to a lazy data frame t")
}
rbind.ufo_lazy <- cbind.ufo_lazy
