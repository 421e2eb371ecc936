# Counting and computing by groups.

# Groups that are told apart: their names and sorted values are in memory.
groups_max <- 1e5

# list(values, labels) of the groups of `g`: the levels of a factor, else its different values in order.
groups_of <- function(g, what) {
  levels <- lazy_meta(g)$levels
  if (!is.null(levels)) return(list(values = seq_along(levels), labels = levels))
  if (!is.null(lazy_meta(g))) raise_unsupported(what, " does not group by a lazy vector of class ", lazy_type(g))
  check_sortable(g, what)
  seen <- NULL
  each_piece(length(g), function(first, count) {
    piece <- read_piece(lazy_values(g), first, count)
    seen <<- unique(c(seen, piece[!is.na(piece)]))
    if (length(seen) > groups_max) {
      raise_unsupported(what, " tells at most ", format_count(groups_max), " groups apart; there are more different values")
    }
  })
  values <- sort(seen)
  list(values = values, labels = as.character(values))
}

count_groups <- function(g, groups) {
  counts <- numeric(length(groups$values))
  each_piece(length(g), function(first, count) {
    codes <- match(read_piece(lazy_values(g), first, count), groups$values)
    counts <<- counts + tabulate(codes, length(counts))
  })
  counts
}

as_count <- function(counts) if (all(counts <= .Machine$integer.max)) as.integer(counts) else counts

# As table() of one vector, which is no generic function.
ufo_table <- function(x, useNA = c("no", "ifany", "always")) {
  x <- ufo_lazy(x)
  useNA <- check_choice(useNA, c("no", "ifany", "always"), "useNA")
  groups <- groups_of(x, "ufo_table()")
  counts <- count_groups(x, groups)
  labels <- groups$labels
  if (useNA != "no") {
    if (typeof(lazy_values(x)) == "double" && any(is.nan(x))) {
      raise_unsupported("ufo_table() counts NA, but not where there are NaN, too")
    }
    missing <- length(x) - sum(counts)
    if (useNA == "always" || missing > 0) {
      counts <- c(counts, missing)
      labels <- c(labels, NA)
    }
  }
  structure(array(as_count(counts), length(counts), structure(list(labels), names = "")), class = "table")
}

counts_by_level <- function(x) {
  counts <- ufo_table(x, useNA = "ifany")
  labels <- names(counts)
  labels[is.na(labels)] <- missing_label()
  structure(as.vector(counts), names = labels)
}

# As tapply(x, g, FUN): x is sorted by group, and FUN gets one group after the other.
ufo_tapply <- function(x, g, FUN, ..., simplify = TRUE) {
  x <- ufo_lazy(x)
  g <- ufo_lazy(g)
  FUN <- match.fun(FUN)
  if (length(x) != length(g)) stop("arguments must have same length", call. = FALSE)
  groups <- groups_of(g, "ufo_tapply()")
  counts <- count_groups(g, groups)
  codes <- map_lazy(new_lazy(lazy_values(g)), function(piece) match(piece, groups$values))
  if (anyNA(codes)) {
    present <- !is.na(codes)
    codes <- codes[present]
    x <- x[present]
  }
  sorted <- external_sort(lazy_values(codes), lazy_values(x), FALSE)$payload
  starts <- c(0, cumsum(counts))
  results <- vector("list", length(counts))
  for (i in which(counts > 0)) {
    # A long group is a scratch vector, which base R's functions work on in place.
    group <- if (counts[[i]] <= run_elements()) read_piece(sorted, starts[[i]], counts[[i]])
    else lazy_values(slice(new_lazy(sorted), starts[[i]], counts[[i]]))
    result <- FUN(with_meta(group, lazy_meta(x)), ...)
    if (!is.null(result)) results[[i]] <- result
  }
  group_array(results, which(counts > 0), groups$labels, simplify)
}

# In the form that tapply() gives.
group_array <- function(results, there, labels, simplify) {
  single <- all(vapply(results[there], function(result) is.atomic(result) && length(result) == 1, NA))
  if (!simplify || !single) return(array(results, length(labels), list(labels)))
  values <- unlist(results[there], use.names = FALSE)
  all_values <- rep(as.vector(values)[NA_integer_], length(labels))
  if (is.null(values)) all_values <- rep(NA, length(labels))
  all_values[there] <- values
  array(all_values, length(labels), list(labels))
}
