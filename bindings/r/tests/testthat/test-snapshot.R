# Snapshots and versions.

reopen <- function(s, ...) ufo_open(path_of(s), ...)
same <- function(a, b) {
  expect_true(identical(a, b))
  expect_identical(attributes(a), attributes(b))
}

test_that("a snapshot keeps every object as it was, whatever becomes of it", {
  s <- new_store()
  x <- structure(noise(three_chunks(8)), unit = "mm", names = NULL)
  f <- factor(rep(c("b", "a", NA), 100), levels = c("b", "a", "never"))
  when <- as.POSIXct("2026-11-24 12:00:00", tz = "UTC") + 1:10
  values <- list(
    x = x, f = f, iris = iris, cars = mtcars, letters = letters, when = when, flags = c(TRUE, NA, FALSE),
    z = complex(real = 1:3, imaginary = -1), matrix = matrix(1:6, 2, dimnames = list(NULL, c("a", "b", "c"))),
    nested = list(1, deep = list(a = 1:3, b = list("x", iris)), NULL), fit = lm(dist ~ speed, cars), fun = function(a) a
  )
  for (name in names(values)) ufo_put(s, name, values[[name]])
  ufo_snapshot(s, "2026-q3")
  s$x[2] <- 0
  s$x <- s$x * 2
  s$f <- NULL
  s$iris$Sepal.Length[1] <- 99
  s$cars <- mtcars[1:3, ]
  s$letters <- LETTERS
  s$nested <- list(1)
  s$when <- "other"
  ufo_transaction(s, { s$z <- NULL; s$z <- 1i; s$new <- 1 })
  gc()
  at <- reopen(s, snapshot = "2026-q3")
  expect_identical(sort(names(at)), sort(names(values)))
  fit <- at$fit
  fun <- at$fun
  for (name in setdiff(names(values), c("fit", "fun"))) same(at[[name]], values[[name]])
  expect_equal(coef(fit), coef(values$fit))
  expect_identical(fun(3), 3)
  expect_null(at$new)
  same(ufo_get(at, "nested[[2]]$b[[2]]$Species"), iris$Species)
  same(ufo_get(at, "iris$Species"), iris$Species)
  expect_identical(s$x[1:2], c(x[[1]] * 2, 0))
  expect_identical(nrow(s$cars), 3L)
  expect_identical(nrow(ufo_verify(s, FALSE)), 0L)
  ufo_compact(reopen(s, "r"), other <- new_path())
  same(ufo_open(other, snapshot = "2026-q3")$iris, iris)
})

test_that("removing a snapshot gives its room back, and views outlive it", {
  s <- new_store()
  x <- noise(40 * 8192)
  s$x <- x
  ufo_snapshot(s, "one")
  s$x <- noise(10)
  at <- reopen(s, snapshot = "one")
  view <- at$x
  expect_gt(ufo_snapshots(s)$held_bytes, 20 * 65536)
  expect_true(ufo_versions(at, "x")$open)
  ufo_snapshot_remove(s, "one")
  expect_identical(nrow(ufo_snapshots(s)), 0L)
  expect_error(at$x, "snapshot 'one' was removed", class = "ufo_missing_error")
  expect_error(names(at), class = "ufo_missing_error")
  ufo_close(at)
  same(view[seq_along(x)], x)
  view[1] <- 0
  rm(view, at)
  gc()
  s$y <- 1
  for (i in 1:3) s$y[1] <- i
  ufo_compact(s)
  expect_lt(file.size(path_of(s)), 10 * 65536)
  expect_identical(nrow(ufo_verify(s, FALSE)), 0L)
})

test_that("ufo_snapshots lists them as a data frame", {
  s <- new_store()
  none <- ufo_snapshots(s)
  expect_s3_class(none, c("ufo_snapshots", "data.frame"))
  expect_identical(dim(none), c(0L, 4L))
  expect_output(print(none), "no snapshots")
  s$x <- noise(8192 * 3)
  expect_identical(withVisible(ufo_snapshot(s, "z first"))$visible, FALSE)
  s$y <- 1
  s$x <- 0
  ufo_snapshot(s, "a\nsecond")
  all <- ufo_snapshots(s)
  expect_identical(names(all), c("label", "created", "objects", "held_bytes"))
  expect_identical(all$label, c("z first", "a\nsecond"))
  expect_s3_class(all$created, "POSIXct")
  expect_lt(abs(as.numeric(Sys.time()) - as.numeric(all$created[[2]])), 60)
  expect_identical(all$objects, c(1, 2))
  expect_gt(all$held_bytes[[1]], 1.5 * 65536)
  expect_identical(all$held_bytes[[2]], 0)
  shown <- paste(capture.output(print(all)), collapse = "\n")
  expect_match(shown, "1[0-9]{2} KiB")
  expect_match(shown, "a\\nsecond", fixed = TRUE)
  expect_output(print(all[, c("label", "objects")]), "z first")
  expect_output(print(all[0, ]), "no snapshots")
  expect_identical(ufo_snapshots(reopen(s, "r"))$label, all$label)
})

