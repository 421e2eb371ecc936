# allocations.R - what operations of R allocate and take on stored vectors: Rscript allocations.R [MEGABYTES]
#
# Prints a Markdown table. For each operation: the most memory that R's own vectors took beyond what was there before, in
# multiples of the stored vector, which does not depend on the budget; and the time, in multiples of that on an ordinary
# vector of the same values: once with a budget that holds the whole view, once with one that holds a quarter. Medians of
# three. The file is in the page cache.
suppressPackageStartupMessages(library(ufostore))

arguments <- commandArgs(TRUE)
megabytes <- if (length(arguments) > 0) as.numeric(arguments[1]) else 64
n <- megabytes * 2^20 / 8

path <- tempfile(fileext = ".ufo")
s <- ufo_open(path)
set.seed(1)
s$x <- round(runif(n, 3, 80), 2)
s$g <- factor(sample(letters, n, TRUE))
budgets <- paste0(c(2, 1 / 4) * megabytes, "MB")
ufo_memory(budgets[1])
plain <- list(x = ufo_materialize(s$x), g = ufo_materialize(s$g))

operations <- list(
  "Free" = NULL,
  "`length(x)`, `str(x)`, `head(x)`, `x[5]`" = quote({ str(x); head(x); x[5] }),
  "`data.frame(x, g)`, `list(x)`" = quote(data.frame(x, g)),
  "`sum(x)`, `mean(x)`" = quote(mean(x)),
  "`min(x)`, `max(x)`" = quote(max(x)),
  "`var(x)`, `cor(x, x)`" = quote(var(x)),
  "`y <- x; y[1] <- 0`" = quote({ y <- x; y[1] <- 0 }),
  "`crossprod(x)`" = quote(crossprod(x)),
  "A result as long as the vector" = NULL,
  "`x > 50`, `is.na(x)`" = quote(x > 50),
  "`x + 1`, `exp(x)`" = quote(x + 1),
  "`cumsum(x)`" = quote(cumsum(x)),
  "`x[x > 70]`" = quote(x[x > 70]),
  "`rev(x)`" = quote(rev(x)),
  "`sort(x)`" = quote(sort(x)),
  "`order(x)`" = quote(order(x)),
  "`ifelse(x > 50, 1, 0)`" = quote(ifelse(x > 50, 1, 0)),
  "`diff(x)`" = quote(diff(x)),
  "Summaries that copy" = NULL,
  "`range(x)`" = quote(range(x)),
  "`median(x)`" = quote(median(x)),
  "`quantile(x)`" = quote(quantile(x)),
  "`summary(x)`" = quote(summary(x)),
  "`unique(x)`" = quote(unique(x)),
  "`table(g)`" = quote(table(g)),
  "`tapply(x, g, mean)`" = quote(tapply(x, g, mean)),
  "`hist(x, plot = FALSE)`" = quote(hist(x, plot = FALSE)),
  "`cut(x, 10)`" = quote(cut(x, 10)),
  "`lm(x ~ g)`" = quote(lm(x ~ g)),
  "`print(g)` of a factor" = quote(print(g))
)
# They go over the vector in the order of its values, so beyond the budget each element may be a fault: use ufo_lazy().
never_beyond <- c("`sort(x)`", "`order(x)`")

# Vectors of R, in bytes: the most since the last call with reset = TRUE.
peak <- function(reset = FALSE) gc(reset = reset, full = TRUE)[2, if (reset) 2 else 6] * 2^20

measure <- function(operation, values) {
  x <- values$x
  g <- values$g
  before <- peak(reset = TRUE)
  seconds <- system.time(capture.output(invisible(eval(operation))))[["elapsed"]]
  c(seconds = seconds, bytes = max(0, peak() - before))
}
times <- function(seconds, of) if (of < 0.002) "" else format(round(seconds / of, 1), nsmall = 1)
rows <- lapply(names(operations), function(label) {
  operation <- operations[[label]]
  if (is.null(operation)) return(c(paste0("**", label, "**"), "", "", ""))
  message(label)
  rounds <- function(values) apply(replicate(3, measure(operation, values())), 1, median)
  stored <- function(budget) {
    ufo_memory(budget)
    rounds(function() list(x = s$x, g = s$g))
  }
  of <- rounds(function() plain)[["seconds"]]
  within <- stored(budgets[1])
  beyond <- if (label %in% never_beyond) "minutes" else times(stored(budgets[2])[["seconds"]], of)
  c(label, format(round(within[["bytes"]] / (8 * n), 1), nsmall = 1), times(within[["seconds"]], of), beyond)
})
cat("| operation | R allocates, times the vector | time within the budget, times that of an ordinary vector | beyond it |\n")
cat("|---|---|---|---|\n")
for (row in rows) cat("| ", paste(row, collapse = " | "), " |\n", sep = "")
ufo_close(s)
unlink(c(path, paste0(path, "-lock")))
