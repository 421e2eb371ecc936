# Counting and computing by groups.

# Groups that are told apart: their names and sorted values are in memory.
groups_max <- 1e5

# list(values, labels) of the groups of `g`: the levels of a factor, else its different values in order. `nan`: whether NaN
# is one of them, as for factor(), and not for table().
groups_of <- function(g, what, nan = FALSE) {
  levels <- lazy_meta(g)$levels
  if (!is.null(levels)) return(list(values = seq_along(levels), labels = levels))
  check_sortable(g, what)
  seen <- read_piece(lazy_values(g), 0, 0)
  each_piece(length(g), function(first, count) {
    piece <- read_piece(lazy_values(g), first, count)
    seen <<- unique(c(seen, piece[if (nan && is.double(piece)) is.nan(piece) | !is.na(piece) else !is.na(piece)]))
    if (length(seen) > groups_max) {
      raise_unsupported(what, " tells at most ", format_count(groups_max), " groups apart; there are more different values")
    }
  })
  values <- sort(seen, na.last = TRUE)
  list(values = values, labels = as.character(with_meta(values, lazy_meta(g))))
}

count_groups <- function(g, groups) {
  counts <- numeric(length(groups$values))
  each_piece(length(g), function(first, count) {
    codes <- match(read_piece(lazy_values(g), first, count), groups$values)
    counts <<- counts + tabulate(codes, length(counts))
  })
  counts
}

# How many there are of each of the codes 1 ... size.
count_codes <- function(codes, size) {
  counts <- numeric(size)
  each_piece(length(codes), function(first, count) counts <<- counts + tabulate(lazy_piece(codes, first, count), size))
  counts
}

as_count <- function(counts) if (all(counts <= .Machine$integer.max)) as.integer(counts) else counts

# As table() of one vector, which is no generic function.
ufo_table <- function(x, useNA = c("no", "ifany", "always")) {
  useNA <- check_choice(useNA, c("no", "ifany", "always"), "useNA")
  if (is.list(x)) {
    if (useNA != "no") raise_unsupported("ufo_table() of several columns does not count NA")
    return(table_of_several(x))
  }
  x <- ufo_lazy(x)
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

# As tapply(x, g, FUN): x is sorted by group, and FUN gets one group after the other. `g` may be a list of several.
ufo_tapply <- function(x, g, FUN, ..., simplify = TRUE) {
  x <- ufo_lazy(x)
  FUN <- match.fun(FUN)
  by <- check_by(if (is.list(g)) g else list(g), length(x), "ufo_tapply()")
  keys <- keys_of(by, "ufo_tapply()", nan = TRUE)
  cells <- check_cells(keys, "ufo_tapply()")
  groups <- grouped_results(list(x), combined_codes(keys), FUN, ...)
  results <- vector("list", cells)
  there <- !vapply(groups$results[[1]], is.null, NA)
  results[groups$codes[there]] <- groups$results[[1]][there]
  group_array(results, groups$codes, key_names(keys), simplify)
}

# The elements of a group. Those of a long one are a scratch vector, which base R's functions work on in place.
group_values <- function(sorted, meta, first, count) {
  with_meta(if (count <= run_elements()) read_piece(sorted, first, count) else lazy_values(slice(new_lazy(sorted), first, count)), meta)
}

# The values of `x` in the order of `codes`. Strings go where they belong only once.
values_by_code <- function(x, codes) {
  if (!is.character(lazy_values(x))) return(external_sort(lazy_values(codes), lazy_values(x), FALSE)$payload)
  positions <- external_sort(lazy_values(codes), lazy_values(positions_of(length(x))), FALSE)$payload
  lazy_values(take_positions(x, new_lazy(positions)))
}

# In the form that tapply() gives.
group_array <- function(results, there, labels, simplify) {
  size <- lengths(labels, use.names = FALSE)
  single <- all(vapply(results[there], function(result) is.atomic(result) && length(result) == 1, NA))
  if (!simplify || !single) return(array(results, size, labels))
  values <- unlist(results[there], use.names = FALSE)
  all_values <- rep(as.vector(values)[NA_integer_], prod(size))
  if (is.null(values)) all_values <- rep(NA, prod(size))
  all_values[there] <- values
  array(all_values, size, labels)
}

# As split(x, f): a list of lazy vectors, one for each group. `x` is read once; each element goes to the end of its group.
split.ufo_lazy <- function(x, f, drop = FALSE, ...) {
  if (!is_lazy(f) && is.list(f)) raise_unsupported("split() of a lazy vector takes one factor; interaction() makes one of several")
  f <- ufo_lazy(f)
  n <- length(x)
  if (length(f) == 0 && n > 0) stop("group length is 0 but data length > 0", call. = FALSE)
  groups <- groups_of(f, "split()", nan = TRUE)
  if (drop) groups <- lapply(groups, `[`, count_groups(f, groups) > 0)
  if (length(groups$values) > split_groups_max) {
    raise_unsupported(
      "split() makes at most ", format_count(split_groups_max), " groups, not ", format_count(length(groups$values)),
      "; ufo_tapply() can do with more"
    )
  }
  if (length(f) > 0 && n %% length(f) != 0) warning("data length is not a multiple of split variable", call. = FALSE)
  code_of <- operand_reader(new_lazy(lazy_values(f)), expand = TRUE)
  codes_at <- function(first, count) match(code_of(first, count), groups$values)
  counts <- numeric(length(groups$values))
  each_piece(n, function(first, count) counts <<- counts + tabulate(codes_at(first, count), length(counts)))
  # Short ones are ordinary vectors only if all of them together are short, too.
  longest <- if (n <= piece_elements()) n else short_group
  sinks <- lapply(counts, function(count) new_sink_beside(lazy_values(x), lazy_meta(x), count, longest))
  each_piece(n, function(first, count) {
    codes <- codes_at(first, count)
    at <- split(seq_len(count), factor(codes, seq_along(sinks)))
    for (i in sort(unique(codes))) sinks[[i]]$take(lazy_values(x), first + at[[i]])
  })
  structure(lapply(sinks, function(sink) sink$close()), names = groups$labels)
}

# Each group is a view, of which a process can have some thousands, or else stays in memory, if it is short.
split_groups_max <- 2000
short_group <- 512
