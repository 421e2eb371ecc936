all_kinds <- c("logical", "integer", "double", "complex", "raw", "character")

test_that("rep gives what base R gives, for vectors of all kinds", {
  set.seed(71)
  with_small_pieces(for (type in all_kinds) for (n in c(0, 2, 700)) {
    x <- any_vector(type, n)
    info <- paste(type, n)
    for (times in list(0, 1, 3, 2.7, TRUE)) expect_as_base(function(x) rep(x, times), x, info = info)
    for (length in c(0, 1, 650, 2500)) expect_as_base(function(x) rep(x, length.out = length), x, info = info)
    expect_as_base(function(x) rep(x, each = 3), x, info = info)
    expect_as_base(function(x) rep(x, 2, each = 2), x, info = info)
    expect_as_base(function(x) rep(x, each = 2, length.out = 1500), x, info = info)
    expect_as_base(function(x) rep(x, times = 5, length.out = 10), x, info = info)
    if (n == 0) next
    expect_as_base(function(x, times) rep(x, times), x, sample(0:4, n, TRUE), info = info)
    expect_as_base(function(x, times) rep(x, times), x, sample(c(TRUE, FALSE), n, TRUE), info = info)
    expect_as_base(function(x, times) rep(x, times, each = 2), x, sample(0:2, 2 * n, TRUE), info = info)
    expect_as_base(function(x, times) rep(x, times), x, rep(c(0, 1300), length.out = n), info = info)
  })
  for (bad in list(-1, "a", NA, c(1, 2, 3), c(1, -1))) {
    expect_error(rep(ufo_lazy(1:2), bad), "invalid 'times' argument")
  }
})

test_that("rep keeps classes", {
  with_small_pieces(for (x in list(
    factor(rep(c("b", "a", NA), 200)), as.Date("2026-01-01") + 0:599, as.POSIXct("2026-01-01", tz = "UTC") + 0:599,
    as.difftime(1:600, units = "mins")
  )) {
    expect_as_base(function(x) rep(x, 3), x)
    expect_as_base(function(x) rep(x, each = 2), x)
    expect_as_base(function(x) rep(x, length.out = 1000), x)
  })
})

split_as_base <- function(x, f, ..., info = NULL) {
  expected <- outcome(split(x, f, ...))
  got <- outcome(split(any_lazy(x), f, ...))
  got$value <- lapply(got$value, ufo_materialize)
  expect_identical(got, expected, info = info)
  by_lazy <- suppressWarnings(split(any_lazy(x), any_lazy(f), ...))
  expect_identical(lapply(by_lazy, ufo_materialize), suppressWarnings(split(x, f, ...)), info = info)
}

test_that("split gives a list of what base R gives, lazy", {
  set.seed(72)
  with_small_pieces({
    for (type in all_kinds) for (n in c(0, 5, 3000)) {
      x <- any_vector(type, n)
      split_as_base(x, factor(sample(c("u", "v", NA), n, TRUE), levels = c("v", "w", "u")), info = paste(type, n))
      split_as_base(x, sample(c(3.5, 1, NA), n, TRUE), info = paste(type, n))
      split_as_base(x, sample(c("b", "a", "A long one"), n, TRUE), info = paste(type, n))
    }
    x <- any_vector("double", 3000)
    split_as_base(x, factor(rep(c("u", "v"), 1500), levels = c("v", "w", "u")), drop = TRUE)
    split_as_base(x, 1:7) # recycled, with a warning
    split_as_base(x, sample(700, 3000, TRUE))
    split_as_base(as.Date("2026-01-01") + 0:2999, rep(1:3, 1000))
    split_as_base(factor(rep(c("u", "v", NA), 1000)), rep(1:2, 1500))
    parts <- split(stored_lazy(x), rep(1:2, 1500))
    expect_true(inherits(parts[[1]], "ufo_lazy"))
    expect_true(is_ufo(parts[[1]]))
    expect_error(split(stored_lazy(x), list(1, 2)), "interaction", class = "ufo_unsupported_error")
    expect_error(split(ufo_lazy(1:3000), 1:3000), "2,000 groups", class = "ufo_unsupported_error")
    expect_error(split(ufo_lazy(1:3), integer()), "group length is 0")
    expect_error(split(ufo_lazy(as.numeric(1:3)), 1i), class = "ufo_unsupported_error")
  })
})
