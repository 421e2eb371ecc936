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

test_that("extents of what has rows and columns are known", {
  s <- new_store()
  s$x <- 1:3
  s$m <- matrix(0, 20, 3)
  s$a <- array(0L, c(2, 3, 4))
  s$iris <- iris
  s$cars <- mtcars
  s$none <- iris[0, ]
  s$list <- list(1, "a")
  expect_null(ufo_info(s, "x")$dim)
  expect_null(ufo_info(s, "list")$dim)
  for (name in c("m", "a", "iris", "cars", "none")) {
    expect_equal(ufo_info(s, name)$dim, dim(s[[name]]), info = name)
  }
  expect_match(format(ufo_info(s, "iris"))[2], "150 x 5$")
})

test_that("a store prints as a table of contents", {
  s <- new_store()
  s$x <- rep(c(1, 2), 5e5)
  ufo_create(s, "zeros", "double", length = 1e6)
  s$iris <- iris
  s$f <- factor("a")
  shown <- capture.output(print(s))
  fields <- strsplit(trimws(shown[-1]), "  +")
  expect_identical(fields[[1]], c("name", "type", "length", "size", "stored", "ratio", "version", "changed"))
  row <- function(name) fields[[which(vapply(fields, `[`, "", 1) == name)]]
  expect_identical(row("x")[c(1:4, 7)], c("x", "double", "1,000,000", "7.63 MiB", "1"))
  expect_match(row("x")[6], "^[0-9.]+x$")
  expect_identical(row("iris")[2:3], c("data.frame (list)", "150 x 5"))
  expect_identical(row("zeros")[3:6], c("1,000,000", "7.63 MiB", "0 B", "1")) # no ratio: nothing is stored
  expect_lte(abs(difftime(as.POSIXct(tail(row("f"), 1)), Sys.time(), units = "mins")), 2)
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
