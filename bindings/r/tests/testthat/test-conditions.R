test_that("every kind of error is classed and says what, where and what to do", {
  s <- new_store()
  path <- path_of(s)
  problem <- expect_error(ufo_get(s, "absent"), class = "ufo_missing_error")
  expect_s3_class(problem, c("ufo_missing_error", "ufo_error", "error", "condition"), exact = TRUE)
  expect_identical(problem$code, "missing")
  expect_identical(problem$object, "absent")
  expect_identical(problem$path, path)
  expect_match(conditionMessage(problem), "absent", fixed = TRUE)
  expect_match(conditionMessage(problem), path, fixed = TRUE)
  expect_error(ufo_info(s, "absent"), class = "ufo_missing_error")
})

test_that("what is for later versions is refused as unsupported", {
  s <- new_store()
  s$x <- 1
  s$list <- list("a", "b")
  expect_error(ufo_append(s, "list", "c"), class = "ufo_unsupported_error")
})

test_that("wrong arguments are refused", {
  expect_error(ufo_open(1), class = "ufo_usage_error")
  expect_error(ufo_open(c("a", "b")), class = "ufo_usage_error")
  expect_error(ufo_open(new_path(), mode = "w"), class = "ufo_usage_error")
  expect_error(ufo_get(list(), "x"), class = "ufo_usage_error")
  expect_error(ufo_close(1), class = "ufo_usage_error")
  s <- new_store()
  s$x <- 1
  for (version in list(0, -1, 1.5, NA, "1", c(1, 2))) {
    expect_error(ufo_get(s, "x", version = version), class = "ufo_usage_error")
  }
  expect_error(ufo_get(s, "x", form = "other"), class = "ufo_usage_error")
})

test_that("files that are no stores, or cannot be read, are refused and left alone", {
  text <- tempfile()
  writeLines(rep("this is no store", 1000), text)
  before <- readLines(text)
  expect_error(ufo_open(text), class = "ufo_corrupt_error")
  expect_identical(readLines(text), before)
  empty <- tempfile()
  file.create(empty)
  expect_error(ufo_open(empty), class = "ufo_error")
  expect_error(ufo_open(tempdir()), class = "ufo_error")
  expect_error(ufo_open(file.path(tempdir(), "no", "such", "folder.ufo")), class = "ufo_error")
  s <- new_store()
  s$x <- noise(1e5)
  path <- path_of(s)
  ufo_close(s)
  short <- tempfile()
  writeBin(readBin(path, "raw", file.size(path) / 2), short)
  expect_error({ s <- ufo_open(short); sum(s$x); stop("read") }, class = "ufo_error")
})

test_that("the advice fits the situation", {
  advice_of <- function(expr) conditionMessage(expect_error(expr, class = "ufo_error"))
  expect_match(advice_of(ufo_open(new_path(), mode = "r")), "Check the path. Modes")
  expect_match(advice_of(ufo_open(file.path(tempdir(), "no folder", "s.ufo"))), "in a folder that exists")
  text <- tempfile()
  writeLines(rep("this is no store", 1000), text)
  expect_match(advice_of(ufo_open(text)), "Check that the path is that of a store")
  s <- new_store()
  s$x <- 1
  s$list <- list(1)
  expect_match(advice_of(ufo_open(path_of(s), mode = "create")), "Check the path and the mode")
  for (look in list(ufo_get, ufo_info)) {
    expect_match(advice_of(look(s, "x", version = 9)), "lists those that can be read")
    expect_match(advice_of(look(s, "y", version = 9)), "names() of the store", fixed = TRUE)
    expect_match(advice_of(look(s, "y")), "names() of the store", fixed = TRUE)
  }
  expect_false(grepl("names()", advice_of(ufo_get(s, "x", version = 9)), fixed = TRUE))
})

test_that("a conflict says once what to do", {
  path <- new_path()
  s <- new_store(path)
  s$x <- 1:10
  x <- s$x
  x[1] <- 5L
  s$x[2] <- 7L
  error <- tryCatch(s$x <- x, error = identity)
  expect_s3_class(error, "ufo_conflict_error")
  expect_length(gregexpr("again and repeat", conditionMessage(error))[[1]], 1)
  ufo_close(s)
})
