# What people use beside base R, on stored columns: the results are those on ordinary ones, and nothing is loaded that
# is not shown. Packages that are not installed are skipped; tools/setup --lint brings Debian's.

stored <- function(x) {
  s <- new_store()
  s$x <- x
  s$x
}

trips <- function(n = 20000) {
  set.seed(7)
  data.frame(
    id = seq_len(n), fare = round(runif(n, 2, 90), 2), km = round(rexp(n, 0.2), 1), paid = runif(n) > 0.3,
    zone = factor(sample(c("north", "south", "east"), n, TRUE)), day = as.Date("2026-01-01") + seq_len(n) %% 90,
    at = as.POSIXct("2026-01-01", tz = "UTC") + seq_len(n) * 60
  )
}

test_that("models of base R fit stored columns", {
  plain <- trips()
  df <- stored(plain)
  same <- function(a, b) {
    a$call <- b$call <- NULL
    expect_equal(a, b, ignore_formula_env = TRUE)
  }
  same(lm(fare ~ km + zone, df), lm(fare ~ km + zone, plain))
  same(glm(paid ~ fare, binomial, df), glm(paid ~ fare, binomial, plain))
  expect_equal(aggregate(fare ~ zone, df, mean), aggregate(fare ~ zone, plain, mean))
  expect_equal(tapply(df$fare, df$zone, sum), tapply(plain$fare, plain$zone, sum))
  expect_equal(merge(df[1:50, ], df[30:80, ], by = "id"), merge(plain[1:50, ], plain[30:80, ], by = "id"))
  expect_equal(t.test(fare ~ paid, df)$p.value, t.test(fare ~ paid, plain)$p.value)
  expect_identical(df, plain)
})

test_that("dplyr works on stored data frames", {
  skip_if_not_installed("dplyr")
  plain <- trips()
  df <- stored(plain)
  pipeline <- function(d) {
    d <- dplyr::mutate(dplyr::filter(d, fare > 50, paid), per_km = fare / (km + 1))
    d <- dplyr::summarise(dplyr::group_by(d, zone, day), n = dplyr::n(), mean = mean(per_km), .groups = "drop")
    dplyr::arrange(d, dplyr::desc(mean))
  }
  expect_identical(pipeline(df), pipeline(plain))
  expect_identical(dplyr::left_join(df, plain[1:100, c("id", "km")], by = "id"),
                   dplyr::left_join(plain, plain[1:100, c("id", "km")], by = "id"))
  expect_identical(dplyr::slice_max(df, fare, n = 5), dplyr::slice_max(plain, fare, n = 5))
  expect_identical(dplyr::bind_rows(df, df), dplyr::bind_rows(plain, plain))
  expect_identical(dplyr::distinct(df, zone, paid), dplyr::distinct(plain, zone, paid))
  expect_identical(dplyr::count(df, zone), dplyr::count(plain, zone))
  expect_identical(df, plain) # and none of it wrote into the columns
})

test_that("data.table works on stored data frames, and leaves them alone", {
  skip_if_not_installed("data.table")
  plain <- trips()
  df <- stored(plain)
  a <- data.table::as.data.table(df)
  b <- data.table::as.data.table(plain)
  expect_equal(a, b)
  # In the global environment, because data.table knows by that who knows it.
  sums <- function(d) {
    eval(quote(d[paid == TRUE, list(m = mean(fare), n = .N), by = zone][order(zone)]), list(d = d), globalenv())
  }
  expect_equal(sums(a), sums(b))
  data.table::set(a, i = 1:3, j = "fare", value = 0)
  data.table::setorderv(a, c("zone", "fare"))
  data.table::set(b, i = 1:3, j = "fare", value = 0)
  data.table::setorderv(b, c("zone", "fare"))
  expect_equal(a, b)
  expect_identical(df, plain)
})

test_that("ggplot2 draws stored columns", {
  skip_if_not_installed("ggplot2")
  grDevices::pdf(NULL) # else there would be a file Rplots.pdf
  on.exit(grDevices::dev.off())
  plain <- trips(2000)
  df <- stored(plain)
  layers <- function(d) {
    plot <- ggplot2::ggplot(d, ggplot2::aes(km, fare, colour = zone)) + ggplot2::geom_point() +
      ggplot2::geom_smooth(method = "lm", formula = y ~ x)
    ggplot2::ggplot_build(plot)$data
  }
  expect_equal(layers(df), layers(plain))
})

test_that("matrixStats works on stored matrices", {
  skip_if_not_installed("matrixStats")
  set.seed(8)
  plain <- matrix(rnorm(30000), ncol = 30)
  m <- stored(plain)
  for (f in c("colMeans2", "rowSds", "colMedians", "rowRanks", "colCumsums", "rowMaxs", "colQuantiles", "rowLogSumExps")) {
    f <- getExportedValue("matrixStats", f)
    expect_equal(f(m), f(plain))
  }
  expect_identical(m, plain)
})

test_that("tibbles of stored columns print and say what they are", {
  skip_if_not_installed("tibble")
  plain <- tibble::as_tibble(trips(100))
  expect_identical(stored(plain), plain)
  expect_identical(capture.output(print(stored(plain))), capture.output(print(plain)))
})

test_that("integer64 columns keep their class and their arithmetic", {
  skip_if_not_installed("bit64")
  plain <- bit64::as.integer64(2)^(1:60)
  x <- stored(plain)
  expect_identical(x, plain)
  expect_identical(x + 1L, plain + 1L)
  expect_identical(sum(x), sum(plain))
  expect_identical(format(x), format(plain))
})

# Chunks that were filled, by whatever means, while the code ran.
chunks_filled <- function(code) {
  before <- ufo_stats()$filled
  force(code)
  ufo_stats()$filled - before
}

test_that("looking at a vector loads what is shown", {
  s <- new_store()
  n <- 4e6 # 31 MiB, some 500 chunks
  ufo_put(s, "x", noise(n), chunk = "64KB")
  ufo_put(s, "f", structure(rep(1:4, length.out = n), levels = letters[1:4], class = "factor"), chunk = "64KB")
  ufo_put(s, "d", structure(noise(n) * 1e4, class = "Date"), chunk = "64KB")
  s$df <- list2DF(list(x = s$x, f = s$f, d = s$d))
  ufo_put(s, "m", matrix(s$x, ncol = 4), chunk = "64KB")
  shown <- function(code) chunks_filled(capture.output(code)) / 65536
  old <- options(max.print = 1000)
  on.exit(options(old))
  for (name in c("x", "f", "d", "df", "m")) {
    expect_lte(shown(print(head(s[[name]]))), 12)
    expect_lte(shown(print(tail(s[[name]]))), 12)
    expect_lte(shown(str(s[[name]])), 12)
    expect_lte(shown(dim(s[[name]])), 12) # what was read ahead of the line before, at most
    expect_lte(shown(object.size(s[[name]])), 12)
  }
  expect_lte(shown(print(s$x)), 4)
  for (name in c("d", "df")) expect_lte(shown(print(s[[name]])), 12) # of factors and matrices base R reads all
  expect_lte(shown(s$df[123456, ]), 6)
  expect_lte(shown(print(s)), 12)
  if (requireNamespace("tibble", quietly = TRUE)) expect_lte(shown(print(tibble::as_tibble(s$df))), 40)
})
