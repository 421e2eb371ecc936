# A test file of somebody's package, as testthat.R runs it. The second test tells which vectors are stored.
test_that("expectations hold", {
  x <- c(b = 2, a = 1)
  expect_equal(sort(x), c(a = 1, b = 2))
  expect_identical(x[["a"]], 1)
  expect_error(stop("no"), "no")
  f <- function(v) { v[1] <- 0; v }
  y <- f(x)
  expect_equal(unname(c(x, y)), c(2, 1, 0, 1))
  expect_equal(stats4::coef(stats4::mle(function(m) sum((c(1, 2, 3) - m)^2), list(m = 1))), c(m = 2), tolerance = 1e-4)
})

test_that("vectors are stored", {
  x <- as.list(1:3)[[2]]
  expect_true(ufostore::is_ufo(x))
  expect_true(ufostore::is_ufo(4))
  expect_true(ufostore::is_ufo(rev(x)))
  expect_true(ufostore::is_ufo(list(a = "b")$a))
  expect_true(ufostore::is_ufo(quote("b")))
})

test_that("errors are written down", stop("an error"))
