# Character vectors: lazy, edited in place, put back in part.

latin1 <- function(x) {
  Encoding(x) <- "latin1"
  x
}
bytes <- function(x) {
  Encoding(x) <- "bytes"
  x
}
long_string <- paste(rep("0123456789abcde", 20000), collapse = "")

# Every kind of string, and enough of them for three chunks of words.
mixed <- function(n = three_chunks(8)) {
  some <- c(
    NA, "", "a", "seven77", "eight888", "na\u00efve caf\u00e9", latin1("na\xefve caf\xe9"), latin1("\xe9"), "NA",
    bytes("\xff\xfe"), bytes("\xff\xfe\x01 is no text"), "\u4e2d\u6587", "\U1F600", strrep("x", 4095), strrep("y", 4096)
  )
  x <- rep_len(some, n)
  numbered <- seq(1, n, by = 7)
  x[numbered] <- sprintf("the string with the number %d", numbered)
  x[2] <- long_string
  x
}

is_same <- function(x, y) identical(x, y) && identical(Encoding(x), Encoding(y))
written <- function(s, name) ufo_info(s, name)$chunks_changed

test_that("all strings come back as they are, with their marks", {
  s <- new_store()
  x <- mixed()
  s$x <- x
  y <- s$x
  expect_true(is_ufo(y))
  expect_true(is_same(y, x))
  expect_true(is_same(y[], x))
  expect_true(is_same(ufo_materialize(y), x))
  expect_false(is_ufo(ufo_materialize(y)))
  expect_true(is_ufo(y))
  expect_true(is_same(y[c(5, NA, 1e6, 2, 2)], x[c(5, NA, 1e6, 2, 2)]))
  expect_true(is_same(rev(y), rev(x)))
  expect_identical(ufo_info(s, "x")[c("type", "length")], list(type = "character", length = as.double(length(x))))
  expect_output(print(s), "x +character")
  for (one in list(character(), "", NA_character_, "a", long_string, c(a = "x", b = NA), factor(c("u", "v")))) {
    expect_round_trip(one)
  }
  expect_round_trip(structure(c("a", "b", "c", "d"), dim = c(2L, 2L), dimnames = list(NULL, c("u", "v"))))
  expect_round_trip(structure(c("a", "b"), class = "glue", note = list(1, "x")))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("what functions of base R make of strings is what they make of ordinary ones", {
  s <- new_store()
  x <- setdiff(mixed(2000), bytes(c("\xff\xfe", "\xff\xfe\x01 is no text")))
  s$x <- x
  s$y <- rev(x)
  same <- function(f) expect_identical(f(s$x, s$y), f(x, rev(x)), info = deparse(f))
  same(function(x, y) unique(c(x, y)))
  same(function(x, y) match(x, y))
  same(function(x, y) x == y)
  same(function(x, y) duplicated(x))
  same(function(x, y) factor(x))
  same(function(x, y) max(x, na.rm = TRUE))
  same(function(x, y) sort(x))
  same(function(x, y) order(x, method = "radix"))
  same(function(x, y) nchar(x))
  same(function(x, y) paste(x, y))
  same(function(x, y) gsub("[aeiou]", "_", x))
  same(function(x, y) strsplit(x, " "))
  same(function(x, y) toupper(x))
  same(function(x, y) split(x, nchar(y) > 8))
  same(function(x, y) unlist(lapply(x, substr, 2, 5)))
  same(function(x, y) c(table(x)))
  same(function(x, y) merge(data.frame(k = x[3:20]), data.frame(k = y, v = seq_along(y))))
})

test_that("a copy and its original go their own ways", {
  s <- new_store()
  x <- mixed()
  s$x <- x
  y <- s$x
  z <- y
  z[3] <- "changed to something longer"
  z[[4]] <- "b"
  expect_true(is_same(y, x))
  expect_identical(z[3:4], c("changed to something longer", "b"))
  w <- z
  w[3] <- "changed once more"
  z[5] <- NA
  expect_identical(w[3:5], c("changed once more", "b", x[5]))
  expect_identical(z[3:5], c("changed to something longer", "b", NA))
  expect_true(all(is_ufo(y), is_ufo(z), is_ufo(w)))
  expect_true(is_same(s$x, x))
  rm(y, z)
  gc()
  expect_identical(w[3:5], c("changed once more", "b", x[5]))
})

test_that("putting back writes the chunks that were changed, and the new text", {
  s <- new_store()
  x <- mixed(4 * 8192 - 5)
  s$x <- x
  chunks <- written(s, "x")
  expect_gt(chunks, 5)
  y <- s$x
  y[8192 * 2 + 7] <- x[8192 * 2 + 7] <- "short"
  s$x <- y
  expect_identical(written(s, "x"), 1)
  y[8192 + 7] <- x[8192 + 7] <- "longer than the seven bytes of a word"
  s$x <- y
  expect_identical(written(s, "x"), 2)
  # From the same vector again, and from a new one: what was added before is not added again.
  stored <- ufo_info(s, "x")$bytes
  y[1] <- x[1] <- "eight888"
  s$x <- y
  expect_lte(ufo_info(s, "x")$bytes - stored, 8)
  expect_true(is_same(y, x))
  z <- s$x
  z[1] <- x[1] <- "one"
  s$x <- z
  expect_identical(written(s, "x"), 1)
  expect_true(is_same(s$x, x))
  expect_identical(ufo_versions(s, "x")$version[1], 5)
  expect_identical(ufo_versions(s, "x")$length[1], as.double(length(x)))
  s$x <- s$x
  expect_identical(ufo_info(s, "x")$version, 5)
  # y is of version 4.
  y[2] <- "too late"
  expect_error(s$x <- y, class = "ufo_conflict_error")
  ufo_put(s, "x", y, conflict = "replace")
  expect_identical(s$x[1:2], c("eight888", "too late"))
  s$x <- "other"
  expect_error(s$x <- y, class = "ufo_conflict_error")
  s$copy <- y
  expect_identical(s$copy[1:2], c("eight888", "too late"))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("many strings that are equal are stored once, and added once", {
  s <- new_store()
  x <- paste("category number", sample(100, 1e5, replace = TRUE))
  s$x <- x
  expect_lt(ufo_info(s, "x")$bytes - 8e5, 100 * 19 + 1)
  y <- s$x
  y[] <- "one for all of them"
  s$x <- y
  expect_lt(ufo_info(s, "x")$bytes - 8e5, 101 * 19 + 1)
  expect_true(all(s$x == "one for all of them"))
})

test_that("transactions, snapshots and versions hold for strings, too", {
  s <- new_store()
  x <- mixed()
  s$x <- x
  ufo_begin(s)
  y <- s$x
  y[1] <- "in a transaction"
  s$x <- y
  y[2] <- "and again in it"
  s$x <- y
  expect_identical(s$x[1:2], c("in a transaction", "and again in it"))
  ufo_rollback(s)
  expect_true(is_same(s$x, x))
  s$x <- y
  expect_identical(s$x[1:2], c("in a transaction", "and again in it"))
  ufo_snapshot(s, "then")
  s$x <- letters
  expect_identical(s$x, letters)
  then <- ufo_open(path_of(s), mode = "r", snapshot = "then")
  expect_identical(then$x[1:3], c("in a transaction", "and again in it", x[3]))
  ufo_close(then)
})

test_that("an empty character vector of any length is made at once, and filled", {
  s <- new_store()
  ufo_create(s, "x", "character", 1e7)
  expect_identical(ufo_info(s, "x")$stored_bytes, 0)
  x <- s$x
  expect_identical(x[c(1, 1e7)], c("", ""))
  x[5e6] <- "in the middle of all this"
  s$x <- x
  expect_identical(written(s, "x"), 2)
  expect_identical(s$x[5e6 + -1:1], c("", "in the middle of all this", ""))
  ufo_create(s, "none", "character")
  expect_identical(s$none, character())
})

test_that("columns and elements of lists are lazy, and are put back in part", {
  s <- new_store()
  frame <- data.frame(n = seq_len(3e4), c = mixed(3e4), f = factor(rep_len(c("a", "b"), 3e4)))
  s$frame <- frame
  back <- s$frame
  expect_true(is_ufo(back$c))
  expect_identical(back, frame)
  s$frame <- back
  expect_identical(ufo_info(s, "frame")$version, 1)
  back$c[3] <- frame$c[3] <- "a changed one in a column"
  s$frame <- back
  expect_identical(written(s, "frame"), 2)
  expect_identical(s$frame, frame)
  nested <- list(a = letters, b = list(c = mixed(100), d = list(e = NA_character_)), f = "x")
  s$nested <- nested
  expect_identical(s$nested, nested)
  expect_true(is_ufo(s$nested$b$c))
  s$nested$b$c[2] <- nested$b$c[2] <- "two"
  expect_identical(s$nested, nested)
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("strings are sent as references, and to workers; changed ones by value", {
  s <- new_store()
  x <- mixed()
  s$x <- x
  s$list <- list(1, x)
  for (y in list(s$x, s$list[[2]])) {
    sent <- serialize(y, NULL)
    expect_lt(length(sent), 1000)
    expect_true(is_ufo(unserialize(sent)))
    expect_true(is_same(unserialize(sent), x))
  }
  y <- s$x
  y[3] <- "changed and then sent"
  expect_identical(unserialize(serialize(y, NULL)), y)
  expect_false(is_ufo(unserialize(serialize(y, NULL))))
  s$x <- y
  sent <- serialize(y, NULL)
  expect_lt(length(sent), 1000)
  expect_identical(unserialize(sent), y)
  cluster <- parallel::makePSOCKcluster(1, rscript_libs = .libPaths())
  on.exit(parallel::stopCluster(cluster))
  found <- parallel::clusterApply(cluster, 1, function(i, x) list(ufostore::is_ufo(x), x[1:9]), s$x)[[1]]
  expect_identical(found, list(TRUE, y[1:9]))
  s$x <- letters
  rm(y)
  gc()
  s$z <- s$z2 <- 1
  expect_error(unserialize(sent)[1], class = "ufo_missing_error")
})

test_that("code that wants an array of strings gets one, and is no view any more", {
  s <- new_store()
  x <- setdiff(mixed(), bytes("\xff\xfe\x01 is no text"))
  s$x <- x
  y <- s$x
  order(y, method = "radix")
  expect_false(is_ufo(y))
  y[2] <- x[2] <- "changed as an ordinary one"
  expect_true(is_same(y, x))
  s$x <- y
  expect_true(is_same(s$x, x))
})

test_that("the garbage collector may run at any moment", {
  skip_on_cran() # it takes long
  s <- new_store()
  x <- mixed(16)
  x[2] <- "two"
  y <- rev(x)
  y[3] <- "a new one, made here"
  s$x <- x
  gctorture(TRUE)
  on.exit(gctorture(FALSE))
  z <- s$x
  z[] <- rev(s$x)
  z[3] <- paste("a new one,", "made here")
  equal <- z == s$x
  found <- match(z, s$x)
  once <- unique(z)
  s$x <- z
  pieces <- substring(z[1:9], 1, 3)
  gctorture(FALSE)
  expect_true(is_same(z, y))
  expect_true(is_same(s$x, y))
  expect_identical(equal, y == x)
  expect_identical(found, match(y, x))
  expect_true(is_same(once, unique(y)))
  expect_identical(pieces, substring(y[1:9], 1, 3))
})

test_that("strings that are nowhere but in the store stay where R was given them", {
  s <- new_store()
  make <- function() sprintf("only in the store: %02d", c(1:15, 12:1))
  s$x <- make()
  s$y <- rev(make())
  gc()
  gctorture(TRUE)
  on.exit(gctorture(FALSE))
  x <- s$x
  y <- s$y
  again <- duplicated(x)
  once <- unique(x)
  found <- match(x, y)
  greatest <- max(x)
  equal <- x == y
  joined <- vapply(seq_along(x), function(i) paste(x[[i]], y[[i]]), "")
  gctorture(FALSE)
  expect_match(capture.output(.Internal(inspect(x)))[[1]], "15 kept")
  want <- make()
  expect_identical(again, duplicated(want))
  expect_identical(once, unique(want))
  expect_identical(found, match(want, rev(want)))
  expect_identical(greatest, max(want))
  expect_identical(equal, want == rev(want))
  expect_identical(joined, paste(want, rev(want)))
})

test_that("a vector of four times the budget is read by pieces, in order or not, and no more is in memory", {
  skip_on_cran() # it takes long
  s <- new_store()
  n <- 6e5
  s$x <- sprintf("%0200d", seq_len(n))
  with_budget("32MB", {
    x <- s$x
    invisible(gc(reset = TRUE))
    before <- sum(gc()[, 2])
    for (first in seq(1, n, by = 2e4)) {
      expect_true(all(nchar(x[first + 0:19999]) == 200))
      gc() # R lets garbage pile up, too
    }
    some <- sample(n, 2e4)
    expect_identical(as.numeric(x[some]), as.numeric(some))
    for (i in c(1, n, 17)) expect_identical(as.numeric(x[i]), as.numeric(i))
    expect_true(is_ufo(x))
    expect_lt(sum(gc()[, 6]) - before, 50)
    expect_lt(sum(gc()[, 2]) - before, 10)
    expect_lte(ufo_stats()$resident, 32 * mb)
    x[n] <- "the last one is changed"
    s$x <- x
    expect_identical(written(s, "x"), 2)
    rm(x)
  })
  expect_identical(s$x[n], "the last one is changed")
})

test_that("damage is an error that says which string, and the session goes on", {
  s <- new_store()
  set.seed(3)
  x <- vapply(1:3000, function(i) rawToChar(as.raw(sample(33:126, 60, replace = TRUE))), "")
  s$x <- x
  s$good <- letters
  path <- path_of(s)
  ufo_close(s)
  file <- readBin(path, "raw", file.size(path))
  found <- FALSE
  for (i in c(100, 1500)) { # literals of the LZ4 block
    at <- grepRaw(substr(x[i], 1, 12), file, fixed = TRUE)
    if (length(at) != 1) next
    found <- TRUE
    file[at] <- xor(file[at], as.raw(0xff))
    break
  }
  expect_true(found)
  copy <- new_path()
  writeBin(file, copy)
  s <- ufo_open(copy)
  y <- s$x
  for (attempt in 1:2) expect_error(y[i], class = "ufo_corrupt_error", "x")
  expect_error(y[[i]], class = "ufo_corrupt_error")
  expect_error(unique(y), class = "ufo_corrupt_error")
  expect_error(sort(y), class = "ufo_corrupt_error")
  expect_error(order(y, method = "radix"), class = "ufo_corrupt_error")
  expect_error(ufo_materialize(y), class = "ufo_corrupt_error")
  expect_identical(order(c("b", "a"), method = "radix"), 2:1)
  expect_identical(s$good, letters)
  expect_gt(nrow(ufo_verify(s)), 0)
})

test_that("a session of another locale changes no byte of strings that are not marked", {
  s <- new_store()
  path <- path_of(s)
  script <- tempfile(fileext = ".R")
  writeLines(c(
    "library(ufostore)", sprintf("s <- ufo_open(\"%s\")", path),
    "s$x <- x <- c(rawToChar(as.raw(c(0x63, 0xc3, 0xa9))), rawToChar(as.raw(c(0x63, 0xe9))), \"a\")",
    "s$y <- 1:3", "y <- s$x", "y[3] <- x[1]", "s$y <- y"
  ), script)
  variables <- c(paste0("R_LIBS=", paste(.libPaths(), collapse = ":")), "R_TESTS=", "LC_ALL=C")
  expect_identical(system2(file.path(R.home("bin"), "Rscript"), script, env = variables), 0L)
  bytes <- list(as.raw(c(0x63, 0xc3, 0xa9)), as.raw(c(0x63, 0xe9)))
  expect_identical(lapply(1:2, function(i) charToRaw(s$x[i])), bytes)
  expect_identical(s$x[1], "c\u00e9")
  expect_identical(lapply(c(1:3), function(i) charToRaw(s$y[i])), bytes[c(1, 2, 1)])
})

test_that("strings without a mark that are no UTF-8 come back without one", {
  skip_if_not(l10n_info()$`UTF-8`)
  # As from a file of Latin 1 that was read without saying so; the others look like it at first.
  x <- c("fa\xe7ile", "a\xe9b", "much longer than a word\xe9", "plain", NA, "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf",
         "\xe2\x82", "12345678\xe2\x82\xac")
  s <- new_store()
  s$x <- x
  y <- s$x
  expect_identical(Encoding(y), c(rep("unknown", 9), "UTF-8"))
  expect_identical(y, x)
  expect_identical(match(x, y), seq_along(x))
  expect_identical(match(y, x), seq_along(x))
  expect_identical(outcome(trimws(y[1:2])), outcome(trimws(x[1:2]))) # newer versions of R refuse it, in both
  expect_identical(iconv(y[1], "latin1", "UTF-8"), "fa\u00e7ile")
  y[2] <- "changed"
  s$x <- y
  expect_identical(s$x, replace(x, 2, "changed"))
  ufo_append(s, "x", x[1])
  expect_identical(s$x[11], x[1])
  # What is UTF-8 keeps the mark, up to the last character there is.
  z <- c("\u00e9", "12345678\u20ac", "\ud7ff", "\ue000", "\U10FFFF", "\U10000")
  s$z <- z
  expect_identical(Encoding(s$z), rep("UTF-8", 6))
  expect_identical(s$z, z)
})
