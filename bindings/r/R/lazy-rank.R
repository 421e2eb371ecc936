# Ranks, and values by groups for each element.

# As rank(): the sorted vector is gone through once, and its ranks are brought back to where their elements were.
ufo_rank <- function(x, na.last = "keep", ties.method = c("average", "first", "min", "max")) {
  x <- check_sortable(x, "ufo_rank()")
  ties <- check_choice(ties.method, c("average", "first", "min", "max"), "The method for ties")
  if (!identical(na.last, "keep")) raise_unsupported("ufo_rank() gives NA for what is missing: na.last is \"keep\"")
  n <- length(x)
  if (n == 0) return(ufo_lazy(rank(read_piece(lazy_values(x), 0, 0), ties.method = ties)))
  missing <- if (anyNA(x)) is.na(x)
  positions <- if (is.null(missing)) positions_of(n) else ufo_which(!missing)
  if (!is.null(missing)) x <- x[!missing]
  sorted <- external_sort(lazy_values(x), lazy_values(positions), FALSE, "locale")
  ranks <- ranks_of_sorted(sorted$keys, ties)
  if (!is.null(missing)) {
    sorted$payload <- lazy_values(c(new_lazy(sorted$payload), ufo_which(missing)))
    nothing <- ufo_lazy(if (typeof(lazy_values(ranks)) == "double") NA_real_ else NA_integer_)
    ranks <- c(ranks, rep(nothing, n - length(ranks)))
  }
  new_lazy(external_sort(sorted$payload, lazy_values(ranks), FALSE)$payload)
}

ranks_of_sorted <- function(keys, ties) {
  n <- length(keys)
  if (ties == "first") return(positions_of(n))
  # Base R asks for ties the order, not whether strings are the same.
  begins <- begins_of_sorted(keys, if (is.character(keys)) function(a, b) passes(a, b, FALSE) else `!=`)
  starts <- ufo_which(begins)
  # How far a group of equal ones goes is known from where the next begins.
  lengths <- diff(c(as.double(starts), n + 1))
  whole <- ties != "average" && n <= .Machine$integer.max
  rank <- switch(ties, min = as.double(starts), max = starts + lengths - 1, average = starts + (lengths - 1) / 2)
  ranks <- rep(rank, times = lengths)
  if (whole) as.integer(ranks) else ranks
}

# Of sorted keys, whether each differs from the one before.
begins_of_sorted <- function(keys, differ = `!=`) {
  build_lazy(length(keys), function(first, count) {
    before <- max(0, first - 1)
    piece <- read_piece(keys, before, first + count - before)
    changes <- differ(piece[-1], piece[-length(piece)])
    if (first == 0) c(TRUE, changes)[seq_len(count)] else changes
  })
}

# As ave() of a function that gives one value for each group. What is in no group stays as it is.
ufo_ave <- function(x, ..., FUN = mean) {
  x <- check_ranked_numbers(ufo_lazy(x), "ufo_ave()")
  by <- list(...)
  if (length(by) == 0) raise_usage("ufo_ave() needs groups; for one value use FUN itself")
  by <- unlist(lapply(by, function(g) if (is.list(g)) as.list(g) else list(g)), FALSE)
  keys <- keys_of(check_by(by, length(x), "ufo_ave()"), "ufo_ave()", nan = TRUE)
  codes <- combined_codes(keys)
  groups <- grouped_results(list(x), codes, match.fun(FUN))
  values <- groups$results[[1]]
  if (any(lengths(values) != 1)) raise_unsupported("ufo_ave() needs a function that gives one value for each group")
  values <- unlist(values, use.names = FALSE)
  type <- typeof(c(lazy_values(x)[0], values[0]))
  build_lazy(length(x), function(first, count) {
    piece <- lazy_piece(codes, first, count)
    result <- values[match(piece, groups$codes)]
    result[is.na(piece)] <- lazy_piece(x, first, count)[is.na(piece)]
    storage.mode(result) <- type
    result
  })
}

check_ranked_numbers <- function(x, what) {
  check_ranked(x, what)
  if (!is.null(lazy_meta(x))) raise_unsupported(what, " works on numbers, not on ", lazy_type(x))
  x
}
