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
  path <- path_of(s)
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

test_that("quit() in the middle of a transaction rolls back, runs to its end and reports success", {
  path <- new_path()
  for (code in list(
    c("ufo_begin(s)", "s$y <- x", "quit()"),
    "ufo_transaction(s, { s$y <- x; s$z <- 1; quit() })",
    c("f <- function() { on.exit(cat('cleaned\\n')); ufo_transaction(s, { s$x[2] <- 9; quit(runLast = FALSE) }) }", "f()"),
    c("ufo_begin(s)", "s$y <- x", "quit(status = 3)")
  )) {
    out <- in_new_session(c(
      sprintf("s <- ufo_open(%s)", deparse(path)),
      "s$x <- as.double(1:1e5)", "x <- s$x", "x[1] <- 0",
      code, "cat('not reached\\n')"
    ))
    expect_false(any(grepl("not reached|rror|arning", out)))
    expect_identical(attr(out, "status"), if (any(grepl("status = 3", code, fixed = TRUE))) 3L)
    s <- ufo_open(path)
    expect_identical(names(s), "x")
    expect_identical(s$x, as.double(1:1e5))
    expect_identical(nrow(ufo_verify(s)), 0L)
    ufo_close(s)
  }
})

test_that("vectors outlive the namespace, which comes back when it is needed", {
  path <- new_path()
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)),
    "s$x <- as.double(1:1e5)", "x <- s$x", "s$n <- 1:10", "n <- s$n",
    "unloadNamespace('ufostore')",
    "cat(isNamespaceLoaded('ufostore'), '\\n')",
    "x[1] <- 5; y <- x; y[2] <- 7",
    "cat(x[1:3], y[1:3], sum(n), length(x), '\\n')",
    "rm(y); invisible(gc())",
    "library(ufostore)",
    "s$x <- x",
    "cat(is_ufo(x), s$x[1:3], ufo_info(s, 'x')$chunks_changed, '\\n')",
    # Some tools for developers unload the code as well. Then R knows no methods for the vectors any more.
    "folder <- system.file(package = 'ufostore')",
    "unloadNamespace('ufostore'); library.dynam.unload('ufostore', folder)",
    "cat(inherits(try(x[1], silent = TRUE), 'try-error'), '\\n')",
    "rm(x); invisible(gc())",
    "library(ufostore)",
    sprintf("s <- ufo_open(%s); cat(s$x[1:3], '\\n')", deparse(path))
  ))
  out <- out[!grepl("^NULL$|^Registered S3|^  method|ufo_lazy", out)] # of what R says when it is loaded again
  expect_identical(out, c("FALSE ", "5 2 3 5 7 3 55 100000 ", "TRUE 5 2 3 1 ", "TRUE ", "5 2 3 "))
})

test_that("a verification, and copying into memory, can be interrupted, and the session goes on", {
  path <- new_path()
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)),
    "s$x <- runif(4e6)", "before <- sum(s$x)",
    "interrupted <- function(code) {",
    "  system(sprintf('(sleep 0.3; kill -INT %d) >/dev/null 2>&1 &', Sys.getpid()))",
    "  tryCatch({ eval(code); 'finished' }, interrupt = function(condition) 'interrupted')",
    "}",
    "cat(interrupted(quote(repeat ufo_verify(s))), interrupted(quote(repeat sum(s$x))),",
    "    interrupted(quote(repeat s$y <- s$x + 1)), interrupted(quote(repeat ufo_materialize(s$x))), '\\n')",
    "if ('y' %in% names(s)) s$y <- NULL",
    "cat(sum(s$x) == before, nrow(ufo_verify(s)), names(s), '\\n')",
    "s$x[1] <- 0; cat(s$x[1], '\\n')"
  ))
  expect_identical(out[out != ""], c("interrupted interrupted interrupted interrupted ", "TRUE 0 x ", "0 "))
})
