# Strings in the order of the session's locale. Only base R can tell which of two comes first, and that takes long; so as few
# as possible are compared, and none that is the same. Merging would compare them all again. Instead, each string is brought
# to its bucket by a binary search among splitters, which are some of the strings, in order; then each bucket is sorted by
# itself. R's shell sort is at its best with few strings, so this is what is done in memory, too.

# Whether `a` has come as far as `b` in the order of the locale, or further than it; also of strings that are no text in
# the session's encoding: order() gives those a place, while comparisons of them are NA.
reaches <- function(a, b, decreasing) {
  compare_in_locale(a, b, if (decreasing) `<=` else `>=`, function(a, b) stays_before(b, a, decreasing))
}
passes <- function(a, b, decreasing) {
  compare_in_locale(a, b, if (decreasing) `<` else `>`, function(a, b) !stays_before(a, b, decreasing))
}

compare_in_locale <- function(a, b, operator, of_two) {
  result <- operator(a, b)
  for (i in which(is.na(result))) result[[i]] <- of_two(a[[i]], b[[i]])
  result
}

# Whether `a` stays before `b`, which comes after it.
stays_before <- function(a, b, decreasing) order(c(a, b), decreasing = decreasing, method = "shell")[[1]] == 1L

# Which of 2 * length(splitters) + 1 buckets each string is in: an odd number 2 * i - 1 for those in the place of splitter i,
# an even one for those between two. There are 2^k - 1 splitters.
buckets_of <- function(x, splitters, decreasing) {
  low <- integer(length(x))
  step <- (length(splitters) + 1) / 2
  while (step >= 1) {
    at <- low + step
    reached <- reaches(x, splitters[at], decreasing)
    low[reached] <- at[reached]
    step <- step / 2
  }
  inside <- which(low > 0)
  codes <- 2L * as.integer(low)
  equal <- inside[!passes(x[inside], splitters[low[inside]], decreasing)]
  codes[equal] <- codes[equal] - 1L
  codes
}

# `count`, 2^k - 1, of some strings, in order and far apart.
splitters_of <- function(some, count, decreasing) {
  some <- some[order_in_locale(some, decreasing)]
  some[ceiling(seq_len(count) * length(some) / (count + 1))]
}

# `count` of 1 ... n, spread over them, whatever the period of the values.
spread_positions <- function(n, count) floor((seq_len(count) * 0.6180339887498949) %% 1 * n) + 1

# order() by the locale: equal ones stay as they are.
order_in_locale <- function(x, decreasing) {
  different <- unique(x)
  in_order <- order_different(different, decreasing)
  if (length(different) == length(x)) return(in_order)
  sorted <- different[in_order]
  codes <- integer(length(different))
  # Different strings may have the same place.
  codes[in_order] <- cumsum(c(TRUE, passes(sorted[-1], sorted[-length(sorted)], decreasing)))
  order(codes[match(x, different)], method = "radix")
}

shell_elements_max <- 1024
order_different <- function(x, decreasing) {
  n <- length(x)
  if (n <= shell_elements_max) return(order(x, decreasing = decreasing, method = "shell"))
  count <- 2^ceiling(log2(n / (shell_elements_max / 4))) - 1
  codes <- buckets_of(x, splitters_of(x[unique(spread_positions(n, 4 * count))], count, decreasing), decreasing)
  result <- order(codes, method = "radix")
  ends <- cumsum(tabulate(codes + 1L, 2 * count + 1))
  starts <- c(0, ends[-length(ends)])
  # In the place of a splitter all are equal, and in order.
  for (i in which(ends - starts > 1 & seq_along(ends) %% 2 == 1)) {
    at <- result[seq_len(ends[[i]] - starts[[i]]) + starts[[i]]]
    result[seq_along(at) + starts[[i]]] <- at[order_different(x[at], decreasing)]
  }
  result
}

# As external_sort(), for strings by the locale.
sort_in_locale <- function(keys, payload, decreasing) {
  to <- list(keys = new_target("character", length(keys)), payload = if (!is.null(payload)) new_target(typeof(payload), length(keys)))
  done <- 0
  write <- function(part, part_payload) {
    write_piece(to$keys, done, part)
    if (!is.null(payload)) write_piece(to$payload, done, part_payload)
    done <<- done + length(part)
  }
  write_sorted(keys, payload, decreasing, write)
  to
}

write_sorted <- function(keys, payload, decreasing, write) {
  n <- length(keys)
  piece <- function(values, first, count) if (!is.null(values)) read_piece(values, first, count)
  if (n <= piece_elements()) {
    part <- read_piece(keys, 0, n)
    in_order <- order_in_locale(part, decreasing)
    return(write(part[in_order], piece(payload, 0, n)[in_order]))
  }
  buckets <- distribute(keys, payload, decreasing)
  for (i in seq_along(buckets)) {
    bucket <- buckets[[i]]
    buckets[i] <- list(NULL) # its scratch can go
    if (i %% 2 == 1) {
      write_sorted(bucket$keys, bucket$payload, decreasing, write)
    } else {
      # In the place of a splitter all are equal, and in order.
      each_piece(length(bucket$keys), function(first, count) {
        write(read_piece(bucket$keys, first, count), piece(bucket$payload, first, count))
      })
    }
  }
}

# Each has two vectors, its keys and their payload, and each of these a chunk or two in memory.
buckets_max <- 64
distribute <- function(keys, payload, decreasing) {
  n <- length(keys)
  count <- min(buckets_max, 2^ceiling(log2(2 * n / piece_elements()))) - 1
  splitters <- splitters_of(keys[unique(spread_positions(n, 32 * (count + 1)))], count, decreasing)
  sizes <- numeric(2 * count + 1)
  codes <- build_lazy(n, function(first, size) {
    part <- read_piece(keys, first, size)
    different <- unique(part)
    codes <- buckets_of(different, splitters, decreasing)[match(part, different)]
    sizes <<- sizes + tabulate(codes + 1L, length(sizes))
    codes
  })
  sinks <- lapply(sizes, function(size) {
    list(
      keys = new_sink("character", NULL, size, short_group),
      payload = if (!is.null(payload)) new_sink(typeof(payload), NULL, size, short_group)
    )
  })
  each_piece(n, function(first, size) {
    part <- read_piece(keys, first, size)
    part_payload <- if (!is.null(payload)) read_piece(payload, first, size)
    at <- split(seq_len(size), lazy_piece(codes, first, size))
    for (code in names(at)) {
      sink <- sinks[[as.integer(code) + 1]]
      sink$keys$add(part[at[[code]]])
      if (!is.null(payload)) sink$payload$add(part_payload[at[[code]]])
    }
  })
  lapply(sinks, function(sink) {
    list(keys = lazy_values(sink$keys$close()), payload = if (!is.null(payload)) lazy_values(sink$payload$close()))
  })
}
