# Other processes: forks, and sessions of their own.

test_that("children of a fork read right data, and change their own only", {
  s <- new_store()
  x <- noise(40 * 8192)
  s$x <- x
  view <- s$x
  view[1] <- 7
  parts <- split(seq_along(x), rep(1:8, each = length(x) / 8))
  sums <- parallel::mclapply(parts, function(part) sum(view[part]), mc.cores = 2)
  expected <- lapply(parts, function(part) sum(replace(x, 1, 7)[part]))
  expect_identical(sums, expected)
  changed <- parallel::mclapply(1:2, function(i) {
    view[2] <- 99
    gc()
    c(view[1], view[2], s$x[3])
  }, mc.cores = 2)
  expect_identical(changed, list(c(7, 99, x[3]), c(7, 99, x[3])))
  expect_identical(view[2], x[2])
  expect_identical(s$x, x)
  s$x[1] <- 1
  expect_identical(s$x[1], 1)
})

test_that("children of a fork read right data under a small budget", {
  with_budget("8MB", {
    s <- new_store()
    x <- noise(3e6)
    s$x <- x
    view <- s$x
    view[seq(1, 3e6, by = 1000)] <- 0
    x[seq(1, 3e6, by = 1000)] <- 0
    sums <- parallel::mclapply(1:2, function(i) sum(view), mc.cores = 2)
    expect_identical(sums, list(sum(x), sum(x)))
    expect_identical(sum(view), sum(x))
  })
})

test_that("another session sees what was committed, and the other way round", {
  s <- new_store()
  path <- .subset2(s, "path")
  x <- noise(three_chunks(8))
  s$x <- x
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)),
    "cat(sprintf('%.15g', sum(s$x)), '\\n')",
    "s$x[1] <- 42",
    "s$frame <- iris",
    "cat(is_ufo(s$x), '\\n')"
  ))
  expect_equal(as.numeric(out[[1]]), sum(x))
  expect_match(out[[2]], "TRUE")
  expect_identical(s$x, c(42, x[-1]))
  expect_identical(s$frame, iris)
})

test_that("the session ends quietly with stores, views and transactions open", {
  path <- new_path()
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)),
    "s$x <- as.double(1:1e6)",
    "x <- s$x; x[1] <- 0",
    "ufo_begin(s); s$y <- 1",
    "cat('end\\n')"
  ))
  expect_identical(out, "end")
  s <- ufo_open(path)
  expect_identical(names(s), "x")
})
