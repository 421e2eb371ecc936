# A new store in the session's temporary folder, which R removes at its end.
new_path <- function() tempfile("store-", fileext = ".ufo")
new_store <- function(path = new_path()) ufo_open(path, mode = "create")

# Puts `x`, reads it back through a second handle, and expects no difference that R can see.
expect_round_trip <- function(x, info = deparse(substitute(x))) {
  s <- new_store()
  ufo_put(s, "x", x)
  ufo_close(s)
  s <- ufo_open(path_of(s), mode = "r")
  y <- ufo_get(s, "x")
  expect_true(identical(y, x), info = info)
  expect_identical(attributes(y), attributes(x), info = info)
  expect_identical(isS4(y), isS4(x), info = info)
  expect_identical(is.object(y), is.object(x), info = info)
  ufo_close(s)
}

# Evaluates code while R serializes the values of views ("value") or references to them ("reference").
serializing <- function(how, code) {
  old <- options(ufostore.serialize = how)
  on.exit(options(old))
  force(code)
}
value_bytes <- function(x) serializing("value", serialize(x, NULL))

# Elements of `bytes` bytes that fill three chunks of 64 KiB and a bit.
three_chunks <- function(bytes) 3 * 65536 / bytes + 17

# Doubles whose chunks cannot be compressed.
noise <- function(n) {
  set.seed(20)
  runif(n)
}

path_of <- function(store) ufostore:::store_path(store)

# Evaluates `code` in a new R process with this package; gives its standard output.
in_new_session <- function(code, variables = character()) {
  script <- tempfile(fileext = ".R")
  writeLines(c("library(ufostore)", code), script)
  command <- file.path(R.home("bin"), "Rscript")
  variables <- c(variables, paste0("R_LIBS=", paste(.libPaths(), collapse = ":")))
  # A session that is killed makes system2() warn.
  suppressWarnings(system2(command, c("--vanilla", script), stdout = TRUE, stderr = TRUE, env = variables))
}

kb <- 1024
mb <- 1024^2

# Runs code with a memory budget of its own.
with_budget <- function(budget, code) {
  old <- ufo_memory(budget)
  on.exit(ufo_memory(old))
  force(code)
}