test_that("a store that is open at a snapshot says so, and what to do", {
  s <- new_store()
  s$x <- 1
  ufo_snapshot(s, "2026-q3")
  at <- reopen(s, snapshot = "2026-q3")
  expect_output(print(at), "(snapshot '2026-q3', read-only)", fixed = TRUE)
  expect_output(str(at), "snapshot '2026-q3'")
  usage <- function(code) expect_error(code, "snapshot '2026-q3', which never changes.*without `snapshot`", class = "ufo_usage_error")
  usage(at$x <- 2)
  usage(at[["y"]] <- 2)
  usage(at$x[1] <- 2)
  usage(at$x <- NULL)
  usage(ufo_put(at, "x", 2))
  usage(ufo_create(at, "y", "double", 3))
  usage(ufo_begin(at))
  usage(ufo_transaction(at, at$x <- 1))
  usage(ufo_snapshot(at, "more"))
  usage(ufo_snapshot_remove(at, "2026-q3"))
  expect_identical(at$x, 1)
  path <- path_of(s)
  for (mode in c("rw", "create")) {
    expect_error(ufo_open(path, mode, snapshot = "2026-q3"), "leave the mode out", class = "ufo_usage_error")
  }
  expect_identical(ufo_open(path, "r", snapshot = "2026-q3")$x, 1)
  expect_error(ufo_open(path, snapshot = "none"), "'none'.*ufo_snapshots", class = "ufo_missing_error")
  expect_error(ufo_open(new_path(), snapshot = "2026-q3"), class = "ufo_missing_error")
  for (label in list("", NA, c("a", "b"), 3, NULL, strrep("x", 481), "\xff")) {
    expect_error(ufo_snapshot(s, label), "label", class = "ufo_usage_error")
    expect_error(ufo_snapshot_remove(s, label), "label", class = "ufo_usage_error")
    if (!is.null(label)) expect_error(ufo_open(path, snapshot = label), "label", class = "ufo_usage_error")
  }
  expect_error(ufo_snapshot(s, "2026-q3"), "there is a snapshot of that label", class = "ufo_usage_error")
  expect_error(ufo_snapshot_remove(s, "none"), "ufo_snapshots", class = "ufo_missing_error")
  ufo_close(at)
  expect_error(at$x <- 1, "is closed", class = "ufo_usage_error")
})

test_that("no snapshot is made or removed inside a transaction", {
  s <- new_store()
  s$x <- 1
  ufo_snapshot(s, "before")
  ufo_begin(s)
  s$x <- 2
  expect_error(ufo_snapshot(s, "inside"), "ufo_commit", class = "ufo_usage_error")
  expect_error(ufo_snapshot_remove(s, "before"), "ufo_commit", class = "ufo_usage_error")
  expect_identical(ufo_snapshots(s)$label, "before")
  ufo_commit(s)
  ufo_snapshot(s, "after")
  expect_identical(reopen(s, snapshot = "before")$x, 1)
  expect_identical(reopen(s, snapshot = "after")$x, 2)
})

test_that("ufo_versions lists what ufo_get can read", {
  s <- new_store()
  s$x <- noise(three_chunks(8))
  before <- s$x[seq_len(three_chunks(8))]
  ufo_snapshot(s, "one")
  ufo_snapshot(s, "uno")
  s$x[1] <- 1
  s$x[1] <- 2
  held <- s$x
  s$x[1] <- 3
  gc()
  versions <- ufo_versions(s, "x")
  expect_s3_class(versions, c("ufo_versions", "data.frame"))
  expect_identical(names(versions), c(
    "version", "changed", "length", "chunks_changed", "stored_bytes", "current", "snapshot", "snapshots", "open"
  ))
  expect_identical(versions$version, c(4, 3, 1))
  expect_identical(versions$current, c(TRUE, FALSE, FALSE))
  expect_identical(versions$snapshot, c(NA, NA, "uno"))
  expect_identical(versions$snapshots, c(0, 0, 2))
  expect_identical(versions$open[1:2], c(FALSE, TRUE))
  expect_identical(versions$chunks_changed, c(1, 1, 4))
  expect_identical(versions$length, rep(three_chunks(8), 3))
  expect_s3_class(versions$changed, "POSIXct")
  expect_output(print(versions), "uno (and 1 more)", fixed = TRUE)
  expect_output(print(versions[, c("version", "open")]), "open")
  for (store in list(s, reopen(s, "r"), reopen(s, snapshot = "uno"))) same(ufo_get(store, "x", version = 1), before)
  expect_identical(ufo_get(s, "x", version = 3)[1], 2)
  expect_error(ufo_get(s, "x", version = 99), "ufo_versions", class = "ufo_missing_error")
  expect_error(ufo_get(reopen(s, snapshot = "uno"), "x", version = 4), "after snapshot", class = "ufo_missing_error")
  expect_identical(ufo_versions(reopen(s, snapshot = "uno"), "x")$version, 1)
  expect_identical(ufo_info(s, "x", version = 1)$chunks_changed, 4)
  expect_error(ufo_versions(s, "nothing"), class = "ufo_missing_error")
  s$words <- letters
  expect_identical(ufo_versions(s, "words")$length, 26)
})

