test_that("compacting gives room back and loses nothing", {
  s <- new_store()
  x <- noise(1e5)
  for (i in 1:5) s[[paste0("x", i)]] <- x + i
  for (i in 1:4) s[[paste0("x", i)]] <- NULL
  sizes <- ufo_compact(s)
  expect_named(sizes, c("before", "after"))
  expect_lt(sizes[["after"]], sizes[["before"]])
  expect_identical(s$x5, x + 5)
  s$x6 <- x
  expect_identical(s$x6, x)
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("a copy can be written, but over no file", {
  s <- new_store()
  s$x <- 1:10
  copy <- new_path()
  ufo_compact(s, copy)
  expect_identical(ufo_open(copy, "r")$x, 1:10)
  expect_error(ufo_compact(s, copy), class = "ufo_usage_error")
  ufo_begin(s)
  expect_error(ufo_compact(s), class = "ufo_usage_error")
})

test_that("a store in use is not replaced", {
  s <- new_store()
  s$x <- 1:1000
  x <- s$x
  expect_error(ufo_compact(s), class = "ufo_usage_error")
  expect_identical(x, 1:1000)
})
