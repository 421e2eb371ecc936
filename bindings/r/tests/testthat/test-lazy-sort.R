test_that("sort and ufo_order are those of base R, for vectors of many runs", {
  set.seed(21)
  with_small_pieces(for (type in c("logical", "integer", "double")) for (n in c(0, 1, 600, 5000)) {
    for (missing in c(TRUE, FALSE)) for (decreasing in c(TRUE, FALSE)) for (na.last in c(TRUE, FALSE, NA)) {
      x <- any_vector(type, n, missing)
      info <- paste(type, n, missing, decreasing, na.last)
      lazy <- any_lazy(x)
      expect_identical(as.vector(sort(lazy, decreasing, na.last = na.last)), sort(x, decreasing, na.last = na.last), info = info)
      expect_identical(as.vector(ufo_order(lazy, decreasing = decreasing, na.last = na.last)), order(x, decreasing = decreasing, na.last = na.last), info = info)
    }
  })
})

test_that("more runs are sorted than are merged at once", {
  set.seed(22)
  old <- options(ufostore.piece = 256, ufostore.progress = FALSE)
  on.exit(options(old))
  x <- sample(1000L, 20000, TRUE) # 157 runs
  expect_identical(as.vector(sort(ufo_lazy(x))), sort(x))
  expect_identical(as.vector(ufo_order(ufo_lazy(x))), order(x))
  expect_identical(as.vector(ufo_order(ufo_lazy(x), decreasing = TRUE)), order(x, decreasing = TRUE))
})

test_that("factors and dates are sorted as such, and what has no order is refused", {
  with_small_pieces({
    f <- factor(rep(c("b", "a", "c"), 1000), levels = c("c", "b", "a"))
    day <- as.Date("2026-01-01") + (3000:1) %% 700
    expect_identical(ufo_materialize(sort(any_lazy(f))), sort(f))
    expect_identical(ufo_materialize(sort(any_lazy(day), TRUE)), sort(day, TRUE))
    expect_error(sort(any_lazy(as.raw(1:3))), class = "ufo_unsupported_error")
    expect_error(sort(any_lazy(1i)), class = "ufo_unsupported_error")
    expect_error(sort(any_lazy(1:3), decreasing = 2), "decreasing")
  })
})

test_that("a vector that the store knows to be sorted is not read", {
  x <- stored_lazy(as.numeric(1:50000))
  before <- ufo_stats()$fills
  expect_identical(sort(x), x)
  expect_identical(ufo_stats()$fills, before)
})

test_that("unique and duplicated are those of base R, for few and for many values", {
  set.seed(23)
  with_small_pieces({
    for (type in c("logical", "integer", "double", "raw")) for (n in c(0, 1, 700, 5000)) {
      expect_as_base("unique", any_vector(type, n), info = paste(type, n))
      expect_as_base("duplicated", any_vector(type, n), info = paste(type, n))
    }
    expect_as_base("unique", complex(real = rep(1:9, 200), imaginary = 1))
    expect_error(unique(any_lazy(complex(real = 1:2000, imaginary = 1))), class = "ufo_unsupported_error")
    for (x in list(sample(3000, 9000, TRUE), c(NaN, rnorm(4000), NA, NaN, NA), c(0, -0, rnorm(3000), 0))) {
      expect_as_base("unique", x)
      expect_as_base("duplicated", x)
    }
    expect_as_base("unique", factor(rep(c("b", "a", NA), 500)))
    for (x in list(as.difftime(rep(1:700, 2), units = "mins"), as.Date("2026-01-01") + 0:999 %% 7)) expect_as_base("unique", x)
    expect_error(unique(any_lazy(1:3), fromLast = TRUE), class = "ufo_unsupported_error")
  })
})

