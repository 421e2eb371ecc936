# rtests.R TESTS FIGURES [PATTERN]: runs a testthat folder against the installed package, two files at a time.
#
# Writes to FIGURES one line "passed failed skipped", counting each test_that() once, then a line per skipped test with
# its reason. Exit status 1 if any failed. With PATTERN only the tests are counted whose file or name matches it, and
# only files run that may have such.
arguments <- commandArgs(trailingOnly = TRUE)
tests <- normalizePath(arguments[1])
pattern <- if (length(arguments) >= 3 && nzchar(arguments[3])) arguments[3]
# The tests that take long, too, if the caller says nothing: `R CMD check` does without them.
if (Sys.getenv("NOT_CRAN") == "") Sys.setenv(NOT_CRAN = "true")

# The longest first, as far as their length tells.
files <- list.files(tests, "^test-.*[.]R$", full.names = TRUE)
files <- files[order(-file.size(files))]
if (!is.null(pattern)) {
  may_match <- function(file) grepl(pattern, basename(file)) || any(grepl(pattern, readLines(file)))
  files <- Filter(may_match, files)
}

run <- function(file) {
  cat(basename(file), "begins\n") # what the last of them is, should R crash
  library(testthat)
  library(ufostore)
  said <- capture.output(
    results <- test_file(file, package = "ufostore", load_package = "installed", reporter = check_reporter(),
                         stop_on_failure = FALSE, stop_on_warning = FALSE)
  )
  list(said = said, table = as.data.frame(results))
}

# R starts workers as jobs in the background, which are born deaf to the interrupts that tests send to themselves.
rscript <- tempfile("Rscript-")
writeLines(c("#!/bin/sh", paste("exec env --default-signal=INT", shQuote(file.path(R.home("bin"), "Rscript")), '"$@"')), rscript)
Sys.chmod(rscript, "755")
cluster <- parallel::makePSOCKcluster(2, outfile = "", useXDR = FALSE, rscript = rscript)
ran <- parallel::clusterApplyLB(cluster, files, run)
parallel::stopCluster(cluster)

table <- do.call(rbind, lapply(ran, `[[`, "table"))
if (!is.null(pattern) && !is.null(table)) table <- table[grepl(pattern, paste(table$file, table$test)), , drop = FALSE]
bad <- table$failed > 0 | table$error
skipped <- table$skipped & !bad
writeLines(c(paste(sum(!bad & !skipped), sum(bad), sum(skipped)), table$test[skipped]), arguments[2])
options(width = 160)
if (NROW(table) > 0) {
  print(table[order(-table$real), c("file", "test", "nb", "failed", "skipped", "error", "real")], row.names = FALSE)
}
for (one in ran) {
  if (any(one$table$failed > 0 | one$table$error)) writeLines(one$said) # last, where they are looked for
}
quit(status = as.integer(any(bad)))
