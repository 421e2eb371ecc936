# Numbers that sum up a lazy vector. Base R's own functions run over the values where they are, which allocates nothing.

# Least, greatest, missing values and order as the store keeps them for each chunk: a named vector; NULL if not known.
known_statistics <- function(x) {
  known <- .Call(ufor_statistics, lazy_values(x))
  if (!is.null(known)) names(known) <- c("missing", "has_range", "least", "greatest", "ascending", "descending")
  known
}

# min() or max() without reading, if that is known: NULL else.
known_extreme <- function(x, what, na.rm) {
  known <- known_statistics(x)
  if (is.null(known) || !known[["has_range"]] || (known[["missing"]] > 0 && !na.rm)) return(NULL)
  value <- known[[if (what == "min") "least" else "greatest"]]
  if (typeof(lazy_values(x)) == "double") value else as.integer(value)
}

Summary.ufo_lazy <- function(..., na.rm = FALSE) {
  arguments <- list(...)
  finite <- isTRUE(arguments$finite)
  arguments$finite <- NULL
  if (.Generic == "range") {
    if (finite) arguments <- lapply(arguments, function(x) x[is.finite(x)])
    # Unlike min() and max(), range() compares numbers as strings if there are strings.
    if (any(vapply(arguments, has_strings, NA))) arguments <- lapply(arguments, as.character)
    extremes <- lapply(c("min", "max"), function(what) summarize(what, arguments, na.rm || finite))
    return(c(extremes[[1]], extremes[[2]]))
  }
  summarize(.Generic, arguments, na.rm)
}

summarize <- function(what, arguments, na.rm) {
  lapply(arguments, check_operand)
  metas <- lapply(arguments, function(x) if (is_lazy(x)) lazy_meta(x) else meta_of(x))
  meta <- Find(Negate(is.null), metas)
  if (!is.null(meta)) check_classed_summary(what, arguments, meta)
  if (what %in% c("all", "any")) arguments <- lapply(arguments, as_condition)
  if (what %in% c("min", "max") && any(vapply(arguments, has_strings, NA))) {
    arguments <- lapply(arguments, extreme_of_pieces, what, na.rm)
  }
  value <- if (length(arguments) == 1 && is_lazy(arguments[[1]]) && what %in% c("min", "max")) known_extreme(arguments[[1]], what, na.rm)
  if (is.null(value)) value <- call_on_values(what, lapply(arguments, function(x) if (is_lazy(x)) lazy_values(x) else x), na.rm)
  with_meta(value, meta)
}

# all() and any() of numbers.
as_condition <- function(x) {
  if (!is_lazy(x) || typeof(lazy_values(x)) == "logical") return(x)
  type <- typeof(lazy_values(x))
  if (type != "integer" && length(x) > 0) warning("coercing argument of type '", type, "' to logical", call. = FALSE)
  as.logical(x)
}

# By names, so that no call has the values in it, which R would write out in a message.
call_on_values <- function(what, values, na.rm) {
  frame <- new.env(parent = baseenv())
  names <- paste0("x", seq_along(values))
  for (i in seq_along(values)) assign(names[[i]], values[[i]], envir = frame)
  eval(as.call(c(list(as.name(what)), lapply(names, as.name), list(na.rm = na.rm))), frame)
}

# What base R refuses for the class is refused; of the rest, what gives values of the class is done.
check_classed_summary <- function(what, arguments, meta) {
  if (length(arguments) > 1) raise_unsupported(what, "() takes one lazy vector of class ", meta$class[[1]], " at a time")
  if (!is.null(meta$levels)) raise_unsupported(what, "() does not work on a lazy factor; use as.integer() or ufo_table()")
  suppressWarnings(get(what, envir = baseenv(), mode = "function")(lazy_prototype(arguments[[1]])))
}

anyNA.ufo_lazy <- function(x, recursive = FALSE) {
  if (typeof(lazy_values(x)) == "character") return(.Call(ufor_words_any_na, lazy_values(x)))
  known <- known_statistics(x)
  if (is.null(known)) anyNA(lazy_values(x)) else known[["missing"]] > 0
}

without_missing <- function(x) if (anyNA(x)) x[!is.na(x)] else x

check_numbers <- function(x, what) {
  if (!is_lazy(x)) x <- ufo_lazy(x)
  if (!is.null(lazy_meta(x)$levels)) raise_unsupported(what, " does not work on a lazy factor")
  x
}

