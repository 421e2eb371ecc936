# A vector from a store is private, and keeps its version.

test_that("ordinary R never alters the store", {
  s <- new_store()
  x <- c(3, 1, 2, noise(three_chunks(8)))
  s$x <- x
  i <- sample(1e5L)
  s$i <- i
  l <- rep(c(TRUE, FALSE, NA), 5e4)
  s$l <- l
  z <- complex(real = x, imaginary = 1)
  s$z <- z
  # Base R overwrites operands that nobody refers to: here these are the views themselves.
  exp(s$x); -s$x; s$x + 1; 1 - s$x; s$x * s$x; sqrt(s$x); round(s$x); sort(s$x); rev(s$x); cumsum(s$x); order(s$x)
  -s$i; s$i + 1L; sort(s$i); !s$l; abs(s$i); s$x > 0; var(s$x); range(s$x); -s$z; Conj(s$z); exp(s$z)
  names(s$x) |> is.null()
  local({ y <- s$x; y[] <- 0; y })
  (function(v) { v[1] <- 99; v })(s$x)
  replace(s$x, 1, 99)
  expect_identical(s$x, x)
  expect_identical(s$i, i)
  expect_identical(s$l, l)
  expect_identical(s$z, z)
  expect_identical(ufo_info(s, "x")$version, 1)
})

test_that("results of what nobody refers to stay views, within the budget", {
  s <- new_store()
  s$x <- structure(noise(5 * 8192), note = "n")
  expect_true(is_ufo(exp(s$x)))
  expect_true(is_ufo(s$x + 1))
  expect_true(is_ufo(-s[["x"]]))
  expect_true(is_ufo(ufo_get(s, "x") * 2))
})

test_that("results are right though operands are overwritten", {
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  expect_identical(exp(s$x), exp(x))
  expect_identical(-s$x, -x)
  expect_identical(s$x + 1, x + 1)
  expect_identical(sort(s$x), sort(x))
  expect_identical(s$x[x > 0.5], x[x > 0.5])
  expect_identical(summary(s$x), summary(x))
  m <- matrix(noise(200 * 200), 200)
  s$m <- m
  expect_identical(s$m %*% s$m, m %*% m)
  expect_identical(crossprod(s$m), crossprod(m))
  expect_identical(s$m[3, ], m[3, ])
  expect_identical(t(s$m), t(m))
})

test_that("a view is private, and so is each copy of it", {
  s <- new_store()
  s$x <- as.double(1:1e5)
  x <- s$x
  y <- x
  y[1] <- -1
  x[2] <- -2
  z <- y
  z[3] <- -3
  expect_identical(s$x[1:3], c(1, 2, 3))
  expect_identical(x[1:3], c(1, -2, 3))
  expect_identical(y[1:3], c(-1, 2, 3))
  expect_identical(z[1:3], c(-1, 2, -3))
  expect_true(all(is_ufo(x), is_ufo(y), is_ufo(z)))
})

test_that("a view keeps its version", {
  s <- new_store()
  s$x <- as.double(1:1e5)
  old <- s$x
  s$x[1:10] <- 0
  s$x <- NULL
  gc()
  expect_identical(old, as.double(1:1e5))
  ufo_close(s)
  expect_identical(sum(old), sum(1:1e5))
})

test_that("a copy of a vector far larger than memory costs nothing", {
  s <- new_store()
  ufo_create(s, "y", "double", length = 1e11)
  took <- system.time({
    y <- s$y
    z <- y
    z[1] <- 7
    z[1e11] <- 8
  })[["elapsed"]]
  expect_lt(took, 2)
  expect_identical(length(z), 1e11)
  expect_identical(c(y[1], y[1e11], z[1], z[5e10], z[1e11]), c(0, 0, 7, 0, 8))
  s$y <- z
  info <- ufo_info(s, "y")
  expect_identical(info$chunks_changed, 2)
  expect_identical(s$y[c(1, 2, 1e11)], c(7, 0, 8))
})

test_that("one changed element rewrites one chunk", {
  s <- new_store()
  x <- noise(10 * 8192)
  s$x <- x
  expect_identical(ufo_info(s, "x")$chunks, 10)
  s$x[5] <- 3
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
  expect_identical(ufo_info(s, "x")$version, 2)
  x[5] <- 3
  expect_identical(s$x, x)
  s$x[c(8192, 8193)] <- 4
  expect_identical(ufo_info(s, "x")$chunks_changed, 2)
  x[c(8192, 8193)] <- 4
  expect_identical(s$x, x)
  expect_true(identical(ufo_get(s, "x"), x))
})

