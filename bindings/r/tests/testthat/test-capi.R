# C code of another package: the one in capi/ is built against the installed header, and used.

caller_package <- "ufocaller" # of the tests alone: no dependency
library_of_caller <- tempfile("library-")

built <- function() {
  if (dir.exists(library_of_caller)) return(invisible())
  dir.create(library_of_caller)
  source <- file.path(tempfile("source-"), caller_package)
  dir.create(source, recursive = TRUE)
  file.copy(list.files("capi", full.names = TRUE), source, recursive = TRUE)
  # R CMD check sets R_TESTS to a file that is not there for sessions elsewhere.
  variables <- c(paste0("R_LIBS=", paste(.libPaths(), collapse = ":")), "R_TESTS=")
  out <- suppressWarnings(system2(
    file.path(R.home("bin"), "R"), c("CMD", "INSTALL", "--no-test-load", paste0("--library=", library_of_caller), source),
    stdout = TRUE, stderr = TRUE, env = variables
  ))
  if (!is.null(attr(out, "status"))) stop(paste(out, collapse = "\n"))
  loadNamespace(caller_package, lib.loc = library_of_caller)
}
caller <- function(name) {
  built()
  getExportedValue(caller_package, name)
}

test_that("other packages' C code is told what a view is", {
  info <- caller("info")
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  expect_false(info(x))
  expect_false(info(NULL))
  expect_false(info(list(s$x)))
  y <- s$x
  y[1] <- 0
  expect_identical(info(y), list(
    length = as.double(length(x)), element_bytes = 8, chunk_bytes = 65536, chunk_count = 4, chunks_changed = 1,
    version = 1, path = path_of(s), name = "x", is_plain = FALSE, is_data = TRUE
  ))
  keep <- y
  attr(y, "unit") <- "m"
  expect_true(info(y)$is_data)
  s$l <- list(a = x, n = 1:10, r = as.raw(1:10))
  expect_identical(info(s$l$n)[c("length", "element_bytes", "is_data")], list(length = 10, element_bytes = 4, is_data = FALSE))
  expect_identical(info(s$l$r)$element_bytes, 1)
  s$c <- c("a", "b")
  expect_false(info(s$c))
  expect_identical(caller("advise")(s$c, 0, 1, 3), 0L)
  expect_identical(s$c, c("a", "b"))
  if (getRversion() < "4.5") expect_true(info(ufo_get(s, "x", form = "plain"))$is_plain)
})

test_that("it can pin what other threads and the kernel use, and advise", {
  sum_elsewhere <- caller("sum_elsewhere")
  advise <- caller("advise")
  s <- new_store()
  x <- noise(1e5)
  s$x <- x
  y <- s$x
  expect_equal(sum_elsewhere(y, 1000, 50000), sum(x[1001:51000]))
  expect_identical(ufo_stats()$pinned, 0)
  path <- tempfile()
  expect_identical(caller("write_bytes")(s$x, path), 8e5)
  expect_identical(readBin(path, "double", 2e5), x)
  for (advice in 0:4) expect_identical(advise(y, 0, length(y), advice), 1L)
  expect_identical(y[], x)
  y[1] <- 0
  expect_identical(advise(y, 0, length(y), 4), 1L)
  expect_identical(y[1:2], c(0, x[2]))
  expect_identical(advise(x, 0, 1, 3), 0L)
  for (range in list(c(0, 1e5 + 1), c(-1, 2), c(1e5 + 1, 0), c(1, -1))) {
    problem <- expect_error(advise(y, range[1], range[2], 3), class = "ufo_usage_error")
    expect_identical(problem$object, "x")
    expect_error(sum_elsewhere(y, range[1], range[2]), class = "ufo_usage_error")
  }
})

test_that("its errors are classed, and leave nothing pinned", {
  sum_elsewhere <- caller("sum_elsewhere")
  made <- damaged_store()
  s <- ufo_open(damaged_copy(made$path, made$pattern))
  expect_error(sum_elsewhere(s$x, 0, 10 * 8192), class = "ufo_corrupt_error")
  expect_identical(ufo_stats()$pinned, 0)
  expect_equal(sum_elsewhere(s$good, 0, 1000), sum(made$x[1:1000] / 2))
  expect_identical(caller("get_object")(s, "good"), made$x / 2)
  expect_true(is_ufo(caller("get_object")(s, "good")))
  expect_error(caller("get_object")(s, "bad"), class = "ufo_missing_error")
})