test_that("ufo_table is table", {
  set.seed(24)
  same_table <- function(x, ...) {
    expected <- table(x, ...)
    names(dimnames(expected)) <- ""
    expect_identical(ufo_table(any_lazy(x), ...), expected)
  }
  with_small_pieces({
    for (x in list(any_vector("integer", 2000), any_vector("logical", 2000), factor(rep(c("b", "a", NA), 500), levels = c("b", "a", "z")), rpois(3000, 4) / 2)) {
      same_table(x)
      for (use in c("ifany", "always")) same_table(x, useNA = use)
    }
    same_table(c(NaN, 1, NA, rep(2, 1000)))
    expect_error(ufo_table(any_lazy(c(NaN, 1)), useNA = "ifany"), class = "ufo_unsupported_error")
    expect_error(ufo_table(any_lazy(1:200000)), "100,000 groups", class = "ufo_unsupported_error")
  })
})

test_that("quantiles of all types, and medians, are exactly those of base R", {
  set.seed(25)
  probs <- list(seq(0, 1, 0.25), c(0.1, NA, 1, 0), 1 / 3, numeric(), runif(50), 1 + 1e-15)
  with_small_pieces({
    for (type in 1:9) for (n in c(0, 1, 7, 1101)) for (p in probs) {
      x <- sample(c(rnorm(n), sample(-5:5, n, TRUE)), n)
      expect_as_base(function(x) quantile(x, p, type = type), x, info = paste(type, n, deparse(p)))
    }
    for (type in 1:9) for (n in c(0, 1, 2, 5, 700)) for (p in list(c(0.5, NA), c(0, NA), c(0, 1), 0.3, numeric(), NA_real_)) {
      expect_as_base(function(x) quantile(x, p, type = type), sample(n), info = paste(type, n, deparse(p)))
    }
    for (kind in c("logical", "integer")) for (type in c(1, 3, 7)) {
      expect_as_base(function(x) quantile(x, c(0.2, 0.5, 1), na.rm = TRUE, type = type), any_vector(kind, 1300), info = paste(kind, type))
    }
    expect_as_base(function(x) quantile(x, 0.5, names = FALSE), c(-Inf, Inf, 1:1000))
    expect_as_base("quantile", c(1:1000, NA))
    expect_as_base(function(x) quantile(x, 2), 1:1000)
    for (n in c(0, 1, 2, 5, 600, 601)) {
      for (kind in c("integer", "double")) for (missing in c(TRUE, FALSE)) for (na.rm in c(TRUE, FALSE)) {
        x <- any_vector(kind, n, missing)
        expect_as_base(function(x) median(x, na.rm), x, info = paste(kind, n, missing, na.rm))
      }
    }
    day <- as.Date("2026-01-01") + 0:999
    for (type in c(1, 3, 7)) expect_as_base(function(x) quantile(x, 0.5, type = type), day, same_message = FALSE)
    expect_as_base("median", day)
    for (n in 0:6) expect_as_base("median", rep_len(c(TRUE, TRUE, FALSE), n))
    expect_error(median(any_lazy(factor("a"))), class = "ufo_unsupported_error")
  })
})

test_that("summary is that of base R, and printed as such", {
  set.seed(26)
  shown <- function(x) capture.output(print(x))
  with_small_pieces({
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:1499 * 3600
    vectors <- list(
      rnorm(1500), c(rnorm(1500), NA), 1:1500, c(1:1500, NA), rep(c(TRUE, FALSE, NA), 500), factor(rep(c("b", "a", NA), 500)), time,
      c(time, NA), time + 0.25, as.Date(time), c(as.Date(time), NA), rep(c("a", NA), 600), as.difftime(1:1500, units = "mins"),
      complex(real = 1:600, imaginary = 0), as.raw(rep(1:100, 6)), numeric(), c(NA_real_, rep(NaN, 700))
    )
    for (x in vectors) {
      lazy <- any_lazy(x)
      if (!is.factor(x)) expect_identical(attributes(summary(lazy)), attributes(summary(x)))
      expect_equal(unclass(summary(lazy)), unclass(summary(x)))
      expect_identical(shown(summary(lazy)), shown(summary(x)))
      expect_identical(format(summary(lazy)), format(summary(x)))
    }
    expect_equal(summary(any_lazy(vectors[[1]]), digits = 3), summary(vectors[[1]], digits = 3))
    expect_equal(unclass(summary(any_lazy(1:600), quantile.type = 6)), unclass(summary(1:600, quantile.type = 6)))
    d <- data.frame(t = time, d = as.Date(time), x = rnorm(1500), i = c(NA, 1:1499), l = time > time[4], s = "a", f = factor("u", c("u", "v")))
    expect_identical(shown(summary(ufo_lazy(d))), shown(summary(d)))
    d$t[3] <- NA
    expect_identical(shown(summary(ufo_lazy(d))), shown(summary(d)))
  })
})

