# Arithmetic, comparison, logic and mathematical functions of lazy vectors. Each piece is computed by base R's own
# function on ordinary vectors with the same attributes, which is where types, NA, errors and warnings come from.

# A function (first, count) that gives the elements of an operand, recycled; one element stays one, for base R's operators
# to recycle, unless `expand`.
operand_reader <- function(e, expand = FALSE) {
  n <- length(e)
  read <- if (is_lazy(e)) function(first, count) lazy_piece(e, first, count) else {
    if (is.null(e)) return(function(first, count) NULL)
    bare <- with_meta(if (is.null(attributes(e))) e else as.vector(unclass(e)), meta_of(e))
    if (is.character(bare)) function(first, count) bare[seq_len(count) + first]
    else {
      values <- if (is.null(attributes(bare))) bare else own_values(bare)
      function(first, count) with_meta(read_piece(values, first, count), meta_of(e))
    }
  }
  if (n == 1) {
    only <- read(0, 1)
    return(function(first, count) if (count == 0) only[0] else if (expand) only[rep.int(1L, count)] else only)
  }
  function(first, count) {
    if (first + count <= n) return(read(first, count))
    start <- first %% n
    if (start + count <= n) return(read(start, count))
    if (n <= count) return(rep_len(read(0, n)[c(seq_len(n - start) + start, seq_len(start))], count))
    c(read(start, n - start), read(0, count - (n - start)))
  }
}

check_operand <- function(e) {
  if (is_lazy(e) || is.null(e)) return(invisible())
  class <- attr(e, "class")
  if (!is.null(class) && !(list(class) %in% kept_classes)) {
    raise_unsupported("A lazy vector does not go together with an object of class ", deparse_short(class))
  }
  if (!is.null(dim(e))) raise_unsupported("A lazy vector does not go together with a matrix or an array")
  if (!(typeof(e) %in% lazy_types)) {
    raise_unsupported("A lazy vector does not go together with an object of type ", typeof(e))
  }
}

# How long the result of vectors of such lengths is, which are recycled.
recycled_length <- function(...) {
  lengths <- c(...)
  if (any(lengths == 0)) return(0)
  n <- max(lengths)
  if (any(n %% lengths != 0)) {
    warning("longer object length is not a multiple of shorter object length", call. = FALSE)
  }
  n
}

Ops.ufo_lazy <- function(e1, e2) lazy_operator(.Generic, e1, e2)

# `e2` may be missing.
lazy_operator <- function(name, e1, e2) {
  operator <- get(name, envir = baseenv(), mode = "function")
  if (missing(e2)) return(map_lazy(e1, operator))
  check_operand(e1)
  check_operand(e2)
  check_factors(e1, e2)
  if (name == "-" && is_time(e1) && is_time(e2)) return(time_difference(e1, e2))
  left <- operand_reader(e1)
  right <- operand_reader(e2)
  build_lazy(recycled_length(length(e1), length(e2)), function(first, count) operator(left(first, count), right(first, count)))
}

# Base R warns, and then makes a "factor" of what are no whole numbers, or compares dates with codes.
check_factors <- function(e1, e2) {
  classes <- lapply(list(e1, e2), function(e) (if (is_lazy(e)) lazy_meta(e) else attributes(e))$class)
  if (!any(vapply(classes, function(class) "factor" %in% class, NA)) || any(lengths(classes) == 0)) return(invisible())
  if (!identical(classes[[1]], classes[[2]])) {
    raise_unsupported("A factor does not go together with an object of class ",
      deparse_short(classes[[if ("factor" %in% classes[[1]]) 2 else 1]]))
  }
}

is_time <- function(e) "POSIXct" %in% (if (is_lazy(e)) lazy_meta(e) else attributes(e))$class

