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

test_that("text of strings that were assigned over is given back, and all that was put with them stays", {
  s <- new_store()
  n <- 40000L
  first <- sprintf("as they were at first, number %d", seq_len(n))
  s$x <- first
  names(s$x) <- rep(c("a", "b"), n / 2)
  s$d <- data.frame(k = seq_len(n), text = first)
  before <- ufo_info(s, "d")$version
  for (round in 1:6) {
    s$x[seq_len(n / 2)] <- sprintf("number %d in round %d", seq_len(n / 2), round)
    s$d$text[seq_len(n / 2)] <- sprintf("row %d in round %d", seq_len(n / 2), round)
  }
  x <- setNames(c(sprintf("number %d in round 6", seq_len(n / 2)), first[-seq_len(n / 2)]), rep(c("a", "b"), n / 2))
  d <- data.frame(k = seq_len(n), text = c(sprintf("row %d in round 6", seq_len(n / 2)), first[-seq_len(n / 2)]))
  gc()
  text_bytes <- function() c(ufo_info(s, "x[[2]]")$length, ufo_info(s, "d[[2]][[2]]")$length)
  grown <- text_bytes()
  ufo_compact(s)
  expect_true(all(text_bytes() < 0.6 * grown))
  expect_identical(s$x, x)
  expect_identical(s$d, d)
  expect_gt(ufo_info(s, "d")$version, before)
  s$x[1:2] <- "and they can be assigned again"
  expect_identical(unname(s$x[1:3]), c("and they can be assigned again", "and they can be assigned again", x[[3]]))
  expect_identical(nrow(ufo_verify(s)), 0L)
})
