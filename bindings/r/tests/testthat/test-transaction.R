test_that("a transaction stores all or nothing", {
  s <- new_store()
  other <- ufo_open(path_of(s))
  ufo_begin(s)
  s$a <- 1
  s$b <- list(1, "two")
  expect_identical(s$a, 1)
  expect_identical(s$b, list(1, "two"))
  expect_identical(sort(names(s)), c("a", "b"))
  expect_length(other, 0)
  ufo_commit(s)
  expect_identical(other$b, list(1, "two"))
  ufo_begin(s)
  s$a <- 2
  s$b <- NULL
  ufo_rollback(s)
  expect_identical(s$a, 1)
  expect_identical(names(s), c("a", "b"))
})

test_that("ufo_transaction gives the value and rolls back on an error", {
  s <- new_store()
  expect_identical(ufo_transaction(s, { s$a <- 1; "value" }), "value")
  expect_error(ufo_transaction(s, { s$a <- 2; stop("no") }), "no")
  expect_identical(s$a, 1)
  ufo_transaction(s, s$a <- 4)
  expect_identical(s$a, 4)
})

test_that("leaving a transaction by a jump stores nothing, and warns", {
  s <- new_store()
  s$a <- 1
  expect_warning((function() ufo_transaction(s, { s$a <- 3; return(NULL) }))(), "nothing was stored")
  expect_identical(s$a, 1)
  expect_warning(for (i in 1) ufo_transaction(s, { s$a <- 3; next }), "nothing was stored")
  expect_warning(repeat ufo_transaction(s, { s$a <- 3; break }), "nothing was stored")
  expect_warning(withRestarts(ufo_transaction(s, { s$a <- 3; invokeRestart("away") }), away = function() NULL), "nothing was stored")
  expect_identical(s$a, 1)
  expect_warning(expect_error(ufo_transaction(s, { s$a <- 3; stop("no") }), "no"), NA)
  expect_warning(expect_error(ufo_transaction(s, { s$b <- 3; ufo_get(s, "c") }), class = "ufo_missing_error"), NA)
  # What was caught inside explains nothing about a jump afterwards.
  expect_warning(
    (function() ufo_transaction(s, { s$a <- 3; try(stop("mended"), silent = TRUE); return(NULL) }))(), "nothing was stored"
  )
  expect_warning((function() ufo_transaction(s, { s$a <- 5; ufo_rollback(s); return(NULL) }))(), NA)
  expect_identical(s$a, 1)
  # The warning is the last thing that happens, even where warnings are errors.
  old <- options(warn = 2)
  on.exit(options(old))
  expect_error((function() ufo_transaction(s, { s$a <- 3; return(NULL) }))(), "nothing was stored")
  s$a <- 6
  expect_identical(s$a, 6)
})

test_that("an interrupt rolls back", {
  s <- new_store()
  s$a <- 1
  old <- options(warn = 2) # a warning would be the result
  on.exit(options(old))
  result <- tryCatch(
    ufo_transaction(s, {
      s$a <- 2
      tools::pskill(Sys.getpid(), tools::SIGINT)
      Sys.sleep(5)
      "not reached"
    }),
    interrupt = function(condition) "interrupted"
  )
  expect_identical(result, "interrupted")
  expect_identical(s$a, 1)
  s$a <- 3
  expect_identical(s$a, 3)
})

test_that("a long put can be interrupted, and leaves nothing", {
  s <- new_store()
  s$x <- 1
  system(paste0("(sleep 0.7; kill -INT ", Sys.getpid(), ") >/dev/null 2>&1 &"))
  result <- tryCatch({ s$x <- 1:2e9; "stored" }, interrupt = function(condition) "interrupted")
  expect_identical(result, "interrupted")
  expect_identical(s$x, 1)
  s$x <- 2
  expect_identical(s$x, 2)
})

