test_that("a lazy vector is no column: the error says what to do", {
  x <- stored_lazy(as.numeric(1:3))
  d <- data.frame(a = 1:3)
  refused <- function(code, what) expect_error(code, "ufo_unlazy", class = "ufo_unsupported_error", info = what)
  refused(data.frame(x), "data.frame")
  refused(data.frame(a = 1:3, x = x), "data.frame")
  refused(as.data.frame(list(x = x)), "as.data.frame")
  refused(cbind(d, x), "cbind")
  refused(d$b <- x, "$<-")
  refused(d[["b"]] <- x, "[[<-")
  refused(d[, "b"] <- x, "[<-")
  refused(within(d, b <- x), "within")
  refused(transform(d, b = x), "transform")
  expect_identical(d, data.frame(a = 1:3))
  d$b <- ufo_unlazy(x)
  expect_identical(ufo_materialize(d$b), c(1, 2, 3))
  expect_null(dim(x))
})

# The error of the verb has ours as its cause.
expect_refused_within <- function(code) {
  error <- tryCatch(code, error = identity)
  while (!inherits(error, "ufo_unsupported_error") && !is.null(error$parent)) error <- error$parent
  expect_s3_class(error, "ufo_unsupported_error")
  expect_match(conditionMessage(error), "ufo_unlazy")
}

test_that("tibble, dplyr and ggplot2 say the same", {
  x <- stored_lazy(as.numeric(1:3))
  d <- data.frame(a = 1:3)
  skip_if_not_installed("tibble")
  expect_refused_within(tibble::tibble(x = x))
  expect_refused_within(tibble::as_tibble(list(x = x)))
  expect_match(paste(format(tibble::tibble(x = list(x))), collapse = " "), "lazy double \\[3\\]")
  skip_if_not_installed("dplyr")
  expect_refused_within(dplyr::mutate(d, b = x))
  expect_refused_within(dplyr::filter(d, x > 1))
  expect_refused_within(dplyr::bind_cols(a = 1:3, b = x))
  expect_identical(dplyr::mutate(d, b = ufo_materialize(x))$b, c(1, 2, 3))
  skip_if_not_installed("ggplot2")
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  on.exit({
    grDevices::dev.off()
    unlink(file)
  })
  expect_refused_within(print(ggplot2::ggplot(d, ggplot2::aes(x = x)) + ggplot2::geom_histogram(bins = 3)))
  expect_refused_within(ggplot2::ggplot(x))
  built <- function(d) ggplot2::layer_data(ggplot2::ggplot(d, ggplot2::aes(y, y * 2)) + ggplot2::geom_point())
  t <- data.frame(y = c(1, 5, 2))
  expect_identical(built(ufo_lazy(t)), built(t))
})

test_that("ufo_lazy makes a list of lazy vectors of a list", {
  s <- new_store()
  s$l <- list(a = 1:3, 4, "five", list(b = c(6, 7), f = sum, m = matrix(1:4, 2)), data.frame(x = 1:2, y = c("a", NA)))
  l <- ufo_lazy(s$l)
  expect_identical(class(l), "list")
  expect_true(inherits(l[[4]]$b, "ufo_lazy"))
  expect_s3_class(l[[5]], "ufo_lazy_frame")
  expect_identical(l[[4]]$f, sum)
  expect_identical(ufo_materialize(l[[4]]$m), matrix(1:4, 2))
  expect_identical(ufo_materialize(l), ufo_materialize(s$l))
  ufo_close(s)
})

test_that("options(ufostore.lazy = TRUE) makes vectors, strings and the elements of lists lazy", {
  s <- new_store()
  s$x <- as.numeric(1:5)
  s$words <- c("one", "two", NA)
  s$named <- c(a = 1)
  s$l <- list(a = 1:3, b = list(c = letters), g = mean)
  s$d <- data.frame(x = 1:3, y = letters[1:3])
  old <- options(ufostore.lazy = TRUE)
  on.exit(options(old))
  is_lazy_vector <- function(x) inherits(x, "ufo_lazy")
  expect_true(is_lazy_vector(s$x))
  expect_true(is_lazy_vector(s$words))
  expect_true(is_lazy_vector(s[["words"]]))
  expect_identical(as.vector(s$words == "two"), c(FALSE, TRUE, NA))
  expect_identical(ufo_materialize(s$named), c(a = 1))
  expect_true(is_lazy_vector(s$l$a))
  expect_true(is_lazy_vector(s$l$b$c))
  expect_identical(s$l$g, mean)
  expect_s3_class(s$d, "ufo_lazy_frame")
  s$d$x[2] <- 9L
  s$d[3, "y"] <- "z"
  expect_identical(ufo_materialize(s$d), data.frame(x = c(1L, 9L, 3L), y = c("a", "b", "z")))
  # What was got lazily is put back, and changed in place.
  s$l2 <- s$l
  s$words <- s$words
  s$x[2] <- 7
  s$words[3] <- "three"
  options(ufostore.lazy = FALSE)
  expect_identical(ufo_materialize(s$l2), list(a = 1:3, b = list(c = letters), g = mean))
  expect_identical(ufo_materialize(s$words), c("one", "two", "three"))
  expect_identical(ufo_materialize(s$x), c(1, 7, 3, 4, 5))
  ufo_close(s)
})

test_that("objects of other classes and lazy vectors go together in a session that attaches no packages", {
  # Which of two methods is taken is decided by a function that package methods puts in its place when it is attached.
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s, mode = 'create')", deparse(new_path())),
    "s$x <- c(1, 2, 3)",
    "day <- as.Date('2024-02-28')",
    "cat(format(ufo_materialize(day + ufo_lazy(s$x))), format(ufo_materialize(ufo_lazy(s$x) + day)), sep = '\\n')"
  ), "R_DEFAULT_PACKAGES=NULL")
  expect_identical(tail(out, 6), rep(format(as.Date("2024-02-28") + 1:3), 2))
})
