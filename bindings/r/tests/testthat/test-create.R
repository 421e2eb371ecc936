test_that("ufo_create makes zeros of every type", {
  s <- new_store()
  for (type in c("logical", "integer", "double", "complex", "raw")) {
    ufo_create(s, type, type, length = 1e5)
    expect_identical(s[[type]], vector(type, 1e5))
  }
  ufo_create(s, "n", "numeric", length = 3)
  expect_identical(s$n, c(0, 0, 0))
  ufo_create(s, "empty", "double")
  expect_identical(s$empty, double())
})

test_that("a huge object takes no room until it is written", {
  s <- new_store()
  took <- system.time(ufo_create(s, "y", "integer", length = 1e12))[["elapsed"]]
  expect_lt(took, 2)
  expect_identical(length(s$y), 1e12)
  s$y[1e12] <- 5L
  expect_identical(s$y[1e12 - 1:0], c(0L, 5L))
  expect_identical(ufo_info(s, "y")$chunks_written, 1)
  expect_lt(file.size(path_of(s)), 10 * mb)
})

test_that("wrong types, lengths and chunks are refused", {
  s <- new_store()
  for (length in list(-1, NaN, NA, 1.5, 2^53, "10", c(1, 2), NULL, Inf)) {
    expect_error(ufo_create(s, "x", "double", length = length), class = "ufo_usage_error")
  }
  expect_error(ufo_create(s, "x", "nonsense", length = 1), class = "ufo_usage_error")
  expect_error(ufo_create(s, "x", "list", length = 1), class = "ufo_unsupported_error")
  for (chunk in list(1000, "3KB", "32MB", -1, "x", NA, c("4KB", "8KB"))) {
    expect_error(ufo_put(s, "x", 1, chunk = chunk), class = "ufo_usage_error")
  }
  expect_error(ufo_put(s, "x", 1, conflict = "maybe"), class = "ufo_usage_error")
  expect_length(s, 0)
})

test_that("the chunk that was asked for is the chunk that is used", {
  s <- new_store()
  x <- noise(1e5)
  ufo_put(s, "x", x, chunk = "4KB")
  expect_identical(ufo_info(s, "x")$chunk_bytes, 4096)
  expect_identical(s$x, x)
  s$x[1] <- 0
  expect_identical(ufo_info(s, "x")$chunk_bytes, 4096)
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
  ufo_put(s, "x", s$x, chunk = "1MB")
  expect_identical(ufo_info(s, "x")$chunk_bytes, mb)
  expect_identical(s$x, c(0, x[-1]))
})
