# Appends to "x" of a new store, in and outside of a transaction, and expects what base R would make of it.
expect_appended <- function(x, values, expected = c(x, values), chunk = "4KB") {
  for (in_transaction in c(FALSE, TRUE)) {
    s <- new_store()
    ufo_put(s, "x", x, chunk = chunk)
    if (in_transaction) ufo_transaction(s, ufo_append(s, "x", values)) else ufo_append(s, "x", values)
    expect_identical(ufo_materialize(s$x), expected)
    expect_identical(nrow(ufo_verify(s)), 0L)
    ufo_close(s)
  }
}

# The append is refused, and nothing is changed by that, inside of a transaction neither.
expect_refused <- function(x, values, pattern = NULL, class = "ufo_usage_error") {
  s <- new_store()
  s$x <- x
  s$other <- 1
  problem <- expect_error(ufo_append(s, "x", values), pattern, class = class)
  expect_identical(problem$object, "x")
  expect_identical(problem$path, path_of(s))
  expect_identical(ufo_info(s, "x")$version, 1)
  ufo_transaction(s, {
    ufo_append(s, "other", 2)
    expect_error(ufo_append(s, "x", values), pattern, class = class)
  })
  expect_identical(s$other[], c(1, 2))
  expect_identical(ufo_info(s, "x")$version, 1)
  expect_identical(ufo_materialize(s$x), x)
  ufo_close(s)
}

test_that("vectors of every type get longer as c() makes them", {
  expect_appended(c(TRUE, NA), c(FALSE, NA))
  expect_appended(1:3, c(NA, 5L))
  expect_appended(c(1, NaN, NA, Inf), c(NA, NaN, -0))
  expect_appended(c(1i, NA), c(2 + 3i, NA))
  expect_appended(as.raw(1:3), as.raw(255))
  expect_appended(double(), c(1.5, 2))
  expect_appended(1:3, integer())
  expect_appended(1:3, NULL)
  # Values of lower types are converted.
  expect_appended(1:3, c(TRUE, NA))
  expect_appended(c(1.5, 2), c(3L, NA))
  expect_appended(c(1.5, 2), c(TRUE, NA))
  expect_appended(c(1i, 2), c(1.5, NaN, NA, Inf))
  expect_appended(c(1i, 2), c(1L, NA))
  expect_appended(c(1i, 2), NA)
  expect_appended(1:3, matrix(4:7, 2))
})

test_that("chunks of any sizes follow each other, as c() has it: random cases", {
  set.seed(7)
  makers <- list(
    function(n) sample(c(TRUE, FALSE, NA), n, TRUE), function(n) sample(c(NA, -5:5), n, TRUE),
    function(n) ifelse(runif(n) < 0.1, NA, runif(n)), function(n) complex(real = runif(n), imaginary = runif(n)),
    function(n) as.raw(sample(0:255, n, TRUE))
  )
  for (make in makers) {
    s <- new_store()
    expected <- make(sample(0:2000, 1))
    ufo_put(s, "x", expected, chunk = "4KB")
    for (round in 1:6) {
      pieces <- lapply(1:8, function(i) make(sample(c(0, 1, 2, 500, 512, 1024, 5000), 1)))
      before <- s$x
      if (round %% 2) ufo_transaction(s, for (piece in pieces) {
        ufo_append(s, "x", piece)
        if (runif(1) < 0.3) expect_identical(length(s$x), length(s$x[])) # what is pending can be read in between
      }) else for (piece in pieces) ufo_append(s, "x", piece)
      expect_identical(before[], expected)
      expected <- c(expected, unlist(pieces))
      expect_identical(s$x[], expected)
    }
    expect_identical(nrow(ufo_verify(s)), 0L)
    ufo_close(s)
  }
})

