# Sorting, and what follows from it, by merging sorted runs (src/merge.c). Runs and results are scratch vectors.

run_elements <- function() 4 * piece_elements()
runs_merged_at_once <- 64

# Keys, numbers or strings none of which is missing, in order, and a payload, which has no strings, in the order of its
# keys: list(keys, payload) of values. Equal keys keep their order. Without a payload, NULL. `by` as in sort_strings().
external_sort <- function(keys, payload, decreasing, by = "text") {
  n <- length(keys)
  if (n == 0) return(list(keys = keys, payload = payload))
  if (is.character(keys)) return(sort_strings(keys, payload, decreasing, by))
  to <- list(keys = new_target(typeof(keys), n), payload = if (!is.null(payload)) new_target(typeof(payload), n))
  each_piece(n, function(first, count) {
    part <- read_piece(keys, first, count)
    in_order <- order(part, decreasing = decreasing, method = "radix")
    write_piece(to$keys, first, part[in_order])
    if (!is.null(payload)) write_piece(to$payload, first, read_piece(payload, first, count)[in_order])
  }, size = run_elements())
  starts <- c(seq(0, n - 1, by = run_elements()), n)
  from <- NULL
  while (length(starts) > 2) {
    done <- to
    to <- if (is.null(from)) {
      list(keys = new_target(typeof(keys), n), payload = if (!is.null(payload)) new_target(typeof(payload), n))
    } else from
    from <- done
    firsts <- seq(1, length(starts) - 1, by = runs_merged_at_once)
    for (i in firsts) {
      runs <- starts[i:min(i + runs_merged_at_once, length(starts))]
      .Call(ufor_merge, from$keys, from$payload, runs, decreasing, to$keys, to$payload)
    }
    starts <- c(starts[firsts], n)
  }
  to
}

check_sortable <- function(x, what) {
  x <- ufo_lazy(x)
  type <- typeof(lazy_values(x))
  if (!(type %in% c("logical", "integer", "double", "character"))) {
    raise_unsupported(what, " does not work on a lazy vector of type ", type)
  }
  x
}

check_flag <- function(value, what, na = FALSE) {
  if (length(value) == 1 && is.logical(value) && (na || !is.na(value))) return(value)
  raise_usage(what, " must be TRUE", if (na) ", FALSE or NA" else " or FALSE", ", not ", deparse_short(value))
}

sort_methods <- c("auto", "shell", "radix", "quick")

# Base R sorts strings by the locale, but for the method "radix"; for numbers all methods come to the same.
order_by <- function(method) if (check_choice(method, sort_methods, "The method") == "radix") "bytes" else "locale"

sort.ufo_lazy <- function(x, decreasing = FALSE, na.last = NA, method = c("auto", "shell", "radix", "quick"), ...) {
  x <- check_sortable(x, "sort()")
  by <- order_by(method)
  decreasing <- check_flag(decreasing, "decreasing")
  na.last <- check_flag(na.last, "na.last", na = TRUE)
  missing <- NULL
  if (anyNA(x)) {
    absent <- is.na(x)
    if (!is.na(na.last)) missing <- x[absent]
    x <- x[!absent]
  }
  known <- known_statistics(x)
  is_sorted <- !is.null(known) && known[[if (decreasing) "descending" else "ascending"]] == 1
  if (!is_sorted) x <- new_lazy(external_sort(lazy_values(x), NULL, decreasing, by)$keys, lazy_meta(x))
  if (is.null(missing)) x else if (na.last) c(x, missing) else c(missing, x)
}

