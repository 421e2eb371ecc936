# What users of other packages have asked for in vain (bigmemory, ff, bigstatsr, fst, qs, arrow, mori, SharedObject, HDF5Array,
# duckdb, thor, storr, filearray), each in a few lines. Most of it is tested in depth elsewhere; here it is seen at once.

test_that("bigmemory: a stored vector is an R vector, and so is a matrix, of any type, put by one call", {
  s <- new_store()
  s$m <- matrix(as.double(1:6), 2, dimnames = list(NULL, c("a", "b", "c")))
  expect_true(is.matrix(s$m) && is.double(s$m))
  expect_identical(s$m %*% t(s$m), matrix(as.double(1:6), 2) %*% t(matrix(as.double(1:6), 2)))
  expect_identical(lm.fit(s$m[, 1:2], c(1, 2))$rank, 2L)
  s$text <- c("a", NA, "\u00e9")
  s$mixed <- data.frame(x = 1:3, y = c("a", NA, "c"), z = factor(c("u", NA, "v")), day = as.Date("2026-01-01") + 0:2)
  expect_identical(s$text, c("a", NA, "\u00e9"))
  expect_identical(s$mixed, data.frame(x = 1:3, y = c("a", NA, "c"), z = factor(c("u", NA, "v")), day = as.Date("2026-01-01") + 0:2))
})

test_that("bigmemory, ff: more than 2^31 - 1 elements", {
  s <- new_store()
  ufo_create(s, "x", "double", 2^31 + 10)
  x <- s$x
  x[2^31 + 5] <- 3
  s$x <- x
  expect_identical(c(length(s$x), s$x[2^31 + 5], s$x[2^31 + 4]), c(2^31 + 10, 3, 0))
  expect_lt(file.size(path_of(s)), 10 * mb)
})

test_that("bigmemory: a store knows its path, and ~ is understood", {
  s <- new_store()
  expect_match(format(s), normalizePath(path_of(s)), fixed = TRUE)
  out <- in_new_session(c(
    "s <- ufo_open('~/home.ufo'); s$x <- 1:3; ufo_close(s)",
    "cat(file.exists(file.path(Sys.getenv('HOME'), 'home.ufo')))"
  ), paste0("HOME=", tempdir()))
  expect_identical(tail(out, 1), "TRUE")
})

test_that("bigmemory, bigstatsr, ff: what is stored is opened by its name in another session, and no finalizer takes it away", {
  path <- new_path()
  s <- new_store(path)
  s$x <- 1:10
  rm(s)
  invisible(gc())
  expect_identical(in_new_session(sprintf("cat(sum(ufo_open(%s)$x))", deparse(path))), "55")
  expect_identical(in_new_session(sprintf("s <- ufo_open(%s); x <- s$x; rm(s); invisible(gc()); cat(sum(x)); q()", deparse(path)))[1], "55")
  expect_identical(ufo_open(path)$x, 1:10)
})

test_that("bigstatsr: missing values are missing, in every type", {
  s <- new_store()
  s$d <- c(1, NA, NaN, Inf)
  s$i <- c(1L, NA)
  s$l <- c(TRUE, NA)
  s$c <- c("NA", NA)
  expect_identical(list(is.na(s$d), is.nan(s$d), is.na(s$i), is.na(s$l), is.na(s$c)),
                   list(c(FALSE, TRUE, TRUE, FALSE), c(FALSE, FALSE, TRUE, FALSE), c(FALSE, TRUE), c(FALSE, TRUE), c(FALSE, TRUE)))
  expect_identical(list(sum(s$d), sum(s$i, na.rm = TRUE), mean(s$i)), list(sum(c(1, NA, NaN, Inf)), 1L, NA_real_))
})