# Base R chooses the units by all of the differences, so the pieces must not choose theirs.
time_difference <- function(e1, e2) {
  bare <- function(e) new_lazy(lazy_values(ufo_lazy(e)))
  seconds <- bare(e1) - bare(e2)
  least <- suppressWarnings(min(abs(seconds), na.rm = TRUE))
  units <- if (!is.finite(least) || least < 60) "secs" else if (least < 3600) "mins" else if (least < 86400) "hours" else "days"
  by <- c(secs = 1, mins = 60, hours = 3600, days = 86400)[[units]]
  new_lazy(lazy_values(if (by == 1) as.double(seconds) else seconds / by), list(class = "difftime", units = units))
}

Math.ufo_lazy <- function(x, ...) {
  if (.Generic %in% c("cumsum", "cumprod", "cummax", "cummin")) return(cumulate(x, .Generic))
  if (any(vapply(list(...), is_lazy, NA)) || any(lengths(list(...)) > 1)) {
    raise_unsupported(.Generic, "() of a lazy vector takes single numbers as its other arguments")
  }
  compute <- get(.Generic, envir = baseenv(), mode = "function")
  # Of times base R makes lists of parts (POSIXlt), which are no vectors.
  if (is_time(x) && .Generic %in% c("round", "trunc")) return(map_lazy(x, function(piece) as.POSIXct(compute(piece, ...))))
  map_lazy(x, function(piece) compute(piece, ...))
}

cumulate <- function(x, what) {
  get(what, envir = baseenv(), mode = "function")(lazy_prototype(x)) # refuses what base R refuses
  type <- typeof(lazy_values(x))
  if (type %in% c("complex", "raw", "character") || !is.null(lazy_meta(x))) {
    raise_unsupported(what, "() works on logical, integer and double lazy vectors, not on ", lazy_type(x))
  }
  target <- new_target(if (type == "double" || what == "cumprod") "double" else "integer", length(x))
  if (.Call(ufor_cumulate, lazy_values(x), target, what)) {
    warning("integer overflow in 'cumsum'; use 'cumsum(as.numeric(.))'", call. = FALSE)
  }
  new_lazy(target)
}

Complex.ufo_lazy <- function(z) map_lazy(z, get(.Generic, envir = baseenv(), mode = "function"))

is.na.ufo_lazy <- function(x) {
  advise()
  build_lazy(length(x), function(first, count) piece_is_na(x, first, count))
}

# Of strings without making them.
piece_is_na <- function(x, first, count) {
  if (typeof(lazy_values(x)) == "character") .Call(ufor_piece_na, lazy_values(x), first, count) else is.na(lazy_piece(x, first, count))
}
is.nan.ufo_lazy <- function(x) map_lazy(x, is.nan)
is.finite.ufo_lazy <- function(x) map_lazy(x, is.finite)
is.infinite.ufo_lazy <- function(x) map_lazy(x, is.infinite)

# As ifelse(), which is no generic function. The type is that of base R: of what is taken from, if anything is.
ufo_ifelse <- function(test, yes, no) {
  test <- ufo_lazy(test)
  check_operand(yes)
  check_operand(no)
  if (typeof(lazy_values(test)) != "logical") test <- as.logical(test)
  n <- length(test)
  some_yes <- n > 0 && any(test, na.rm = TRUE)
  some_no <- n > 0 && !all(test, na.rm = TRUE)
  prototype <- function(e) {
    if (is_lazy(e)) read_piece(lazy_values(e), 0, 0) else as.vector(unclass(e))[0]
  }
  type <- typeof(c(logical(), if (some_yes) prototype(yes), if (some_no) prototype(no)))
  if (!(type %in% lazy_types)) raise_unsupported("ufo_ifelse() does not give results of type ", type)
  readers <- lapply(list(yes, no), function(e) {
    if (length(e) > 0) operand_reader(e) else function(first, count) rep(NA, count)
  })
  build_lazy(n, function(first, count) {
    which_one <- lazy_piece(test, first, count)
    # As base R has it: what NA becomes in complex numbers depends on its version.
    result <- which_one
    storage.mode(result) <- type
    for (i in 1:2) {
      at <- which(which_one == (i == 1))
      if (length(at) > 0) result[at] <- rep_len(unclass(readers[[i]](first, count)), count)[at]
    }
    as.vector(result)
  })
}