test_that("NaN is a group where base R has it as one", {
  with_small_pieces({
    g <- rep(c(2, NaN, NA, 1), 400)
    x <- seq_along(g)
    plain <- function(parts) lapply(parts, ufo_materialize)
    expect_identical(plain(split(any_lazy(x), any_lazy(g))), split(x, g))
    expect_identical(ufo_tapply(any_lazy(x), any_lazy(g), sum), tapply(x, g, sum))
    expect_identical(ufo_materialize(ufo_factor(any_lazy(g))), factor(g))
    expect_equal(as.vector(ufo_ave(any_lazy(x), any_lazy(g))), ave(x, g))
    expect_identical(names(ufo_table(any_lazy(g))), names(table(g)))
    expect_identical(names(split(ufo_lazy(data.frame(x)), g)), names(split(data.frame(x), g)))
    expect_equal(aggregate(ufo_lazy(data.frame(x)), list(g = g), sum), aggregate(data.frame(x), list(g = g), sum))
  })
})

test_that("quantile takes fuzz where base R does", {
  x <- c(1, 2, 4, 8)
  for (type in 1:9) for (fuzz in c(0, 0.2)) {
    expect_identical(quantile(ufo_lazy(x), 0.45, type = type, fuzz = fuzz), quantile(x, 0.45, type = type, fuzz = fuzz))
  }
})

test_that("cut and ufo_find_interval are cut and findInterval", {
  set.seed(27)
  with_small_pieces({
    x <- c(rnorm(1500), NA)
    for (breaks in list(3, 7.8, c(-1, 0, 1), c(-10, 10), 1)) {
      expect_as_base(function(x) cut(x, breaks), x, same_message = FALSE)
      expect_as_base(function(x) cut(x, breaks, labels = FALSE, right = FALSE, include.lowest = TRUE), x, same_message = FALSE)
    }
    expect_as_base(function(x) cut(x, 4, ordered_result = TRUE), 1:1000)
    expect_as_base(function(x) cut(x, 2), rep(5, 700))
    expect_identical(as.vector(ufo_find_interval(any_lazy(x), c(-1, 0, 1))), findInterval(x, c(-1, 0, 1)))
  })
})

test_that("ufo_tapply is tapply", {
  set.seed(28)
  with_small_pieces(for (i in 1:4) {
    n <- 6000
    x <- any_vector(sample(c("integer", "double"), 1), n)
    g <- switch(i, sample(c(5L, 2L, NA), n, TRUE), factor(sample(c("v", "u"), n, TRUE), levels = c("u", "w", "v")),
      sample(c(TRUE, FALSE), n, TRUE), sample(n, n, TRUE) %% 900)
    for (f in list(sum, mean, length, function(v) v[1], function(v) range(v), function(v) NULL)) {
      expect_identical(ufo_tapply(any_lazy(x), any_lazy(g), f), tapply(x, g, f), info = as.character(i))
    }
    expect_identical(ufo_tapply(any_lazy(x), any_lazy(g), sum, na.rm = TRUE), tapply(x, g, sum, na.rm = TRUE))
    expect_identical(ufo_tapply(any_lazy(x), any_lazy(g), sum, simplify = FALSE), tapply(x, g, sum, simplify = FALSE))
  })
  expect_error(ufo_tapply(1:3, 1:2, sum), "same length")
})