test_that("attributes of a view can be changed and put back without writing data", {
  s <- new_store()
  x <- noise(5 * 8192)
  s$x <- x
  y <- s$x
  attr(y, "units") <- "m"
  s$x <- y
  expect_identical(s$x, structure(x, units = "m"))
  expect_identical(ufo_info(s, "x")$chunks_changed, 0)
  s$x <- structure(s$x, class = "mine", units = NULL)
  expect_identical(unclass(s$x), x)
  expect_identical(class(s$x), "mine")
  expect_identical(ufo_info(s, "x")$chunks_changed, 0)
  z <- s$x
  w <- z
  class(w) <- NULL
  w[1] <- 0
  s$x <- w
  expect_identical(s$x, c(0, x[-1]))
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
  s$x[3] <- 9
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
})

test_that("names, factors and matrices are changed in part", {
  s <- new_store()
  s$v <- setNames(as.double(1:1e5), paste0("n", 1:1e5))
  s$v[["n7"]] <- 0
  expect_identical(s$v[6:8], c(n6 = 6, n7 = 0, n8 = 8))
  expect_identical(ufo_info(s, "v")$chunks_changed, 1)
  s$f <- factor(rep(c("a", "b"), 5e4))
  s$f[2] <- "a"
  expect_identical(as.character(s$f[1:3]), c("a", "a", "a"))
  expect_identical(ufo_info(s, "f")$chunks_changed, 1)
  levels(s$f) <- c("x", "y")
  expect_identical(as.character(s$f[4]), "y")
  s$m <- matrix(as.double(1:1e6), 1000)
  s$m[1000, 1000] <- 0
  expect_identical(s$m[999:1000, 1000], c(999999, 0))
  expect_identical(ufo_info(s, "m")$chunks_changed, 1)
})

test_that("a view can be put under other names and into other stores", {
  s <- new_store()
  x <- noise(5 * 8192)
  s$x <- structure(x, note = "n")
  y <- s$x
  y[1] <- 0
  s$y <- y
  expect_identical(s$y, structure(c(0, x[-1]), note = "n"))
  expect_identical(s$x, structure(x, note = "n"))
  other <- new_store()
  other$x <- y
  expect_identical(other$x, s$y)
  copy <- new_path()
  file.copy(path_of(s), copy)
  twin <- ufo_open(copy)
  twin$x <- y
  expect_identical(twin$x, s$y)
  expect_identical(s$x, structure(x, note = "n"))
})

test_that("a view that was put into another store stays one of its own", {
  s <- new_store()
  other <- new_store()
  more <- new_store()
  more$first <- 1
  for (x in list(noise(5000), as.character(1:5000))) {
    s$x <- x
    other$x <- NULL
    y <- s$x
    y[3] <- y[2]
    changed <- ufo_materialize(y)
    other$x <- y
    expect_identical(other$x, changed)
    expect_identical(unserialize(serialize(y, NULL)), changed)
    # There another object has the name, which is replaced.
    more$x <- rev(x)
    more$x <- y
    expect_identical(more$x, changed)
    # What others did is not undone by it.
    z <- s$x
    z[9] <- z[2]
    s$x <- z
    y[4] <- y[2]
    expect_error(s$x <- y, class = "ufo_conflict_error")
    expect_identical(s$x, z)
  }
})

test_that("data frames are changed column by column", {
  s <- new_store()
  frame <- data.frame(a = noise(1e5), b = 1:1e5, c = rep(c("u", "v"), 5e4))
  s$frame <- frame
  expect_true(is_ufo(s$frame$a))
  s$frame$a[5] <- 2
  frame$a[5] <- 2
  expect_identical(s$frame, frame)
  s$frame[7, "b"] <- 0L
  frame[7, "b"] <- 0L
  expect_identical(s$frame, frame)
  s$frame$new <- s$frame$b
  frame$new <- frame$b
  expect_identical(s$frame, frame)
  s$frame$a <- NULL
  frame$a <- NULL
  expect_identical(s$frame, frame)
  names(s$frame)[1] <- "renamed"
  names(frame)[1] <- "renamed"
  expect_identical(s$frame, frame)
  expect_identical(s[["frame$renamed"]][7], 0L)
})

test_that("opening a wide data frame reads no data", {
  s <- new_store()
  s$wide <- as.data.frame(matrix(noise(500 * 200), 200))
  before <- ufo_stats()$fills
  wide <- s$wide
  expect_identical(dim(wide), c(200L, 500L))
  expect_identical(ufo_stats()$fills, before)
  expect_true(is_ufo(wide))
  expect_identical(wide[200, 500], as.data.frame(matrix(noise(500 * 200), 200))[200, 500])
})

test_that("a change of type or length makes an ordinary vector, which can be stored", {
  s <- new_store()
  s$i <- 1:1e5
  s$i[2] <- 2.5
  expect_identical(s$i[1:3], c(1, 2.5, 3))
  expect_identical(ufo_info(s, "i")$type, "double")
  s$i[100001] <- 1
  expect_length(s$i, 100001)
})