test_that("bigstatsr: several processes write without a lock of the user's", {
  path <- new_path()
  s <- new_store(path)
  s$start <- 0
  done <- parallel::mclapply(1:4, function(k) {
    own <- ufo_open(path)
    for (i in 1:5) own[[paste0("part", k)]] <- rep(k * i, 1000)
    ufo_close(own)
  }, mc.cores = 2)
  expect_identical(vapply(1:4, function(k) sum(s[[paste0("part", k)]]), 0), 5000 * as.numeric(1:4))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("bigstatsr: a full disk is called that, and what was there is there", {
  s <- new_store()
  s$x <- 1:10
  ulimit <- sprintf(
    "ulimit -f 2048; trap '' XFSZ; R_LIBS=%s exec %s --vanilla -e %s", shQuote(paste(.libPaths(), collapse = ":")),
    shQuote(file.path(R.home("bin"), "Rscript")),
    shQuote(sprintf("library(ufostore); s <- ufo_open(%s); set.seed(1); tryCatch(s$y <- runif(1e6), ufo_error = function(e) cat(class(e)[1], conditionMessage(e)))", deparse(path_of(s))))
  )
  ufo_close(s)
  out <- paste(suppressWarnings(system2("bash", c("-c", shQuote(ulimit)), stdout = TRUE, stderr = TRUE)), collapse = " ")
  expect_match(out, "ufo_(full|io)_error")
  expect_match(out, "File too large|too large|full|Make room", ignore.case = TRUE)
  s <- ufo_open(path_of(s))
  expect_identical(list(names(s), s$x), list("x", 1:10))
})

test_that("bigstatsr, Rarr, TileDB, duckdb: cross products, copies and reads within the budget", {
  skip_long_without_peaks()
  s <- new_store()
  ufo_create(s, "x", "double", 16 * mb)
  with_budget("16MB", {
    base <- peak_bytes(s$x[1])
    peak <- peak_bytes({
      x <- ufo_lazy(s$x)
      total <- sum(x * x)
      s$y <- x + 1
      half <- x[seq(1, 16 * mb, by = 1000)]
    })
    expect_identical(c(total, length(half)), c(0, 16778))
    expect_lt(peak - base, 80 * mb) # of 128 MB twice
  })
})

test_that("fst: rows and columns are appended and replaced", {
  s <- new_store()
  s$t <- data.frame(a = 1:3, b = c("x", "y", NA))
  ufo_append(s, "t", data.frame(a = 4L, b = "z"))
  s$t$c <- c(0.5, 1, 1.5, 2)
  s$t$b <- NULL
  s$t$a[2] <- 20L
  expect_identical(s$t, data.frame(a = c(1L, 20L, 3L, 4L), c = c(0.5, 1, 1.5, 2)))
})

test_that("fst, DelayedArray: random rows read the chunks that they are in, and not what lies between", {
  s <- new_store()
  ufo_put(s, "x", noise(2e5), chunk = "4KB")
  s2 <- ufo_open(path_of(s))
  before <- ufo_stats()$fills
  x <- s2$x[c(5, 100000, 199999)]
  expect_lt(ufo_stats()$fills - before, 12)
  expect_identical(x, noise(2e5)[c(5, 100000, 199999)])
})

test_that("fst, qs: a damaged or truncated file is an error that says so, and a missing name is no crash", {
  path <- new_path()
  s <- new_store(path)
  s$x <- noise(1e5)
  expect_null(s$nothing)
  expect_error(ufo_get(s, "nothing"), "nothing", class = "ufo_missing_error")
  ufo_close(s)
  size <- file.size(path)
  out <- in_new_session(c(
    sprintf("path <- %s; con <- file(path, 'r+b'); seek(con, %.0f, rw = 'write'); truncate(con); close(con)", deparse(path), size / 2),
    "tryCatch({ s <- ufo_open(path); sum(s$x) }, ufo_error = function(e) cat(class(e)[1]))"
  ))
  expect_match(paste(out, collapse = " "), "ufo_corrupt_error")
})

test_that("qs: attributes and parts are there without reading the rest", {
  s <- new_store()
  s$f <- structure(noise(3e5), unit = "m", class = "length_in")
  x <- s$f
  before <- ufo_stats()$filled
  expect_identical(list(attr(x, "unit"), class(x), length(x)), list("m", "length_in", 300000L))
  expect_identical(ufo_stats()$filled, before)
})

test_that("mori, SharedObject: the full object is had back for a file of its own", {
  s <- new_store()
  s$t <- data.frame(a = 1:3)
  file <- tempfile(fileext = ".rds")
  serializing("value", saveRDS(s$t, file))
  unlink(path_of(s))
  expect_identical(readRDS(file), data.frame(a = 1:3))
  s2 <- new_store()
  s2$x <- 1:3
  expect_false(is_ufo(ufo_materialize(s2$x)))
})

test_that("HDF5Array: a matrix is filled column by column", {
  s <- new_store()
  s$m <- matrix(0, 100, 60)
  for (j in 1:60) s$m[, j] <- as.double(j)
  expect_identical(s$m[7, ], as.double(1:60))
})

test_that("rhdf5, storr, R.cache: a writer that is killed leaves nothing locked, and nothing half written", {
  path <- new_path()
  s <- new_store(path)
  s$x <- 1
  in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)), "ufo_begin(s); s$x <- 2; s$y <- runif(1e6)",
    "tools::pskill(Sys.getpid(), 9)"
  ))
  expect_identical(list(names(s), s$x), list("x", 1))
  s$x <- 3
  expect_identical(s$x, 3)
})

test_that("duckdb: others read while one writes", {
  path <- new_path()
  s <- new_store(path)
  s$x <- 1
  ufo_begin(s)
  s$x <- 2
  expect_identical(in_new_session(sprintf("cat(ufo_open(%s)$x)", deparse(path))), "1")
  ufo_commit(s)
  expect_identical(in_new_session(sprintf("cat(ufo_open(%s, mode = 'r')$x)", deparse(path))), "2")
})

test_that("thor: a store grows without being told how large it may become; TileDB: a budget is written as people write it", {
  s <- new_store()
  s$x <- noise(2e6)
  s$y <- noise(2e6)
  expect_gt(file.size(path_of(s)), 16 * mb)
  old <- ufo_memory()
  for (size in c("25GB", "1.5 GB", "300MB")) expect_silent(ufo_memory(size))
  expect_identical(ufo_memory(old), 300 * mb)
  expect_error(ufo_memory("25 parsecs"), class = "ufo_usage_error")
})

test_that("future, furrr, crew: what is large is not copied to workers", {
  s <- new_store()
  s$x <- noise(1e5)
  f <- function(i) x[i]
  environment(f) <- list2env(list(x = s$x), parent = globalenv())
  expect_lt(length(serialize(utils::removeSource(f), NULL)), 5000)
  expect_lt(length(serialize(s, NULL)), 2000)
})

test_that("UFO: vectors of one element and of none, and their sum, as an ordinary user", {
  s <- new_store()
  s$one <- 4
  s$none <- numeric()
  expect_identical(c(sum(s$one), sum(s$none), length(s$none)), c(4, 0, 0))
})

test_that("matter, filearray: an empty file, a scalar for a range, and a lazy part", {
  path <- new_path()
  file.create(path)
  expect_error(ufo_open(path, mode = "r"), basename(path), class = "ufo_error")
  s <- new_store()
  ufo_create(s, "x", "integer", 1e6)
  x <- s$x
  x[5e5:6e5] <- 7L
  s$x <- x
  part <- ufo_lazy(s$x)[499999:500001]
  expect_s4_class(part, "ufo_lazy")
  expect_identical(as.vector(part), c(0L, 7L, 7L))
})