ufo_order <- function(x, ..., decreasing = FALSE, na.last = TRUE, method = c("auto", "shell", "radix")) {
  if (is.data.frame(x)) x <- ufo_lazy(x)
  if (is_lazy_frame(x) || ...length() > 0) {
    return(order_by_several(c(if (is_lazy_frame(x)) frame_columns(x) else list(x), list(...)), decreasing, na.last, method))
  }
  x <- check_sortable(x, "ufo_order()")
  by <- order_by(if (length(method) == 1) method else sort_methods)
  decreasing <- check_flag(decreasing, "decreasing")
  na.last <- check_flag(na.last, "na.last", na = TRUE)
  missing <- NULL
  if (anyNA(x)) {
    absent <- is.na(x)
    missing <- if (!is.na(na.last)) ufo_which(absent)
    positions <- ufo_which(!absent)
    x <- x[!absent]
  } else {
    positions <- positions_of(length(x))
  }
  result <- new_lazy(external_sort(lazy_values(x), lazy_values(positions), decreasing, by)$payload)
  if (is.null(missing)) result else if (na.last) c(result, missing) else c(missing, result)
}

# 1, 2, 3, ... n
positions_of <- function(n) {
  whole <- n <= .Machine$integer.max
  build_lazy(n, function(first, count) {
    numbers <- first + seq_len(count)
    if (whole) as.integer(numbers) else as.double(numbers)
  })
}

# ---- values that are there once ----------------------------------------------------------------------------------

# Where each value is for the first time, ascending.
first_positions <- function(x) {
  found <- firsts_of_few(x)
  if (is.null(found)) firsts_by_sorting(x) else found
}

# NULL if there are more different values than in a piece.
firsts_of_few <- function(x) {
  seen <- NULL
  positions <- list()
  size <- piece_elements()
  first <- 0
  while (first < length(x)) {
    piece <- read_piece(lazy_values(x), first, min(size, length(x) - first))
    new <- which(!duplicated(piece))
    new <- new[!(piece[new] %in% seen)]
    seen <- c(seen, piece[new])
    if (length(seen) > size) return(NULL)
    positions[[length(positions) + 1]] <- first + new
    first <- first + length(piece)
  }
  new_lazy(as.double(unlist(positions)))
}

firsts_by_sorting <- function(x) {
  if (typeof(lazy_values(x)) == "complex") {
    raise_unsupported("A lazy vector of complex numbers may have up to ", format_count(piece_elements()), " different values here")
  }
  missing <- double()
  if (anyNA(x)) {
    not_a_number <- if (typeof(lazy_values(x)) == "double") is.nan(x)
    for (kind in if (is.null(not_a_number)) list(is.na(x)) else list(not_a_number, is.na(x) & !not_a_number)) missing <- c(missing, as.vector(head(ufo_which(kind), 1)))
    absent <- is.na(x)
    positions <- ufo_which(!absent)
    x <- x[!absent]
  } else {
    positions <- positions_of(length(x))
  }
  sorted <- external_sort(lazy_values(x), lazy_values(positions), FALSE)
  sort(c(as.double(new_lazy(sorted$payload)[begins_of_sorted(sorted$keys)]), missing))
}

unique.ufo_lazy <- function(x, incomparables = FALSE, ...) {
  if (!identical(incomparables, FALSE) || length(list(...)) > 0) {
    # Such as factor() gives, which table() and tapply() call.
    raise_unsupported("unique() of a lazy vector takes no other arguments; in the place of table() and tapply() are ufo_table() and ufo_tapply()")
  }
  # Not all classes keep all of their attributes here.
  new_lazy(lazy_values(take_positions(x, first_positions(x))), meta_of(unique(lazy_prototype(x))))
}

anyDuplicated.ufo_lazy <- function(x, incomparables = FALSE, ...) {
  found <- duplicated(x, incomparables, ...)
  if (any(found)) ufo_which_max(found) else 0L
}

duplicated.ufo_lazy <- function(x, incomparables = FALSE, ...) {
  if (!identical(incomparables, FALSE) || length(list(...)) > 0) {
    raise_unsupported("duplicated() of a lazy vector takes no other arguments")
  }
  # A negative subscript leaves all but the first ones.
  left_by(-first_positions(x), length(x))
}