test_that("values that would change the stored type are refused", {
  expect_refused(1:3, 4, "as.integer\\(values\\)")
  expect_refused(TRUE, 1L)
  expect_refused(c(1, 2), 1i)
  expect_refused(1:3, as.raw(1))
  expect_refused(as.raw(1), 1L)
  expect_refused(1:3, "a")
  expect_refused(1:3, list(1L))
  expect_refused(1:3, quote(a + b))
  expect_refused(1:3, factor("a"), "unclass")
  expect_refused(c(1, 2), Sys.Date())
  expect_refused(c(a = 1, b = 2)[0], list())
})

test_that("names are appended", {
  expect_appended(c(a = 1, b = 2), c(c = 3))
  expect_appended(c(a = 1, b = 2), 3)
  expect_appended(double(), c(a = 1))
  expect_refused(c(1, 2), c(a = 3), "unname")
})

test_that("factors get new levels at their end", {
  f <- factor(c("a", "b", NA), levels = c("b", "a"))
  expect_appended(f, factor(c("b", "a"), levels = c("b", "a")))
  expect_appended(f, factor(c("b", NA, "a")))
  expect_appended(f, factor(c("z", "a", "y"), levels = c("z", "unused", "a", "y")))
  expect_appended(f, c("a", NA, "b"), factor(c("a", "b", NA, "a", NA, "b"), levels = c("b", "a")))
  expect_appended(f, c("new", "b"), factor(c("a", "b", NA, "new", "b"), levels = c("b", "a", "new")))
  expect_appended(f, NA, factor(c("a", "b", NA, NA), levels = c("b", "a")))
  expect_appended(addNA(factor(c("a", NA))), c(NA, "a"), addNA(factor(c("a", NA, NA, "a"))))
  named <- function(codes) structure(codes, levels = c("p", "q"), class = "factor")
  expect_appended(named(c(x = 1L, y = 2L)), c(z = "q"), named(c(x = 1L, y = 2L, z = 2L)))
  expect_refused(f, 1L, "factor or strings")
  o <- factor(c("low", "high"), levels = c("low", "mid", "high"), ordered = TRUE)
  expect_appended(o, factor(c("mid", "high"), levels = c("low", "mid", "high"), ordered = TRUE))
  expect_appended(o, factor(c("high", "low"), levels = c("low", "high"), ordered = TRUE), o[c(1, 2, 2, 1)])
  expect_appended(o, c("high", NA), o[c(1, 2, 2, NA)])
  expect_refused(o, "other", "\"other\" would be new")
  expect_refused(o, factor("low", levels = c("high", "low"), ordered = TRUE), "ordered otherwise")
})

test_that("dates, times and differences of times keep class, zone and units", {
  dates <- as.Date("2026-01-30") + 0:2
  expect_appended(dates, as.Date("2027-05-06"))
  expect_appended(dates, NA)
  whole <- structure(1:2, class = "Date") # as integers, which nobody sees
  expect_appended(whole, structure(5, class = "Date"), structure(c(1L, 2L, 5L), class = "Date"))
  expect_refused(whole, structure(5.5, class = "Date"), "integer")
  expect_refused(dates, 5, "as.Date")
  times <- as.POSIXct(c(0, 1.5), origin = "1970-01-01", tz = "Asia/Tokyo")
  more <- as.POSIXct("2026-03-04 05:06:07", tz = "UTC")
  expect_appended(times, more, structure(c(0, 1.5, as.numeric(more)), class = c("POSIXct", "POSIXt"), tzone = "Asia/Tokyo"))
  expect_appended(times, as.POSIXlt(more),
                  structure(c(0, 1.5, as.numeric(more)), class = c("POSIXct", "POSIXt"), tzone = "Asia/Tokyo"))
  expect_refused(times, 5, "POSIXct")
  minutes <- as.difftime(c(1, 2), units = "mins")
  expect_appended(minutes, as.difftime(1, units = "hours"), as.difftime(c(1, 2, 60), units = "mins"))
  expect_refused(minutes, 3, "difftime")
  big <- structure(c(1e-300, 2e-300), class = "integer64")
  expect_appended(big, structure(3e-300, class = "integer64"), structure(c(1, 2, 3) * 1e-300, class = "integer64"))
  expect_appended(big, NA, structure(c(1e-300, 2e-300, -0), class = "integer64"))
  expect_refused(big, 3, "integer64")
  expect_refused(c(1, 2), big)
  own <- structure(c(1, 2), class = "length", unit = "m")
  expect_appended(own, structure(3, class = "length", unit = "m"), structure(c(1, 2, 3), class = "length", unit = "m"))
  expect_refused(own, structure(3, class = "length", unit = "km"), "same class and attributes")
  expect_refused(ts(1:3), 4L, "time series")
})

