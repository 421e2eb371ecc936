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

# A table with columns of all kinds, some of them with NA.
any_frame <- function(n) {
  data.frame(
    a = sample(c(1:7, NA), n, TRUE), b = round(rnorm(n), 1), g = factor(sample(c("x", "y", "z", NA), n, TRUE), c("z", "x", "y")),
    day = as.Date("2026-01-01") + sample(90, n, TRUE), ok = sample(c(TRUE, FALSE), n, TRUE),
    town = sample(c("Ume\u00e5", "Aarhus and around", "Oslo", "", NA), n, TRUE)
  )
}

stored_frame <- function(df) {
  s <- new_store()
  on.exit(ufo_close(s))
  ufo_put(s, "df", df, chunk = "4KB")
  ufo_lazy(ufo_get(s, "df"))
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
  lazy <- lapply(arguments, function(x) if (is.atomic(x) && !is.null(x) && length(x) != 1) any_lazy(x) else x)
  expected <- outcome(do.call(f, arguments))
  got <- outcome(do.call(f, lazy))
  if (inherits(expected$value, "failure") && !same_message) {
    expect_s3_class(got$value, "failure")
  } else {
    expect_identical(got, expected, info = info)
  }
}

# Short ones, which are in their words, and long ones; of all encodings, and equal ones of two.
latin1 <- "caf\xe9 au lait"
Encoding(latin1) <- "latin1"
some_strings <- c(
  "", "a", "B", "b", "A", "NA", "7", "-1.5e3", "TRUE", "seven b", "eight by", "a rather long string", "A rather long string",
  "\u00e9t\u00e9", "z\u00fcrich am see", "\u4e2d\u6587\u5b57\u7b26\u4e32", latin1, enc2utf8(latin1), strrep("xyz", 50)
)

# `n` elements of a type with NA and extremes among them.
any_vector <- function(type, n, missing = TRUE) {
  x <- switch(
    type,
    logical = sample(c(TRUE, FALSE), n, TRUE),
    integer = sample(c(-3:3, .Machine$integer.max, -.Machine$integer.max), n, TRUE),
    double = sample(c(-2.5, -1, -0, 0, 0.1, 1, 3, 1e300, Inf, -Inf, rnorm(5)), n, TRUE),
    complex = complex(real = rnorm(n), imaginary = sample(c(0, 1, -1), n, TRUE)),
    raw = as.raw(sample(0:255, n, TRUE)),
    character = sample(some_strings, n, TRUE)
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
skip_under_sanitizer <- function() skip_if(grepl("asan", Sys.getenv("LD_PRELOAD")), "the sanitizer's own memory would be counted")
skip_long_without_peaks <- function() {
  skip_on_cran()
  skip_under_sanitizer()
  skip_if_not(file.access("/proc/self/clear_refs", 2) == 0, "the peak of memory cannot be set back here")
}
peak_bytes <- function(code) {
  gc(full = TRUE)
  writeLines("5", "/proc/self/clear_refs")
  force(code)
  status_bytes("VmHWM")
}

# Calls `[` or `[<-` of a lazy vector and of an ordinary one.
expect_same_part <- function(x, i, info) expect_identical(outcome(any_lazy(x)[i])$value, outcome(x[i])$value, info = info)
expect_same_assignment <- function(x, i, value, info) {
  assign_into <- function(x, i) {
    x[i] <- value
    x
  }
  expected <- outcome(assign_into(x, i))
  got <- outcome(assign_into(any_lazy(x), i))
  if (inherits(expected$value, "failure")) expect_true(inherits(got$value, "failure"), info = info)
  else expect_identical(got, expected, info = info)
}

# A subscript of each kind into `n` elements.
subscripts <- function(n) {
  m <- max(n, 1)
  list(
    positive = sample(m, 700, TRUE), one = 1L, none = integer(), zeros = c(0, 3, 0, 1), behind = c(1, n + 1, n + 5),
    missing = c(2, NA, 1), negative = -sample(m, 100, TRUE), negative_behind = c(-1, -(n + 3)), fractions = c(1.9, 2.2),
    minus_half = c(-0.5, 1), logical = sample(c(TRUE, FALSE), n, TRUE), with_na = sample(c(TRUE, FALSE, NA), n, TRUE),
    short = c(TRUE, FALSE, FALSE), all = TRUE, na = NA, no = FALSE, long = rep(c(TRUE, FALSE), length.out = n + 10),
    range = seq_len(n), backwards = rev(seq_len(n)), factor = factor(c("b", "a")), text = c("a", "b"), null = NULL,
    mixed = c(-1, 1), negative_na = c(-1, NA), double = as.double(sample(m, 600, TRUE))
  )
}
