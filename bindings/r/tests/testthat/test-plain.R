# ufo_get(form = "plain"): ordinary vectors over a view's memory. R before 4.5 offers them.

offered <- getRversion() < "4.5"
plain <- function(s, name, ...) ufo_get(s, name, ..., form = "plain")

# A view that R sees as an ALTREP vector shows itself as such.
is_ordinary <- function(x) !any(grepl("ufostore view", utils::capture.output(.Internal(inspect(x)))))

test_that("an R that does not offer the form refuses it, and says what to do instead", {
  s <- new_store()
  s$x <- 1
  if (offered) {
    expect_identical(plain(s, "x"), 1)
  } else {
    problem <- expect_error(plain(s, "x"), class = "ufo_unsupported_error")
    expect_match(conditionMessage(problem), "ufo_materialize()", fixed = TRUE)
  }
})

test_that("every type and length comes as an ordinary vector with its attributes", {
  skip_if_not(offered, "this R does not offer the plain form")
  s <- new_store()
  for (n in c(0, 1, 2, 3, 31, 32, 33, three_chunks(4))) {
    values <- list(
      rep_len(c(TRUE, NA, FALSE), n), seq_len(n), noise(n), complex(real = seq_len(n), imaginary = 1), as.raw(seq_len(n) %% 256),
      structure(as.double(seq_len(n)), names = as.character(seq_len(n)), class = "mine")
    )
    for (x in values) {
      s$x <- x
      y <- plain(s, "x")
      expect_identical(y, x)
      expect_true(is_ufo(y))
      expect_true(is_ordinary(y))
      expect_false(is_ordinary(s$x))
      expect_identical(ufo_materialize(y), x)
      expect_false(is_ufo(ufo_materialize(y)))
    }
  }
  s$m <- matrix(1:6, 2, dimnames = list(c("a", "b"), NULL))
  expect_identical(plain(s, "m"), matrix(1:6, 2, dimnames = list(c("a", "b"), NULL)))
})

test_that("lists and data frames are of plain vectors, and what is serialized comes by value", {
  skip_if_not(offered, "this R does not offer the plain form")
  s <- new_store()
  frame <- data.frame(a = 1:100, b = noise(100), c = as.character(1:100), d = factor(rep(c("x", "y"), 50)))
  s$frame <- frame
  got <- plain(s, "frame")
  expect_identical(got, frame)
  expect_identical(vapply(got, is_ufo, NA), c(a = TRUE, b = TRUE, c = FALSE, d = TRUE))
  expect_true(all(vapply(got, is_ordinary, NA)))
  nested <- list(1:3, list(x = c(1, 2), "text"), sum)
  s$nested <- nested
  got <- plain(s, "nested")
  expect_identical(got, nested)
  expect_true(is_ordinary(got[[2]]$x) && is_ufo(got[[2]]$x))
  expect_identical(plain(s, "frame$b"), frame$b)
})

test_that("a plain vector is private, and putting it back writes what was changed", {
  skip_if_not(offered, "this R does not offer the plain form")
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  y <- plain(s, "x")
  y[10] <- 0
  expect_true(is_ufo(y))
  expect_identical(s$x, x)
  s$x <- y
  x[10] <- 0
  expect_identical(s$x, x)
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
  # Attributes that are changed on a shared vector: R puts a wrapper around it.
  keep <- y
  attr(y, "unit") <- "m"
  expect_true(is_ufo(y))
  s$x <- y
  expect_identical(s$x, structure(x, unit = "m"))
  # Nobody tells of a duplicate: it is in memory.
  y <- keep
  y[1] <- 0
  expect_false(is_ufo(y))
  expect_identical(keep, x)
  expect_identical(y, replace(x, 1, 0))
  # As other chunks, and under another name.
  ufo_put(s, "y", keep, chunk = "128KB")
  s$z <- keep
  expect_identical(s$y, x)
  expect_identical(s$z, x)
})

test_that("versions, transactions, conflicts: as for any view", {
  skip_if_not(offered, "this R does not offer the plain form")
  s <- new_store()
  s$x <- 1:10
  ufo_snapshot(s, "first")
  s$x[1] <- 11L
  expect_identical(plain(s, "x", version = 1), 1:10)
  expect_identical(plain(ufo_open(path_of(s), snapshot = "first"), "x"), 1:10)
  y <- plain(s, "x")
  ufo_begin(s)
  s$x <- 21:30
  expect_identical(plain(s, "x"), 21:30)
  ufo_rollback(s)
  s$x <- 31:40
  y[1] <- 0L
  expect_error(s$x <- y, class = "ufo_conflict_error")
  expect_error(plain(s, "nothing"), class = "ufo_missing_error")
})