test_that("matrices get more columns, and arrays nothing", {
  m <- matrix(1:6, 2)
  expect_appended(m, m, cbind(m, m))
  expect_appended(m, 7:8, cbind(m, 7:8))
  expect_appended(m, m[, 0], m)
  expect_appended(m + 0, m, cbind(m + 0, m))
  named <- matrix(1:4, 2, dimnames = list(c("a", "b"), c("x", "y")))
  expect_appended(named, matrix(5:6, 2, dimnames = list(c("a", "b"), "z")),
                  cbind(named, matrix(5:6, 2, dimnames = list(c("a", "b"), "z"))))
  expect_appended(named, matrix(5:6, 2), cbind(named, matrix(5:6, 2)))
  expect_appended(matrix(1:4, 2), named, cbind(matrix(1:4, 2), named))
  expect_refused(named, matrix(5:6, 2, dimnames = list(c("b", "a"), "z")), "other names")
  expect_refused(m, 1:3, "2 rows")
  expect_refused(m, matrix(1:6, 3), "2 rows")
  expect_refused(array(1:8, c(2, 2, 2)), 1:4, "3 dimensions")
  s <- new_store()
  s$m <- matrix(0, 1000, 100)
  ufo_append(s, "m", runif(1000))
  expect_lte(ufo_info(s, "m")$chunks_changed, 2)
})

frame <- function(n, from = 0) {
  i <- seq_len(n) + from
  data.frame(
    id = i, value = i / 3, flag = i %% 2 == 0, when = as.POSIXct(i, origin = "1970-01-01", tz = "UTC"),
    kind = factor(c("a", "b", "c")[i %% 3 + 1], levels = c("a", "b", "c"))
  )
}

test_that("data frames get more rows as rbind() makes them", {
  expect_appended(frame(10), frame(5, 10), frame(15))
  expect_appended(frame(10), frame(5, 10)[c(4, 2, 5, 1, 3)], frame(15))
  expect_appended(frame(10), as.list(frame(5, 10)), frame(15))
  expect_appended(frame(10), frame(20)[11:13, ], frame(13)) # numbers of rows are not kept
  expect_appended(frame(10), frame(0), frame(10))
  expect_appended(frame(0), frame(10), frame(10))
  expect_appended(frame(3), list(id = 4L, value = 4 / 3, flag = TRUE, when = frame(4)$when[4], kind = "b"), frame(4))
  more <- frame(2)
  more$kind <- c("new", "b")
  expect_identical(levels({
    s <- new_store()
    s$x <- frame(3)
    ufo_append(s, "x", more)
    s$x$kind
  }), c("a", "b", "c", "new"))
  expect_appended(frame(3), more, rbind(frame(3), more))
  named <- data.frame(x = 1:2, row.names = c("first", "second"))
  expect_appended(named, data.frame(x = 3L, row.names = "third"), rbind(named, data.frame(x = 3L, row.names = "third")))
  expect_appended(named[0, , drop = FALSE], named, named)
  numbered <- rbind(frame(9)[c(2, 5), ], frame(1))
  attr(numbered, "row.names") <- c(2L, 5L, 6L)
  expect_appended(frame(9)[c(2, 5), ], frame(1), numbered)
  same <- data.frame(a = 1:2, a = 3:4, check.names = FALSE)
  expect_appended(same, same, data.frame(a = c(1:2, 1:2), a = c(3:4, 3:4), check.names = FALSE))
  s <- new_store()
  s$x <- frame(10)
  ufo_append(s, "x", frame(5, 10))
  expect_identical(.row_names_info(s$x), -15L)
})