test_that("transactions do not nest, and end once", {
  s <- new_store()
  ufo_begin(s)
  expect_error(ufo_begin(s), class = "ufo_usage_error")
  expect_error(ufo_transaction(s, 1), class = "ufo_usage_error")
  s$a <- 1
  ufo_commit(s)
  expect_identical(s$a, 1)
  expect_error(ufo_commit(s), class = "ufo_usage_error")
  expect_error(ufo_rollback(s), class = "ufo_usage_error")
})

test_that("a change of many views is committed at once and in part", {
  s <- new_store()
  s$x <- noise(10 * 8192)
  ufo_transaction(s, {
    x <- s$x
    x[c(1, 70000)] <- 0
    s$x <- x
    s$x[2] <- 0
    s$y <- s$x
  })
  expect_identical(ufo_info(s, "x")$version, 2)
  expect_identical(ufo_info(s, "x")$chunks_changed, 2)
  expect_identical(s$x[c(1, 2, 70000)], c(0, 0, 0))
  expect_identical(s$y, s$x)
})

test_that("the first commit wins, the second can merge or replace", {
  s <- new_store()
  x <- noise(10 * 8192)
  s$x <- x
  old <- s$x
  s$x[1] <- 1
  old[80000] <- 2
  problem <- expect_error(s$x <- old, class = "ufo_conflict_error")
  expect_identical(problem$object, "x")
  expect_identical(s$x[c(1, 80000)], c(1, x[80000]))
  ufo_put(s, "x", old, conflict = "merge")
  expect_identical(s$x[c(1, 80000)], c(1, 2))
  stale <- s$x
  s$x[1] <- 7
  stale[2] <- 3
  ufo_put(s, "x", stale, conflict = "replace")
  expect_identical(s$x[1:2], c(1, 3))
})

test_that("a view does not silently replace what replaced its object", {
  s <- new_store()
  s$x <- c(1, 2, 3)
  old <- s$x
  s$x <- c(7, 8, 9)
  old[1] <- 0
  expect_error(s$x <- old, class = "ufo_conflict_error")
  expect_error(ufo_put(s, "x", old, conflict = "merge"), class = "ufo_conflict_error")
  expect_identical(s$x, c(7, 8, 9))
  ufo_put(s, "x", old, conflict = "replace")
  expect_identical(s$x, c(0, 2, 3))
  s$x <- NULL
  s$x <- old
  expect_identical(s$x, c(0, 2, 3))
  s$y <- 1
  s$y <- old
  expect_identical(s$y, s$x)
})

test_that("conflicts between handles leave the store and both sessions usable", {
  s <- new_store()
  s$x <- 1
  s$y <- 1
  other <- ufo_open(path_of(s))
  ufo_begin(s)
  s$x <- 2
  s$y <- 2
  other$x <- 3
  problem <- expect_error(ufo_commit(s), class = "ufo_conflict_error")
  expect_identical(problem$code, "conflict")
  expect_identical(c(s$x, s$y), c(3, 1))
  ufo_transaction(s, s$x <- 4)
  expect_identical(other$x, 4)
})

test_that("closing rolls an open transaction back", {
  s <- new_store()
  path <- path_of(s)
  ufo_begin(s)
  s$x <- 1
  ufo_close(s)
  s <- ufo_open(path)
  expect_length(s, 0)
})

test_that("a transaction may be larger than the budget", {
  with_budget("16MB", {
    s <- new_store()
    n <- 4e6
    ufo_create(s, "x", "double", length = n)
    ufo_transaction(s, {
      x <- s$x
      x[] <- noise(n)
      s$x <- x
    })
    expect_identical(s$x, noise(n))
  })
})

test_that("what was committed survives a killed process, what was not is absent", {
  path <- new_path()
  in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)),
    "s$kept <- as.double(1:1e5)",
    "ufo_begin(s)",
    "s$kept[1] <- 0",
    "s$lost <- runif(2e6)",
    "tools::pskill(Sys.getpid(), tools::SIGKILL)"
  ))
  s <- ufo_open(path)
  expect_identical(names(s), "kept")
  expect_identical(s$kept, as.double(1:1e5))
  expect_identical(nrow(ufo_verify(s)), 0L)
})