test_that("ufo_apply, ufo_map and ufo_reduce go piece by piece", {
  with_small_pieces({
    x <- stored_lazy(as.numeric(1:2000))
    expect_identical(ufo_apply(x, length), list(512L, 512L, 512L, 464L))
    expect_identical(ufo_apply(x, function(v, k) sum(v) * k, k = 2, cores = 2), ufo_apply(x, function(v) sum(v) * 2))
    expect_identical(ufo_apply(x, function(v) NULL), vector("list", 4))
    expect_identical(as.vector(ufo_map(x, function(v) v^2)), (1:2000)^2)
    expect_identical(as.vector(ufo_map(x, function(v) v > 3, cores = 2)), 1:2000 > 3)
    expect_identical(as.vector(ufo_map(x, function(v) if (v[1] == 1) as.integer(v) else v, type = "double")), as.numeric(1:2000))
    expect_identical(ufo_materialize(ufo_map(x, function(v) factor(v > 3, c(TRUE, FALSE)))), factor(1:2000 > 3, c(TRUE, FALSE)))
    expect_identical(as.vector(ufo_map(numeric(), function(v) v > 1)), logical())
    expect_error(ufo_map(x, function(v) if (v[1] == 1) as.integer(v) else v), "of type double", class = "ufo_usage_error")
    expect_error(ufo_map(x, function(v) factor(v)), class = "ufo_usage_error")
    expect_error(ufo_map(x, sum), class = "ufo_usage_error")
    expect_error(ufo_map(x, as.list), class = "ufo_usage_error")
    expect_error(ufo_apply(x, function(v) stop("of mine"), cores = 2), "of mine")
    expect_error(ufo_apply(x, length, cores = 0), class = "ufo_usage_error")
    expect_identical(ufo_reduce(x, max, max), 2000)
    expect_identical(ufo_reduce(x, sum, `+`, 10), sum(1:2000) + 10)
    expect_identical(ufo_reduce(numeric(), sum, `+`, 10), 10)
    expect_null(ufo_reduce(numeric(), sum, `+`))
  })
})

test_that("work that takes long shows its progress in a file by a line for every tenth", {
  old <- options(ufostore.piece = 64, ufostore.progress = TRUE, ufostore.progress_after = 0)
  on.exit(options(old))
  x <- ufo_lazy(as.numeric(1:3000))
  file <- tempfile()
  connection <- file(file, "w")
  sink(connection, type = "message")
  x + 1
  sink(type = "message")
  close(connection)
  lines <- readLines(file)
  expect_match(lines, "^ufostore: [0-9]+0% after [0-9]+ s$")
  expect_identical(sub(".*: ([0-9]+)%.*", "\\1", lines), as.character(1:10 * 10))
  options(ufostore.progress = FALSE)
  expect_silent(x + 1)
})

test_that("on a terminal progress is a bar", {
  skip_if_not(nzchar(Sys.which("script")) && system("script -qec true /dev/null >/dev/null 2>&1") == 0, "no terminal can be had here")
  code <- tempfile(fileext = ".R")
  writeLines(c(
    "library(ufostore)", "options(ufostore.piece = 64, ufostore.progress = TRUE, ufostore.progress_after = 0)",
    "x <- ufo_lazy(as.numeric(1:3000)) + 1"
  ), code)
  command <- paste(shQuote(file.path(R.home("bin"), "Rscript")), shQuote(code))
  shown <- system2("script", c("-qec", shQuote(command), "/dev/null"), stdout = TRUE, stderr = TRUE, env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = ":"))))
  expect_match(paste(shown, collapse = ""), "\r.*=====.*100%")
  expect_length(grep("^ufostore:", shown), 0)
})