test_that("rows that do not fit are refused, and no column gets them", {
  expect_refused(frame(3), frame(2)[-2], "missing: \"value\"")
  expect_refused(frame(3), cbind(frame(2), extra = 1), "not in it: \"extra\"")
  expect_refused(frame(3), unname(as.list(frame(2))), "no names")
  expect_refused(frame(3), 1:3, "data frame")
  expect_refused(frame(3), c(as.list(frame(2))[-1], id = list(1L)), "different lengths")
  wrong <- frame(2)
  wrong$value <- c("a", "b")
  expect_refused(frame(3), wrong, "column 'value' of 'x'")
  expect_refused(frame(3), data.frame(frame(1), row.names = "me"), "row.names\\(rows\\) <- NULL")
  named <- data.frame(x = 1:2, row.names = c("first", "second"))
  expect_refused(named, data.frame(x = 3L), "set row.names")
  expect_refused(named, data.frame(x = 3L, row.names = "first"), "two rows of the name \"first\"")
  nested <- data.frame(x = 1:2)
  nested$l <- list(1, 2)
  expect_refused(nested, nested, "'l'", "ufo_unsupported_error")
  wide <- data.frame(x = 1:2)
  wide$m <- matrix(1:4, 2)
  expect_refused(wide, wide, "'m'", "ufo_unsupported_error")
  expect_refused(list(1, 2), list(3), class = "ufo_unsupported_error")
  grouped <- structure(frame(3), class = c("grouped_df", "data.frame"))
  expect_refused(grouped, frame(1), "ungroup")
})