test_that("older versions of lists are read from the snapshot that keeps them", {
  s <- new_store()
  s$d <- iris
  s$l <- list(a = 1:3, deep = list(b = "x", c = noise(10)), f = factor("u"))
  d <- iris
  l <- s$l
  ufo_snapshot(s, "one")
  s$d$Species[1] <- NA # the same column object
  s$d$Sepal.Width <- s$d$Sepal.Width + 0 # a new one in its place
  ufo_snapshot(s, "two")
  ufo_transaction(s, { old <- s$d; s$d <- NULL; s$d <- old[1:5, ] }) # another data frame of that name
  s$d <- NULL
  one <- reopen(s, snapshot = "one")
  two <- reopen(s, snapshot = "two")
  same(one$d, iris)
  expect_true(is.na(two$d$Species[1]))
  version <- ufo_info(two, "d")$version
  expect_gt(version, 1)
  expect_true(all(c(version, 1) %in% ufo_versions(two, "d")$version))
  same(ufo_get(two, "d", version = 1), iris)
  expect_identical(ufo_get(two, "d$Species", version = 1), iris$Species)
  expect_identical(ufo_info(two, "d", version = 1)$type, "list")
  s$l$a[2] <- 7L
  expect_identical(ufo_info(s, "l")$version, 2)
  same(ufo_get(s, "l", version = 1), l)
  same(ufo_get(reopen(s, "r"), "l", version = 1), l)
  # Also while a transaction changes it.
  ufo_begin(s)
  now <- ufo_get(s, "l")
  now$a[1] <- 100L
  ufo_put(s, "l", now)
  same(ufo_get(s, "l", version = 1), l)
  expect_identical(ufo_get(s, "l", version = 2)$a, c(1L, 7L, 3L))
  ufo_rollback(s)
  ufo_snapshot_remove(s, "one")
  ufo_snapshot_remove(s, "two")
  expect_error(ufo_get(s, "l", version = 1), "ufo_versions", class = "ufo_missing_error")
  expect_identical(nrow(ufo_verify(s, FALSE)), 0L)
})

test_that("what was can be brought back", {
  s <- new_store()
  s$d <- iris
  s$x <- noise(three_chunks(8))
  x <- s$x[seq_along(s$x)]
  ufo_snapshot(s, "good")
  s$x[5] <- NA
  s$d$Species <- NULL
  s$gone <- 1
  past <- reopen(s, snapshot = "good")
  expect_error(s$x <- past$x, "conflict", class = "ufo_conflict_error")
  ufo_transaction(s, for (name in names(past)) ufo_put(s, name, past[[name]], conflict = "replace"))
  same(s$x, x)
  same(s$d, iris)
  ufo_put(s, "x", ufo_get(s, "x", version = 1), conflict = "replace")
  same(s$x, x)
  expect_identical(nrow(ufo_verify(s, FALSE)), 0L)
})

test_that("another session uses snapshots of this one, and removes them", {
  s <- new_store()
  path <- path_of(s)
  s$x <- noise(three_chunks(8))
  total <- sum(s$x)
  ufo_snapshot(s, "mine")
  s$x <- 0
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s, snapshot = 'mine')", deparse(path)),
    "x <- s$x",
    sprintf("w <- ufo_open(%s)", deparse(path)),
    "w$x <- 1; w$x <- 2",
    "ufo_snapshot(w, 'theirs')",
    "ufo_snapshot_remove(w, 'mine')",
    "w$x <- 3; w$x <- 4",
    "cat(sprintf('%.15g', sum(x)), '\\n')",
    "cat(tryCatch(s$x, ufo_missing_error = function(e) 'gone'), '\\n')"
  ))
  expect_equal(as.numeric(out[[1]]), total)
  expect_match(out[[2]], "gone")
  expect_identical(ufo_snapshots(s)$label, "theirs")
  expect_identical(reopen(s, snapshot = "theirs")$x, 2)
  expect_identical(s$x, 4)
})

test_that("children of a fork read a snapshot", {
  s <- new_store()
  s$x <- noise(20 * 8192)
  total <- sum(s$x)
  ufo_snapshot(s, "then")
  s$x <- 0
  at <- reopen(s, snapshot = "then")
  x <- at$x
  sums <- parallel::mclapply(1:2, function(i) c(sum(x), sum(at$x), sum(reopen(s, snapshot = "then")$x)), mc.cores = 2)
  expect_identical(sums, list(rep(total, 3), rep(total, 3)))
  expect_identical(sum(at$x), total)
})
