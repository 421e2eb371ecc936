test_that("ufo_info describes objects as R sees them", {
  s <- new_store()
  s$x <- rep(0.5, 1e5)
  info <- ufo_info(s, "x")
  expect_s3_class(info, "ufo_info")
  expect_identical(info[c("name", "type", "length", "version")], list(name = "x", type = "double", length = 1e5, version = 1),
                   ignore_attr = TRUE)
  expect_identical(info$bytes, 8e5)
  expect_gt(info$ratio, 10)
  expect_s3_class(info$created, "POSIXct")
  expect_lt(abs(as.numeric(Sys.time()) - as.numeric(info$changed)), 60)
  s$words <- letters
  expect_identical(ufo_info(s, "words")$type, "character")
  expect_identical(ufo_info(s, "words")$length, 26)
  s$f <- mean
  expect_identical(ufo_info(s, "f")$type, "closure")
  s$iris <- iris
  info <- ufo_info(s, "iris")
  expect_identical(info$type, "list")
  expect_identical(info$class, "data.frame")
  expect_identical(info$length, 5)
  expect_gt(info$bytes, 150 * 8 * 4)
  expect_output(print(info), "data.frame")
  expect_identical(ufo_info(s, "iris$Species")$class, "factor")
})

test_that("versions count changes in place, and older ones are kept while they are used", {
  s <- new_store()
  s$x <- c(1, 2)
  s$x[1] <- 3
  s$x[1] <- 4
  expect_identical(ufo_info(s, "x")$version, 3)
  keep <- s$x
  s$x[1] <- 5
  expect_identical(ufo_get(s, "x", version = 4), c(5, 2))
  expect_identical(ufo_get(s, "x", version = 3), c(4, 2))
  expect_identical(keep, c(4, 2))
  expect_error(ufo_get(s, "x", version = 99), class = "ufo_missing_error")
})
