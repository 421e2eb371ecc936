# Quantiles without sorting: the elements of the ranks that are needed are selected (src/merge.c).

# A function of ranks (numbers from 1 on) that gives these elements of `x`, which has none missing.
rank_reader <- function(x, ranks) {
  values <- lazy_values(x)
  # Each rank takes half a megabyte.
  ranks <- sort(unique(as.double(ranks)))
  groups <- split(ranks, (seq_along(ranks) - 1) %/% 32)
  found <- c(read_piece(values, 0, 0), unlist(lapply(groups, function(group) .Call(ufor_select, values, group)), use.names = FALSE))
  storage.mode(found) <- typeof(values)
  function(wanted) found[match(wanted, ranks)]
}

quantile.ufo_lazy <- function(x, probs = seq(0, 1, 0.25), na.rm = FALSE, names = TRUE, type = 7, digits = 7, fuzz = NULL, ...) {
  check_ranked(x, "quantile()")
  if (!(type %in% 1:9)) raise_usage("The type of quantile must be a number from 1 to 9, not ", deparse_short(type))
  if (any(c("Date", "POSIXct") %in% lazy_meta(x)$class) && !(type %in% c(1, 3))) {
    raise_unsupported("Quantiles of dates and times are those of type 1 or 3, which are among them, not of type ", type)
  }
  if (na.rm) x <- without_missing(x)
  else if (anyNA(x)) stop("missing values and NaN's not allowed if 'na.rm' is FALSE", call. = FALSE)
  known <- !is.na(probs)
  tolerance <- 100 * .Machine$double.eps
  if (any(known & (probs < -tolerance | probs > 1 + tolerance))) stop("'probs' outside [0,1]", call. = FALSE)
  limited <- pmin(1, pmax(0, probs))
  values <- with_meta(quantiles_at(x, limited, type, fuzz), lazy_meta(x))
  if (names && length(probs) > 0) {
    labels <- paste0(formatC(100 * limited, format = "fg", width = 1, digits = max(2L, digits)), "%")
    labels[!known] <- ""
    names(values) <- labels
  }
  values
}

# Each is (1 - weight) of the element of rank `low` and weight of the next; how, differs from type to type. R 4.5 began to
# round ranks of types 1 to 3 too, and to give doubles always.
quantiles_at <- function(x, probs, type, fuzz = NULL) {
  n <- length(x)
  new <- getRversion() >= "4.5"
  place <- if (type == 7) 1 + max(n - 1, 0) * probs else {
    offsets <- switch(type, c(0, 0), c(0, 0), c(-0.5, 0), c(0, 1), c(0.5, 0.5), c(0, 0), NULL, c(1, 1) / 3, c(3, 3) / 8)
    if (type <= 3) n * probs + offsets[[1]] else offsets[[1]] + probs * (n + 1 - offsets[[1]] - offsets[[2]])
  }
  # An argument of base R since 4.5; before, it looks at none.
  if (is.null(fuzz) || !("fuzz" %in% names(formals(getS3method("quantile", "default"))))) {
    fuzz <- if (type %in% 4:6 || type > 7 || (new && type <= 3)) 4 * .Machine$double.eps else 0
  }
  low <- floor(if (new) place * (1 + fuzz) else place + fuzz)
  weight <- switch(
    min(type, 4),
    as.double(is.na(place) | place > low),
    ((place > low) + 1) / 2,
    as.double(is.na(place) | place != low | low %% 2 == 1),
    place - low
  )
  if (fuzz > 0 && type > 3) weight[!is.na(weight) & abs(weight) < fuzz] <- 0
  inside <- function(rank) pmin(n, pmax(1, rank))
  at <- if (n > 0) rank_reader(x, inside(c(low, low + 1)[!is.na(c(low, low))]))
  else function(ranks) rep(read_piece(lazy_values(x), 0, 0)[NA_integer_], length(ranks))
  below <- at(inside(low))
  above <- at(inside(low + 1))
  result <- if (type == 7 || new) as.double(below) else below
  result[which(weight == 1)] <- above[which(weight == 1)]
  mixed <- weight > 0 & weight < 1 & below != above
  # Where something is missing, the result is, and a number.
  mixed[is.na(mixed)] <- TRUE
  if (any(mixed)) result[mixed] <- ((1 - weight) * below + weight * above)[mixed]
  if (new) replace(result, is.na(probs), probs[is.na(probs)]) else result
}

check_ranked <- function(x, what) {
  if (!(typeof(lazy_values(x)) %in% c("logical", "integer", "double")) || !is.null(lazy_meta(x)$levels)) {
    raise_unsupported(what, " does not work on a lazy vector of type ", lazy_type(x))
  }
}

median.ufo_lazy <- function(x, na.rm = FALSE, ...) {
  check_ranked(x, "median()")
  if (na.rm) x <- without_missing(x)
  n <- length(x)
  if (n == 0 || anyNA(x)) return(with_meta(read_piece(lazy_values(x), 0, 0)[NA_integer_], lazy_meta(x)))
  half <- (n + 1) %/% 2
  middle <- if (n %% 2 == 1) half else half + 0:1
  middle <- with_meta(rank_reader(x, middle)(middle), lazy_meta(x))
  if (n %% 2 == 1) middle else mean(middle)
}

cut.ufo_lazy <- function(x, breaks, labels = NULL, include.lowest = FALSE, right = TRUE, dig.lab = 3L,
                         ordered_result = FALSE, ...) {
  check_ranked(x, "cut()")
  if (!is.null(lazy_meta(x))) {
    raise_unsupported("cut() works on numbers, not on ", lazy_type(x), "; groups of dates and times are made by format(x, \"%Y-%m\")")
  }
  if (typeof(lazy_values(x)) == "logical") stop("'x' must be numeric", call. = FALSE)
  # By all of the values, of which the pieces know nothing.
  if (length(breaks) == 1 && isTRUE(breaks >= 2)) breaks <- equal_breaks(range(x, na.rm = TRUE), breaks)
  map_lazy(x, function(piece) {
    cut(piece, breaks, labels = labels, include.lowest = include.lowest, right = right, dig.lab = dig.lab,
      ordered_result = ordered_result, ...)
  })
}

# Where cut() makes so many intervals of equal length; the outer ones are a thousandth of the range longer.
equal_breaks <- function(ends, count) {
  count <- as.integer(count + 1) - 1L
  width <- ends[[2]] - ends[[1]]
  if (width == 0) {
    margin <- (if (ends[[1]] != 0) abs(ends[[1]]) else 1) / 1000
    return(seq.int(ends[[1]] - margin, ends[[2]] + margin, length.out = count + 1L))
  }
  breaks <- seq.int(ends[[1]], ends[[2]], length.out = count + 1L)
  replace(breaks, c(1L, count + 1L), c(ends[[1]] - width / 1000, ends[[2]] + width / 1000))
}

# As findInterval(), which is no generic function.
ufo_find_interval <- function(x, vec, ...) {
  x <- ufo_lazy(x)
  check_ranked(x, "ufo_find_interval()")
  map_lazy(x, function(piece) findInterval(piece, vec, ...))
}
