# rtests.R TESTS FIGURES [PATTERN]: runs a testthat folder against the installed package.
#
# Writes to FIGURES one line "passed failed skipped", counting each test_that() once, then a line per skipped test with
# its reason. Exit status 1 if any failed.
arguments <- commandArgs(trailingOnly = TRUE)
pattern <- if (length(arguments) >= 3 && nzchar(arguments[3])) arguments[3]
# The tests that take long, too, if the caller says nothing: `R CMD check` does without them.
if (Sys.getenv("NOT_CRAN") == "") Sys.setenv(NOT_CRAN = "true")
library(testthat)
library(ufostore)

results <- test_dir(arguments[1], filter = NULL, package = "ufostore", load_package = "installed",
                    reporter = check_reporter(), stop_on_failure = FALSE, stop_on_warning = FALSE)
table <- as.data.frame(results)
if (!is.null(pattern)) table <- table[grepl(pattern, paste(table$file, table$test)), , drop = FALSE]

bad <- table$failed > 0 | table$error
skipped <- table$skipped & !bad
writeLines(c(paste(sum(!bad & !skipped), sum(bad), sum(skipped)), table$test[skipped]), arguments[2])
if (nrow(table) > 0) print(table[order(-table$real), c("file", "test", "nb", "failed", "skipped", "error", "real")], row.names = FALSE)
quit(status = as.integer(any(bad)))
