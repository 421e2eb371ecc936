# Lazy vectors of several pieces, from a store with small chunks, beside the ordinary vectors they are made of.

# Runs code with pieces of 512 elements; no test has to wait for a progress bar.
with_small_pieces <- function(code) {
  old <- options(ufostore.piece = 4096, ufostore.progress = FALSE)
  on.exit(options(old))
  force(code)
}

# A stored vector as a lazy one; its store is closed, which it outlives.
stored_lazy <- function(x) {
  s <- new_store()
  on.exit(ufo_close(s))
  ufo_put(s, "x", x, chunk = "4KB")
  ufo_lazy(ufo_get(s, "x"))
}

# What code gives: its value, and the messages of its warnings in order; or "error".
outcome <- function(code) {
  warnings <- character()
  value <- tryCatch(
    withCallingHandlers(code, warning = function(w) {
      warnings <<- c(warnings, conditionMessage(w))
      invokeRestart("muffleWarning")
    }),
    error = function(e) structure(list(conditionMessage(e)), class = "failure")
  )
  list(value = ufo_materialize(value), warnings = sort(unique(warnings)))
}

# The same, mostly without a store, which would take most of the time: every tenth comes from one.
counter <- new.env()
any_lazy <- function(x) {
  counter$n <- (if (is.null(counter$n)) 0 else counter$n) + 1
  if (counter$n %% 10 == 1) stored_lazy(x) else ufo_lazy(x)
}

# f() of lazy vectors gives what it gives of ordinary ones.
expect_as_base <- function(f, ..., info = NULL, same_message = TRUE) {
  arguments <- list(...)
  lazy <- lapply(arguments, function(x) if (is.atomic(x) && !is.null(x) && length(x) != 1 && !is.character(x)) any_lazy(x) else x)
  expected <- outcome(do.call(f, arguments))
  got <- outcome(do.call(f, lazy))
  if (inherits(expected$value, "failure") && !same_message) {
    expect_s3_class(got$value, "failure")
  } else {
    expect_identical(got, expected, info = info)
  }
}

# `n` elements of a type with NA and extremes among them.
any_vector <- function(type, n, missing = TRUE) {
  x <- switch(
    type,
    logical = sample(c(TRUE, FALSE), n, TRUE),
    integer = sample(c(-3:3, .Machine$integer.max, -.Machine$integer.max), n, TRUE),
    double = sample(c(-2.5, -1, -0, 0, 0.1, 1, 3, 1e300, Inf, -Inf, rnorm(5)), n, TRUE),
    complex = complex(real = rnorm(n), imaginary = sample(c(0, 1, -1), n, TRUE)),
    raw = as.raw(sample(0:255, n, TRUE))
  )
  if (missing && n > 0 && type != "raw") x[sample(n, ceiling(n / 20))] <- NA
  if (missing && n > 0 && type == "double") x[sample(n, ceiling(n / 30))] <- NaN
  x
}

# Peaks are those of the whole process, as the system saw it: VmHWM, set back by writing 5 to clear_refs.
status_bytes <- function(field) {
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024
}
peak_bytes <- function(code) {
  gc(full = TRUE)
  writeLines("5", "/proc/self/clear_refs")
  force(code)
  status_bytes("VmHWM")
}