test_that("is_ufo and ufo_materialize tell and end what is a view", {
  s <- new_store()
  s$x <- structure(1:10, class = "mine", note = "n")
  s$frame <- iris
  expect_true(is_ufo(s$x))
  expect_false(is_ufo(1:10))
  expect_false(is_ufo("a"))
  expect_false(is_ufo(NULL))
  expect_true(is_ufo(s$frame))
  x <- ufo_materialize(s$x)
  expect_false(is_ufo(x))
  expect_identical(x, structure(1:10, class = "mine", note = "n"))
  frame <- ufo_materialize(s$frame)
  expect_false(is_ufo(frame))
  expect_identical(frame, iris)
  expect_identical(ufo_materialize("a"), "a")
})

test_that("wrapped vectors are still seen as views", {
  s <- new_store()
  s$x <- noise(5 * 8192)
  x <- s$x
  y <- structure(x, class = "mine")
  expect_true(is_ufo(y))
  y[2] <- 0
  expect_true(is_ufo(y))
  s$x <- y
  expect_identical(ufo_info(s, "x")$chunks_changed, 1)
})

test_that("a vector that is released together with an object whose finalizer uses it is an error there, no crash", {
  code <- c(
    "s <- ufo_open(tempfile(fileext = '.ufo'), 'create'); s$x <- c(4, 5, 6)",
    "uses <- expression(sum(e$x), e$x[2], e$x[c(1, 3)], length(e$x), e$x + 1, order(e$x), { y <- e$x; y[1] <- 0; y })",
    "said <- function(use, e) class(tryCatch({ force(eval(use)); 'fine' }, error = identity))[[1]]",
    "e <- new.env()",
    "invisible(reg.finalizer(e, function(e) cat(vapply(uses, said, '', e), '\\n'), onexit = TRUE))",
    "e$x <- s$x"
  )
  # The older finalizer runs later: the vector's has run before.
  collected <- in_new_session(c(code, "rm(e); invisible(gc()); invisible(gc())", "x <- s$x; cat(sum(x), x[2], '\\n')"))
  expect_match(collected[[1]], "^(ufo_usage_error ){7}")
  expect_identical(trimws(collected[[2]]), "15 5")
  expect_match(in_new_session(code)[[1]], "^(ufo_usage_error ){7}")
})

test_that("vectors do not take each other's place", {
  s <- new_store()
  n <- 100
  for (k in 1:n) s[[paste0("x", k)]] <- k + c(0.25, 0.5)
  # More views than are remembered, used in turn, while others come and go at the addresses of old ones.
  first <- lapply(1:n, function(k) s[[paste0("x", k)]])
  for (round in 1:3) {
    for (k in 1:n) {
      x <- s[[paste0("x", n + 1 - k)]]
      y <- first[[k]]
      y[2] <- -k
      if (!identical(c(x[1], x[2], y[1], y[2]), c(n + 1.25 - k, n + 1.5 - k, k + 0.25, -k))) fail(paste(round, k))
      if (!identical(c(first[[k]][1], length(x), sum(first[[k]])), c(k + 0.25, 2, 2 * k + 0.75))) fail(paste(round, k))
    }
    first <- rev(rev(first))
    rm(x, y)
    gc()
  }
  gctorture(TRUE)
  z <- vapply(1:3, function(k) s$x1[1] + s$x2[2] + first[[k]][1], 0)
  gctorture(FALSE)
  expect_identical(z, 1.25 + 2.5 + 1:3 + 0.25)
})

test_that("order() of several views may read the element before the first", {
  # By radix and with NA left out it does, of the second vector on. It is as likely as not that something is mapped there,
  # so there are many, and in a session of their own, which ended at once.
  lines <- in_new_session(c(
    "s <- ufo_open(tempfile(fileext = '.ufo'), mode = 'create')",
    "kept <- list()",
    "for (n in 20 * 1:40) {",
    "  d <- list2DF(list(a = rep(c(2, NA, NA, 1, 1), n), b = rep(c(5, 4, 3, 2, 1), n)))",
    "  s$d <- d",
    "  e <- s$d",
    "  stopifnot(identical(order(e$a, e$b, na.last = NA), order(d$a, d$b, na.last = NA)))",
    "  stopifnot(identical(order(e$a, -e$b, e$b, na.last = NA), order(d$a, -d$b, d$b, na.last = NA)))",
    "  kept[[n]] <- s$d",
    "}",
    "f <- e$b; f[1] <- 5; g <- unserialize(serialize(e$b, NULL))", # a clone; by reference
    "stopifnot(is_ufo(f), is_ufo(g))",
    "for (b in list(f, g)) stopifnot(identical(order(e$a, b, na.last = NA), order(d$a, d$b, na.last = NA)))",
    "cat('done\\n')"
  ))
  expect_identical(lines[length(lines)], "done")
})