mean.ufo_lazy <- function(x, trim = 0, na.rm = FALSE, ...) {
  x <- check_numbers(x, "mean()")
  if (!identical(as.numeric(trim), 0)) raise_unsupported("mean() of a lazy vector does not trim")
  if (na.rm) x <- without_missing(x)
  meta <- lazy_meta(x)
  values <- lazy_values(x)
  # Base R takes the elements of integer vectors one by one.
  with_meta(mean(values), meta)
}

# var() and sd() are no generic functions.
ufo_var <- function(x, na.rm = FALSE) {
  x <- check_numbers(x, "ufo_var()")
  if (!is.null(lazy_meta(x))) raise_unsupported("ufo_var() works on numbers, not on ", lazy_type(x))
  if (typeof(lazy_values(x)) == "character") stop("is.numeric(x) || is.logical(x) is not TRUE", call. = FALSE)
  if (na.rm) x <- without_missing(x)
  values <- lazy_values(as.double(x))
  var(values)
}

ufo_sd <- function(x, na.rm = FALSE) sqrt(ufo_var(x, na.rm))

# What summary() calls the number of those that are NA.
missing_label <- function() if (getRversion() >= "4.6") "NAs" else "NA's"

# The values are put into what base R's summary() is for a short vector of the same type and class, whose form differs from
# version to version.
summary.ufo_lazy <- function(object, ..., digits, quantile.type = 7) {
  if (!is.null(lazy_meta(object)$levels)) return(counts_by_level(object))
  type <- typeof(lazy_values(object))
  if (type == "logical") {
    counts <- ufo_table(object, useNA = "ifany")
    values <- c("logical", as.character(counts))
    names(values) <- c("Mode", ifelse(is.na(names(counts)), missing_label(), names(counts)))
    return(structure(values, class = c("summaryDefault", "table")))
  }
  absent <- if (type %in% c("integer", "double", "complex", "character")) is.na(object)
  missing <- if (is.null(absent)) 0 else sum(absent)
  short <- vector(type, 2)
  if (missing > 0) short[[2]] <- NA
  form <- summary(with_meta(short, lazy_meta(object)))
  n <- length(object)
  if (missing > 0) object <- object[!absent]
  if ("N.unique" %in% names(form)) return(in_form(c(n, summary_of_strings(object), if (missing > 0) missing), form))
  if ("Min.Mod" %in% names(form)) {
    of <- function(part) quantile(part, c(0, 0.5, 1), names = FALSE, type = quantile.type)
    return(in_form(c(of(Mod(object)), of(Arg(object)), if (missing > 0) missing), form))
  }
  if (!("Median" %in% names(form))) {
    if ("Length" %in% names(form)) form[["Length"]] <- n
    return(form)
  }
  # The quartiles of the numbers; their class comes back with the form.
  numbers <- new_lazy(lazy_values(object))
  quartiles <- quantile(numbers, names = FALSE, type = quantile.type)
  values <- c(quartiles[1:3], mean(numbers), quartiles[4:5])
  digits <- if (missing(digits)) summary_digits(lazy_meta(object)$class) else digits
  if (!is.null(digits)) values <- signif(values, digits)
  if (length(form) > 6) values <- c(values, missing)
  attributes(values) <- attributes(form)
  if (!is.null(attr(form, "NAs"))) attr(values, "NAs") <- as_count(missing)
  values
}

in_form <- function(values, form) {
  storage.mode(values) <- typeof(form)
  attributes(values) <- attributes(form)
  values
}

# As R 4.6 has it: how many different ones, how many blank ones, and how many characters the shortest and the longest have.
summary_of_strings <- function(x) {
  ends <- c(NA, NA)
  blank <- 0
  each_piece(length(x), function(first, count) {
    piece <- lazy_piece(x, first, count)
    blank <<- blank + sum(grepl("^[ \t\r\n]*$", piece, perl = TRUE))
    ends <<- range(c(ends, nchar(piece, allowNA = TRUE)), na.rm = TRUE)
  })
  c(length(unique(x)), blank, ends)
}

# To how many digits a method of base R rounds if it is not told; NULL: it does not.
summary_digits <- function(class) {
  method <- if (!is.null(class)) getS3method("summary", class[[1]], optional = TRUE)
  digits <- if (!is.null(method)) formals(method)$digits
  if (is.numeric(digits)) digits
}
