# What strings need beside other lazy vectors: an order of their own, and care never to touch them one by one,
# which would keep every one of them in memory (src/strings.h).

# ---- sorting: as external_sort(), whose arguments see ------------------------------------------------------------

# `by`: "locale", in the order of the session's locale (lazy-collate.R); "bytes", in that of the bytes, as they are; "text",
# in any order that brings equal strings together, also if one is in Latin 1 and one in UTF-8.
sort_strings <- function(keys, payload, decreasing, by) {
  if (by == "locale") return(sort_in_locale(keys, payload, decreasing))
  n <- length(keys)
  new_targets <- function() {
    list(keys = new_target("character", n), payload = if (!is.null(payload)) new_target(typeof(payload), n))
  }
  rule <- string_order(decreasing, by)
  size <- piece_elements()
  to <- new_targets()
  each_piece(n, function(first, count) {
    part <- read_piece(keys, first, count)
    in_order <- rule$order(part)
    write_piece(to$keys, first, part[in_order])
    if (!is.null(payload)) write_piece(to$payload, first, read_piece(payload, first, count)[in_order])
  }, size = size)
  starts <- c(seq(0, n - 1, by = size), n)
  while (length(starts) > 2) {
    from <- to
    # New ones each time: what is written over leaves its text behind.
    to <- new_targets()
    firsts <- seq(1, length(starts) - 1, by = runs_merged_at_once)
    for (i in firsts) merge_strings(from, starts[i:min(i + runs_merged_at_once, length(starts))], rule, to)
    starts <- c(starts[firsts], n)
  }
  to
}

# order() of strings, the earlier first among equal ones, and whether one comes strictly before another.
string_order <- function(decreasing, by) {
  in_bytes <- function(x) order(if (by == "text") enc2utf8(x) else x, decreasing = decreasing, method = "radix")
  list(order = in_bytes, before = function(a, b) in_bytes(c(b, a))[[1]] == 2)
}

# Merges runs as ufor_merge does. Of each run a block is in memory. Of all blocks, what comes before the end of each run's
# block is followed by nothing smaller that is still to be read: it is put in order and written.
merge_strings <- function(from, starts, rule, to) {
  runs <- length(starts) - 1
  per_run <- max(2, piece_elements() %/% runs)
  at <- starts[-(runs + 1)]
  end <- starts[-1]
  keys <- rep(list(character()), runs)
  payload <- rep(list(NULL), runs)
  done <- starts[[1]]
  while (done < end[[runs]]) {
    for (i in which(at < end & lengths(keys) < per_run / 2)) {
      count <- min(per_run - length(keys[[i]]), end[[i]] - at[[i]])
      keys[[i]] <- c(keys[[i]], read_piece(from$keys, at[[i]], count))
      if (!is.null(from$payload)) payload[[i]] <- c(payload[[i]], read_piece(from$payload, at[[i]], count))
      at[[i]] <- at[[i]] + count
    }
    counts <- ready(keys, at < end, rule)
    part <- unlist(mapply(`[`, keys, lapply(counts, seq_len), SIMPLIFY = FALSE), use.names = FALSE)
    in_order <- rule$order(part)
    write_piece(to$keys, done, part[in_order])
    if (!is.null(from$payload)) {
      part <- unlist(mapply(`[`, payload, lapply(counts, seq_len), SIMPLIFY = FALSE), use.names = FALSE)
      write_piece(to$payload, done, part[in_order])
    }
    done <- done + length(in_order)
    keys <- mapply(behind, keys, counts, SIMPLIFY = FALSE)
    if (!is.null(from$payload)) payload <- mapply(behind, payload, counts, SIMPLIFY = FALSE)
  }
}

behind <- function(block, count) block[seq_len(length(block) - count) + count]

# How many strings of each block can be written: `more` tells of which runs there are more to be read.
ready <- function(blocks, more, rule) {
  open <- which(more)
  if (length(open) == 0) return(lengths(blocks))
  ends <- vapply(blocks[open], function(block) block[[length(block)]], "")
  nearest <- rule$order(ends)[[1]]
  limit <- ends[[nearest]]
  vapply(seq_along(blocks), function(i) {
    block <- blocks[[i]]
    if (i == open[[nearest]]) return(as.double(length(block)))
    # Of equal strings those of earlier runs go first, also those that are not read yet.
    is_ready <- if (i < open[[nearest]]) function(key) !rule$before(limit, key) else function(key) rule$before(key, limit)
    low <- 0
    high <- length(block)
    while (low < high) {
      middle <- (low + high + 1) %/% 2
      if (is_ready(block[[middle]])) low <- middle else high <- middle - 1
    }
    low
  }, 0)
}

# ---- least and greatest ------------------------------------------------------------------------------------------

has_strings <- function(x) is.character(if (is_lazy(x)) lazy_values(x) else x)

# An argument of min() or max() beside strings as a short vector with the same result: base R compares numbers as such
# with each other, and only the least or greatest of them as a string.
extreme_of_pieces <- function(x, what, na.rm) {
  if (!is_lazy(x)) return(x)
  if (!has_strings(x)) return(if (length(x) > 0 && !(na.rm && all(is.na(x)))) call_on_values(what, list(lazy_values(x)), na.rm))
  extreme <- get(what, envir = baseenv(), mode = "function")
  found <- character()
  each_piece(length(x), function(first, count) {
    piece <- read_piece(lazy_values(x), first, count)
    if (na.rm) piece <- piece[!is.na(piece)]
    if (length(piece) > 0) found <<- extreme(c(found, piece))
  })
  found
}
