test_that("the budget is set, asked for and kept", {
  old <- ufo_memory("64MB")
  on.exit(ufo_memory(old))
  expect_identical(ufo_memory(), 64 * mb)
  expect_identical(ufo_memory(32 * mb), 64 * mb)
  expect_identical(ufo_memory("0.0625GiB"), 32 * mb)
  for (size in list("x", "12 bananas", -1, NA, "", c("1MB", "2MB"), TRUE, 0, Inf, "-1MB")) {
    expect_error(ufo_memory(size), class = "ufo_usage_error")
  }
  for (size in list(1e300, 2^63, "99999PB", .Machine$double.xmax, paste0(strrep("9", 400), "GB"))) {
    expect_error(ufo_memory(size), class = "ufo_usage_error", "at most 2^62 bytes", fixed = TRUE)
  }
  expect_identical(ufo_memory(), 64 * mb)
  expect_identical(ufo_memory("4095PB"), 64 * mb)
  expect_identical(ufo_memory("64MB"), 4095 * 2^50)
})

test_that("a budget that is too small is refused by the name that the user gave it", {
  old <- ufo_memory()
  gc()
  for (size in list("1KB", 100, "0.001MB", 0)) {
    problem <- expect_error(ufo_memory(size), class = "ufo_usage_error")
    expect_match(conditionMessage(problem), paste("not", deparse(size)), fixed = TRUE)
    expect_match(conditionMessage(problem), "at least \"[0-9]+KB\"")
  }
  s <- new_store()
  for (chunk in c("64KB", "16MB")) {
    ufo_put(s, "x", numeric(2.5e6), chunk = chunk)
    x <- s$x
    problem <- expect_error(ufo_memory("12KB"), class = "ufo_usage_error")
    least <- sub('.*at least "([0-9]+KB)".*', "\\1", conditionMessage(problem))
    expect_identical(ufo_memory(least), old)
    expect_identical(x[c(1, 2.5e6)], c(0, 0))
    ufo_memory(old)
  }
  expect_gt(as.numeric(sub("KB", "", least)), 2 * 16 * 1024)
  # Neither what is no longer used nor a chunk that is longer than its vector takes part.
  # (In a session of its own: other tests may have left vectors.)
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(new_path())), "y <- runif(1e5); s$y <- y; y <- s$y; none <- sum(y); rm(y); none <- gc()",
    "ufo_put(s, 'x', 1:10, chunk = '16MB'); x <- s$x", "none <- ufo_memory('12KB'); cat(x[10], ufo_memory(), '\n')"
  ))
  expect_identical(out, "10 12288 ")
  rm(x)
  ufo_memory(old)
  out <- in_new_session(c(
    "options(ufostore.memory = '1KB')", "cat(tryCatch(ufo_memory(), ufo_usage_error = conditionMessage), '\\n')"
  ))
  expect_match(out[[1]], "The option ufostore.memory must be at least .* not \"1KB\"")
})

test_that("a budget that is configured wrongly is refused where it comes from", {
  for (size in c("1e300", "99999PB", "many")) {
    out <- in_new_session(c(
      sprintf("options(ufostore.memory = %s)", if (size == "1e300") size else deparse(size)),
      "cat(tryCatch(ufo_memory(), ufo_usage_error = conditionMessage), '\\n')",
      sprintf("options(ufostore.memory = NULL); Sys.setenv(UFOSTORE_MEMORY = %s)", deparse(size)),
      "cat(tryCatch(ufo_memory(), ufo_usage_error = conditionMessage), '\\n')",
      "Sys.setenv(UFOSTORE_MEMORY = '64MB')",
      "cat(ufo_memory(), '\\n')"
    ))
    expect_match(out[[1]], "^The option ufostore.memory must be")
    expect_match(out[[2]], "^The environment variable UFOSTORE_MEMORY must be")
    expect_identical(trimws(out[[3]]), "67108864")
  }
})

test_that("a scan of many times the budget stays within it, and loses no change", {
  with_budget("8MB", {
    s <- new_store()
    n <- 6e6
    x <- as.double(seq_len(n))
    s$x <- x
    y <- s$x
    expect_identical(sum(y), sum(x))
    at <- seq(1, n, by = 97)
    y[at] <- -1
    x[at] <- -1
    expect_identical(y[rev(at)], x[rev(at)])
    expect_true(identical(y, x))
    expect_lte(ufo_stats()$resident, 8 * mb)
    expect_gt(ufo_stats()$evictions_dirty, 0)
    s$x <- y
    expect_true(identical(s$x, x))
  })
})

test_that("results that are never put back do not grow the store", {
  with_budget("8MB", {
    s <- new_store()
    s$x <- noise(4e6)
    size <- file.size(path_of(s))
    for (i in 1:2) sum(exp(s$x))
    expect_lte(file.size(path_of(s)), size)
  })
})

test_that("views that nobody refers to are released", {
  s <- new_store()
  s$x <- 1:10
  for (i in 1:5000) s$x[1]
  gc()
  expect_lt(ufo_stats()$views, 5000)
  views <- lapply(1:5000, function(i) s$x)
  expect_gte(ufo_stats()$views, 5000)
  expect_identical(views[[5000]], 1:10)
  rm(views)
  gc()
  expect_lt(ufo_stats()$views, 5000)
})

test_that("figures print readably", {
  out <- capture.output(print(ufo_stats()))
  expect_true(any(grepl("resident peak", out)))
  expect_true(all(c("budget", "resident", "dirty", "staged", "faults", "evictions", "waits", "broken") %in% names(ufo_stats())))
})

test_that("garbage collection under torture harms no view", {
  skip_on_cran() # it takes long
  s <- new_store()
  s$x <- structure(1:100, note = "n")
  s$frame <- iris[1:5, ]
  gctorture(TRUE)
  x <- s$x
  y <- x
  y[1] <- 0L
  s$x <- y
  frame <- s$frame
  s$words <- c("a", "b")
  words <- s$words
  gctorture(FALSE)
  expect_identical(s$x, structure(c(0L, 2:100), note = "n"))
  expect_identical(frame, iris[1:5, ])
  expect_identical(words, c("a", "b"))
})
