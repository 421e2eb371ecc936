# cases.R - the R side of the benchmark: Rscript cases.R sum|loop|index STORE BUDGET
#
# Measures once and prints lines "KEY VALUE", which `ufostore bench` reads; it starts a process like this for each round,
# and has this file built in. STORE has the vector of doubles `x`, four times the budget (in bytes) long.
if (!requireNamespace("ufostore", quietly = TRUE)) quit(status = 3)
suppressPackageStartupMessages(library(ufostore))

arguments <- commandArgs(TRUE)
budget <- as.numeric(arguments[3])
ufo_memory(budget)
s <- ufo_open(arguments[2], "r")

seconds <- function(expression) {
  begin <- Sys.time()
  force(expression)
  as.numeric(Sys.time() - begin, units = "secs")
}
emit <- function(key, value) cat(key, sprintf("%.17g", value), "\n")

# Median times of two functions that take turns.
take_turns <- function(a, b, times = 7) {
  measured <- vapply(seq_len(times), function(k) c(seconds(a()), seconds(b())), c(0, 0))
  apply(measured[, -1, drop = FALSE], 1, median) # the first turn warms up
}

# A quarter of the budget, resident, and a copy of it as an ordinary vector.
resident <- function(x) x[seq_len(min(length(x), budget / 32))]

bench_sum <- function() {
  took <- seconds(total <- sum(s$x))
  plain <- resident(s$x)
  alone <- median(vapply(1:5, function(k) seconds(sum(plain)), 0))
  emit("ufostore", length(s$x) * 8 / took / 1e9)
  emit("plain", length(plain) * 8 / alone / 1e9)
  emit("sum", total)
}

bench_loop <- function() {
  loop <- compiler::cmpfun(function(x, n) {
    t <- 0
    for (i in seq_len(n)) t <- t + x[i]
    t
  })
  x <- s$x
  plain <- resident(x)
  n <- length(plain)
  stopifnot(identical(loop(x, n), loop(plain, n)), is_ufo(x), !is_ufo(plain))
  took <- take_turns(function() loop(x, n), function() loop(plain, n))
  emit("ufostore", took[1] / n * 1e9)
  emit("plain", took[2] / n * 1e9)
}

bench_index <- function() {
  x <- s$x
  plain <- resident(x)
  set.seed(1)
  i <- sample.int(length(plain), 1e6, replace = TRUE)
  stopifnot(identical(x[i], plain[i]), is_ufo(x), !is_ufo(plain))
  took <- take_turns(function() x[i], function() plain[i])
  emit("ufostore", took[1] * 1e3)
  emit("plain", took[2] * 1e3)
}

switch(arguments[1], sum = bench_sum(), loop = bench_loop(), index = bench_index(), stop("which case?"))
ufo_close(s)
