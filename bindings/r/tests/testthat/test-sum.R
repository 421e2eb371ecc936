# sum() of a view is that of the ordinary vector, to the last bit.

test_that("doubles of any kind add up to the same bits", {
  s <- new_store()
  set.seed(41)
  n <- 4e4
  # By what the sum does with them: rounds, hits halfway between two numbers, is exact, changes its sign or its size.
  kinds <- list(
    uniform = runif(n), fine = runif(n) + runif(n) * 2^-32, prices = round(100 + cumsum(rnorm(n)), 2), whole = rpois(n, 50) + 0,
    negative = -runif(n) * 1e5, around_zero = rnorm(n), third = rep(1 / 3, n), halves = sample(1:7, n, replace = TRUE) / 2,
    after_large = c(2^64, sample(1:7, n, replace = TRUE)), after_larger = c(-2^66, sample(c(-2, 2, 1, 3), n, replace = TRUE)),
    growing = cumprod(rep(1.001, n)), shrinking = 2^-(1:n %% 900), wild = rnorm(n) * 2^sample(-60:60, n, replace = TRUE),
    tiny = rep(5e-324, n), subnormal = runif(n) * 2^-1060, large = runif(n) * 1e300, overflow = rep(1e308, n),
    at_the_end = c(.Machine$double.xmax, rep(2^970, 3)), zeros = rep(-0, n), edge = c(2^52 - 1, rep(2^-12, n)),
    around_power = c(2^40, rep(c(-0.75, 0.5), n / 2)), cancels = c(1e20, runif(n), -1e20, runif(n)),
    one = pi, none = double(0), sixteen = runif(16), seventeen = runif(17)
  )
  spoil <- function(x, what, at = length(x) %/% 2) replace(x, max(at, 1), what)
  for (name in names(kinds)) {
    for (x in c(list(kinds[[name]]), list(c(kinds[[name]], -sum(kinds[[name]]))),
                lapply(list(NA, NaN, Inf, -Inf), spoil, x = kinds[[name]]))) {
      s$x <- x
      for (na.rm in c(FALSE, TRUE)) {
        if (!identical(sum(s$x, na.rm = na.rm), sum(x, na.rm = na.rm), num.eq = FALSE, single.NA = FALSE)) {
          fail(paste(name, na.rm, sprintf("%a", sum(s$x, na.rm = na.rm)), sprintf("%a", sum(x, na.rm = na.rm))))
        }
      }
    }
  }
  expect_identical(sum(s$x), sum(x))
})

test_that("random numbers on random sums add up to the same bits", {
  s <- new_store()
  set.seed(42)
  for (round in 1:400) {
    start <- sample(c(-1, 1), 1) * 2^sample(-30:90, 1) * (1 + runif(1))
    bits <- sample(1:30, 1)
    x <- c(start, (sample(2^bits, 400, replace = TRUE) - sample(c(0, 2^(bits - 1)), 1)) * 2^sample(-60:40, 1))
    # Without the part that a double can hold, what is left shows the last bits of the long double.
    x <- c(x, -sum(x))
    s$x <- x
    if (!identical(sum(s$x), sum(x))) fail(paste(round, sprintf("%a", start), bits))
  }
  succeed()
})

test_that("whole numbers and truth values add up to the same, warnings included", {
  s <- new_store()
  set.seed(43)
  kinds <- list(
    small = sample.int(100, 1e5, replace = TRUE), signs = sample(-1000:1000, 1e5, replace = TRUE), none = integer(0),
    missing = c(1:10, NA, 5L), only_missing = rep(NA_integer_, 5), most = c(.Machine$integer.max - 1L, 1L),
    least = c(-.Machine$integer.max + 1L, -1L), over = rep(.Machine$integer.max, 10), under = rep(-.Machine$integer.max, 10),
    missing_over = c(rep(.Machine$integer.max, 10), NA), truth = sample(c(TRUE, FALSE), 1e5, replace = TRUE), unknown = c(TRUE, NA)
  )
  said <- function(code) {
    warnings <- NULL
    value <- withCallingHandlers(code, warning = function(w) {
      warnings <<- c(warnings, conditionMessage(w))
      invokeRestart("muffleWarning")
    })
    list(value, warnings)
  }
  for (x in kinds) {
    s$x <- x
    y <- s$x
    expect_identical(said(sum(y)), said(sum(x)))
    expect_identical(said(sum(y, na.rm = TRUE)), said(sum(x, na.rm = TRUE)))
  }
  expect_true(anyNA(said(sum(kinds$over))[[1]]) || is.double(sum(kinds$over)))
  s$z <- complex(real = c(1, NA, 3), imaginary = 2)
  expect_identical(sum(s$z, na.rm = TRUE), 4 + 4i)
  expect_identical(sum(s$x, 1L, s$x, na.rm = TRUE), 3L)
})

test_that("where NA and NaN meet, a sum is what R makes of a plain vector", {
  s <- new_store()
  bits <- function(x) format(x) # NA and NaN are told apart
  for (x in list(c(NaN, NA), c(NA, NaN), c(1, NaN, NA), c(Inf, -Inf, NA), c(NA, Inf, -Inf), c(rep(1, 1e5), NaN, NA))) {
    s$x <- x
    expect_identical(bits(sum(s$x)), bits(sum(x)))
    expect_identical(bits(sum(s$x, na.rm = TRUE)), bits(sum(x, na.rm = TRUE)))
  }
})

test_that("a sum of more than fits into memory stays within the budget, and meets damage as an error", {
  with_budget("4MB", {
    s <- new_store()
    x <- noise(2e6)
    s$x <- x
    s$i <- i <- sample.int(1000L, 2e6, replace = TRUE)
    expect_identical(sum(s$x), sum(x))
    expect_identical(sum(s$i), sum(i))
    expect_lte(ufo_stats()$resident, 4 * mb)
  })
})