test_that("R's collector ends the views, and its trigger stays where it was", {
  skip_if_not(offered, "this R does not offer the plain form")
  s <- new_store()
  gc()
  views <- ufo_stats()$views
  ufo_create(s, "large", "double", length = 1e11)
  trigger <- gc()[["Vcells", 4]]
  x <- plain(s, "large")
  expect_identical(x[c(1, 5e10, 1e11)], c(0, 0, 0))
  x[5e10] <- 1
  expect_identical(x[5e10 + -1:1], c(0, 1, 0))
  expect_lt(gc()[["Vcells", 4]], trigger + 100)
  expect_identical(ufo_stats()$views, views + 1)
  rm(x)
  expect_lt(gc()[["Vcells", 4]], trigger + 100)
  expect_identical(ufo_stats()$views, views)
  # Garbage that a collection must find in time, or thousands of views would be open. How late depends on all that a
  # session had before.
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(new_path())),
    "s$y <- runif(1000)",
    "for (i in 1:3000) ufo_get(s, 'y', form = 'plain')",
    "cat(ufo_stats()$views < 2900, '\\n')"
  ))
  expect_identical(out, "TRUE ")
})

test_that("the budget holds for plain vectors", {
  skip_if_not(offered, "this R does not offer the plain form")
  with_budget("16MB", {
    s <- new_store()
    x <- noise(8e6)
    s$x <- x
    y <- plain(s, "x")
    y[seq(1, 8e6, by = 4096)] <- 0
    x[seq(1, 8e6, by = 4096)] <- 0
    expect_identical(sum(y), sum(x))
    expect_lte(ufo_stats()$resident, 16 * mb)
    s$x <- y
    expect_identical(sum(s$x), sum(x))
    expect_true(is_ufo(y))
  })
})

test_that("a damaged chunk of a plain vector is an error that names it", {
  skip_if_not(offered, "this R does not offer the plain form")
  made <- damaged_store()
  s <- ufo_open(damaged_copy(made$path, made$pattern))
  path <- path_of(s)
  x <- plain(s, "x")
  for (attempt in 1:2) {
    problem <- expect_error(sum(x), class = "ufo_corrupt_error")
    expect_identical(problem$path, path)
    expect_identical(problem$object, "x")
  }
  other <- new_store()
  expect_error(other$copy <- x, class = "ufo_corrupt_error")
  expect_error(ufo_put(other, "copy", x, chunk = "128KB"), class = "ufo_corrupt_error")
  expect_error(other$copy <- list(new.env(), function() 1, as.environment(list(x = x))), class = "ufo_corrupt_error")
  expect_length(other, 0)
  ufo_close(s)
  rm(s)
  expect_identical(x[1:16384], made$x[1:16384])
  expect_error(x[60000], class = "ufo_corrupt_error")
})

test_that("it travels by value, and children of a fork have their own", {
  skip_if_not(offered, "this R does not offer the plain form")
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  y <- plain(s, "x")
  bytes <- serialize(y, NULL)
  expect_gt(length(bytes), 8 * length(x))
  expect_identical(unserialize(bytes), x)
  changed <- parallel::mclapply(1:2, function(i) {
    y[1] <- i
    z <- plain(s, "x")
    gc()
    list(y[1:3], sum(z), is_ufo(z))
  }, mc.cores = 2)
  expect_identical(changed, lapply(1:2, function(i) list(c(i, x[2:3]), sum(x), TRUE)))
  expect_identical(y, x)
})

test_that("the session ends quietly while plain vectors live", {
  skip_if_not(offered, "this R does not offer the plain form")
  path <- new_path()
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(path)),
    "s$x <- as.double(1:1e6)",
    "x <- ufo_get(s, 'x', form = 'plain'); x[1] <- 0",
    "reg.finalizer(globalenv(), function(e) cat(sum(x), '\\n'), onexit = TRUE)",
    "ufo_begin(s); s$y <- ufo_get(s, 'x', form = 'plain')",
    "cat('end\\n')"
  ))
  expect_identical(out, c("NULL", "end", "500000499999 "))
  s <- ufo_open(path)
  expect_identical(names(s), "x")
  expect_identical(nrow(ufo_verify(s)), 0L)
})