test_that("strings are appended, alone and as columns", {
  words <- c("a", NA, "", "longer than a word", "\u00e4", "longer than a word")
  expect_appended(words, rev(words), c(words, rev(words)))
  expect_appended(words, character(), words)
  expect_appended(character(), words, words)
  expect_appended(words, factor("lab"), c(words, "lab"))
  expect_appended(words, NA, c(words, NA))
  expect_appended(c(x = "a"), c(y = "another, longer one"), c(x = "a", y = "another, longer one"))
  expect_refused(words, 1, "as.character\\(values\\)")
  expect_refused(words, structure("a", class = "path"), "class")
  latin <- "caf\xe9 au lait"
  Encoding(latin) <- "latin1"
  expect_appended(words, latin, c(words, latin))
  people <- data.frame(id = 1:3, name = c("Ada Lovelace", "Bo", NA))
  more <- data.frame(name = c("Chidera Okonkwo", "Bo"), id = 4:5)
  expect_appended(people, more, rbind(people, more))
  # Text goes behind text, words behind words, and nothing else is written; also in one transaction, and many times.
  s <- new_store()
  many <- sprintf("this is number %07d", 1:40000)
  s$x <- many
  old <- s$x
  ufo_append(s, "x", many[1:3])
  expect_lte(ufo_info(s, "x")$chunks_changed, 2)
  ufo_transaction(s, for (i in 1:50) ufo_append(s, "x", c(paste("a string of the round", i), "y")))
  ufo_append(s, "x", s$x[2:1])
  expected <- c(many, many[1:3], rbind(paste("a string of the round", 1:50), "y"), many[2:1])
  expect_identical(ufo_materialize(s$x), expected)
  expect_identical(ufo_materialize(old), many)
  # A vector that was got before knows nothing of it, and is not put over it.
  old[1] <- "changed, and longer than a word is"
  expect_error(s$x <- old, class = "ufo_conflict_error")
  expect_error(ufo_put(s, "x", old, conflict = "merge"), class = "ufo_conflict_error")
  expect_identical(ufo_materialize(s$x), expected)
  # What hides a part of it.
  s$y <- many[1:3]
  expect_error(ufo_transaction(s, {
    ufo_append(s, "y", many[4])
    stop("no")
  }), "no")
  expect_identical(ufo_materialize(s$y), many[1:3])
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("random tables grow as rbind() makes them", {
  set.seed(11)
  s <- new_store()
  expected <- frame(sample(2000, 1))
  s$df <- expected
  for (round in 1:12) {
    old <- s$df
    rows <- frame(sample(c(1, 3, 1000, 30000), 1), nrow(expected))[sample(5)]
    if (round %% 3 == 0) levels(rows$kind) <- c("c", "a", paste0("new", round))
    before <- expected
    if (round %% 4 == 1) {
      ufo_transaction(s, for (part in split(rows, sort(rep(1:5, length.out = nrow(rows))))) ufo_append(s, "df", part))
    } else {
      ufo_append(s, "df", rows)
    }
    expected <- rbind(expected, rows)
    row.names(expected) <- NULL
    expect_identical(ufo_materialize(s$df), expected)
    expect_identical(ufo_materialize(old), before)
  }
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("elements of lists get longer, but not one column of a data frame", {
  s <- new_store()
  s$run <- list(log = 1:3, frame = frame(3), deep = list(x = c(1, 2)))
  ufo_append(s, "run$log", 4L)
  ufo_append(s, "run$frame", frame(2, 3))
  ufo_append(s, "run[[3]]$x", 3)
  expect_identical(ufo_materialize(s$run), list(log = 1:4, frame = frame(5), deep = list(x = c(1, 2, 3))))
  expect_error(ufo_append(s, "run$frame$id", 1L), "whole rows", class = "ufo_usage_error")
  expect_error(ufo_append(s, "run[[2]][[1]]", 1L), "whole rows", class = "ufo_usage_error")
  expect_error(ufo_append(s, "run$nothing", 1L), class = "ufo_missing_error")
  expect_error(ufo_append(s, "nothing", 1L), "first elements", class = "ufo_missing_error")
  s[["df[[1]]"]] <- 1L # hides a column of what comes after it
  s$df <- frame(2)
  expect_error(ufo_append(s, "df", frame(1, 2)), "hides", class = "ufo_usage_error")
  expect_identical(s[["df[[1]]"]], 1L)
  s[["df[[1]]"]] <- NULL # whoever reads this store afterwards finds the column
  ufo_snapshot(s, "now")
  past <- ufo_open(path_of(s), snapshot = "now")
  expect_error(ufo_append(past, "run$log", 1L), "never changes", class = "ufo_usage_error")
})

test_that("only what is added is written", {
  s <- new_store()
  s$df <- data.frame(a = noise(1e5), b = 1:1e5)
  s$x <- noise(1e5)
  ufo_append(s, "df", list(a = 1, b = 1L))
  ufo_append(s, "x", 1)
  expect_identical(ufo_info(s, "df")$chunks_changed, 2)
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
  expect_identical(ufo_info(s, "df")$version, 2)
})

test_that("views from before keep their length, and can be appended to their own object", {
  s <- new_store()
  s$x <- c(1, 2, 3)
  x <- s$x
  ufo_append(s, "x", x)
  expect_identical(x[], c(1, 2, 3))
  expect_identical(s$x[], c(1, 2, 3, 1, 2, 3))
  x[2] <- 20
  ufo_append(s, "x", x)
  ufo_transaction(s, ufo_append(s, "x", s$x))
  expect_identical(s$x[], rep(c(1, 2, 3, 1, 2, 3, 1, 20, 3), 2))
  expect_error(s$x <- x, class = "ufo_conflict_error")
  s$df <- frame(4)
  df <- s$df
  ufo_append(s, "df", df)
  df$value[1] <- 5
  expect_identical(ufo_materialize(s$df), rbind(frame(4), frame(4)))
  # A table with appended rows is put back with a change, in the same transaction.
  ufo_transaction(s, {
    ufo_append(s, "df", frame(1))
    s$df$value[9] <- -1
    ufo_append(s, "df", frame(1))
  })
  expect_identical(s$df$value[], c(frame(4)$value, frame(4)$value, -1, frame(1)$value))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("vectors larger than the memory budget are appended in pieces", {
  with_budget("32MB", {
    s <- new_store()
    n <- 128 * mb / 8
    ufo_create(s, "source", "integer", n)
    ufo_create(s, "x", "double", 10)
    s$x[1] <- 0.5
    source <- s$source
    source[n] <- 7L
    source[1] <- NA
    before <- gc(reset = TRUE)[2, 6]
    ufo_append(s, "x", source) # converted on the way
    expect_lte(gc()[2, 6] - before, 60) # MiB of R itself, garbage included; the source has 64, the result 128
    expect_identical(length(s$x), as.integer(n) + 10L)
    expect_identical(s$x[c(1, 11, 12, n + 10)], c(0.5, NA, 0, 7))
    expect_lte(ufo_stats()$resident, 32 * mb)
  })
})

test_that("others' appends are not lost, and conflict in transactions", {
  s <- new_store()
  s$x <- 1
  s$df <- frame(1)
  other <- ufo_open(path_of(s))
  for (i in 1:5) {
    ufo_append(s, "x", i)
    ufo_append(other, "x", -i)
  }
  expect_identical(s$x[], c(1, rbind(1:5, -(1:5))))
  ufo_begin(s)
  ufo_append(s, "df", frame(1, 1))
  ufo_append(other, "df", frame(1, 5))
  problem <- expect_error(ufo_commit(s), class = "ufo_conflict_error")
  expect_match(conditionMessage(problem), "'df'")
  expect_identical(other$df$id[], c(1, 6))
  ufo_append(s, "df", frame(1, 6))
  expect_identical(nrow(other$df), 3L)
  # Two processes at once: every append of both is there.
  s$log <- integer()
  appender <- function(from) paste0(
    "s <- ufo_open('", path_of(s), "'); for (i in 1:40) ufo_append(s, 'log', ", from, "L + i)"
  )
  code <- appender(1000)
  child <- parallel::mcparallel(in_new_session(code))
  for (i in 1:40) ufo_append(s, "log", 2000L + i)
  expect_length(parallel::mccollect(child)[[1]], 0)
  expect_identical(sort(s$log[]), c(1001:1040, 2001:2040))
  expect_false(is.unsorted(Filter(function(i) i < 2000, s$log[])))
})

test_that("values that cannot be read leave the object and the transaction as they were", {
  s <- new_store()
  s$x <- 1:3
  s$df <- data.frame(a = 1:3, b = c(1, 2, 3))
  s$y <- 0.5
  path <- new_path()
  bad <- new_store(path)
  # Random bytes are stored as they are, and found again in the file.
  set.seed(7)
  values <- readBin(as.raw(sample(0:255, 8 * 20 * 8192, replace = TRUE)), "double", 20 * 8192)
  bad$v <- values
  ufo_close(bad)
  bytes <- readBin(path, raw(), file.size(path))
  at <- grepRaw(writeBin(values[150000 + 0:1], raw()), bytes, fixed = TRUE)
  expect_length(at, 1)
  bytes[at] <- xor(bytes[at], as.raw(255))
  writeBin(bytes, path)
  bad <- ufo_open(path, mode = "r")
  ufo_transaction(s, {
    ufo_append(s, "x", 4L)
    expect_error(ufo_append(s, "y", bad$v), class = "ufo_corrupt_error")
    expect_error(ufo_append(s, "df", list(a = seq_along(values), b = bad$v)), class = "ufo_corrupt_error")
    ufo_append(s, "x", 5L)
  })
  expect_identical(s$x[], 1:5)
  expect_identical(ufo_materialize(s$df), data.frame(a = 1:3, b = c(1, 2, 3)))
  expect_identical(s$y[], 0.5)
  expect_identical(ufo_info(s, "df")$version, 1)
})

test_that("lazy vectors are appended as what is behind them", {
  s <- new_store()
  s$x <- 1:3
  s$d <- data.frame(a = 1:2)
  old <- options(ufostore.lazy = TRUE)
  on.exit(options(old))
  ufo_append(s, "x", s$x + 3L)
  expect_identical(as.vector(s$x), 1:6)
  ufo_append(s, "d", list(a = s$x[1:2]))
  expect_identical(ufo_materialize(s$d), data.frame(a = c(1:2, 1:2)))
})
