# rswap.R OUT [OPTION...] CORPUS...: runs R scripts on ordinary vectors and on stored ones, and compares what they did.
#
#   examples:PACKAGE     the examples of the help pages of an installed package
#   tests:FOLDER         the scripts in a folder, which they run in a copy of
#   testthat:FOLDER      the tests of an installed package, of which the sources are in a folder
#   FILE.R               one script
#   --form=FORM          forms of the stored vectors: see swapped/swap.R of the R package's tests (default: each)
#   --where=WHERE        values, everywhere or inside: see swapped/run.R there (default: inside)
#   --only=PATTERN       only scripts whose name matches
#   --minutes=NUMBER     that one run of a corpus may take (default: 20)
#
# Each difference is printed, and what was compared is in the folder OUT. What differs from one ordinary run to the next is
# not compared; what may differ is listed, with the reason, in swapped/differences.txt. Exit status 1 if anything else does.
arguments <- commandArgs(trailingOnly = TRUE)
option <- function(name, default) {
  given <- grep(paste0("^--", name, "="), arguments, value = TRUE)
  if (length(given) == 0) default else sub("^[^=]*=", "", given[length(given)])
}
form <- option("form", "each")
where <- option("where", "inside")
only <- option("only", "")
minutes <- as.numeric(option("minutes", "20"))
arguments <- arguments[!startsWith(arguments, "--")]
root <- dirname(dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))))
swapped <- file.path(root, "bindings/r/tests/testthat/swapped")
out <- arguments[1]
dir.create(out, showWarnings = FALSE, recursive = TRUE)
out <- normalizePath(out)
# Copies, so that an edit meanwhile does not make runs differ.
invisible(file.copy(file.path(swapped, c("swap.R", "run.R", "testthat.R")), out, overwrite = TRUE))

# ---- corpora -----------------------------------------------------------------------------------------------------------

example_scripts <- function(package, folder) {
  dir.create(folder, showWarnings = FALSE, recursive = TRUE)
  pages <- tools::Rd_db(package)
  for (page in names(pages)) {
    file <- file.path(folder, sub("[.]Rd$", ".R", page))
    tools::Rd2ex(pages[[page]], file)
    if (file.exists(file)) writeLines(c(paste0("library(", package, ")"), readLines(file)), file)
  }
  sort(list.files(folder, full.names = TRUE))
}

corpus_of <- function(what) {
  path <- sub("^(tests|testthat):", "", what)
  name <- basename(path)
  if (name == "tests") name <- paste0(basename(dirname(path)), "-tests")
  name <- gsub("[^A-Za-z0-9.]+", "-", name)
  folder <- file.path(out, name)
  unlink(folder, recursive = TRUE)
  dir.create(folder)
  kind <- sub(":.*", "", what)
  rest <- sub("^[a-z]*:", "", what)
  scripts <- switch(kind, examples = example_scripts(rest, file.path(folder, "scripts")),
                    tests = sort(list.files(rest, "[.][Rr](in)?$", full.names = TRUE)),
                    testthat = sort(list.files(file.path(rest, "tests/testthat"), "^test.*[.][Rr]$", full.names = TRUE)),
                    normalizePath(what))
  if (nzchar(only)) scripts <- grep(only, scripts, value = TRUE)
  list(name = name, folder = folder, scripts = scripts,
       package = if (kind == "testthat") read.dcf(file.path(rest, "DESCRIPTION"), "Package")[1] else "",
       beside = switch(kind, tests = rest, testthat = file.path(rest, "tests/testthat")))
}

# ---- runs --------------------------------------------------------------------------------------------------------------

# Writes down what the scripts did, those behind one that ended its process in another one.
run <- function(corpus, form, where, name) {
  list_file <- file.path(corpus$folder, "scripts.txt")
  writeLines(corpus$scripts, list_file)
  transcript <- file.path(corpus$folder, paste0(name, ".txt"))
  unlink(transcript)
  work <- file.path(corpus$folder, name)
  dir.create(work)
  # Of processes that end early the files are left. In memory, because each vector is a commit.
  scratch <- tempfile("rswap-", tmpdir = if (file.access("/dev/shm", 2) == 0) "/dev/shm" else tempdir())
  dir.create(scratch)
  on.exit(unlink(c(work, scratch), recursive = TRUE))
  if (!is.null(corpus$beside)) file.copy(list.files(corpus$beside, full.names = TRUE), work, recursive = TRUE)
  next_one <- 1
  ends <- Sys.time() + 60 * minutes
  repeat {
    seconds <- ceiling(as.numeric(difftime(ends, Sys.time(), units = "secs")))
    if (seconds <= 0) break
    status <- system(sprintf(
      paste("cd %s && UFO_SWAP_SCRATCH=%s UFO_SWAP_FORM=%s UFO_SWAP_WHERE=%s UFO_SWAP_PACKAGE=%s NOT_CRAN=true LC_ALL=C.UTF-8",
            "TZ=UTC exec timeout %d Rscript --no-init-file --no-environ %s %s %d </dev/null >>%s 2>&1"),
      shQuote(work), shQuote(scratch), form, where, corpus$package, seconds, shQuote(file.path(out, "run.R")),
      shQuote(list_file), next_one, shQuote(transcript)
    ))
    lines <- readLines(transcript, warn = FALSE)
    begun <- grep("^@@@ [0-9]+ ", lines, value = TRUE, useBytes = TRUE)
    if (any(grepl("^@@@ end", lines, useBytes = TRUE)) || length(begun) == 0) break
    cat(sprintf("!!! ended with status %d\n", status), file = transcript, append = TRUE)
    next_one <- as.integer(sub("^@@@ ([0-9]+) .*", "\\1", begun[length(begun)])) + 1
    if (next_one > length(corpus$scripts)) break
  }
  transcript
}

# ---- comparison --------------------------------------------------------------------------------------------------------

# What differs from process to process without anything being wrong.
normal <- function(lines) {
  lines <- gsub("0x[0-9a-f]+", "0x", lines, useBytes = TRUE)
  lines <- gsub("(plain|swap)[0-9]?-(values|everywhere|inside)", "RUN", lines, useBytes = TRUE)
  lines <- gsub("/tmp/Rtmp[A-Za-z0-9]+", "TMP", lines, useBytes = TRUE)
  gsub("(file|Rf|gg)[0-9a-f]{8,}", "FILE", lines, useBytes = TRUE)
}

# A list by script and number of expression: "SCRIPT#NUMBER".
expressions <- function(transcript) {
  lines <- normal(readLines(transcript, warn = FALSE))
  Encoding(lines) <- "bytes"
  is_script <- grepl("^@@@ [0-9]", lines, useBytes = TRUE)
  scripts <- c("", basename(sub("^@@@ [0-9]+ ", "", lines[is_script], useBytes = TRUE)))[cumsum(is_script) + 1]
  is_expression <- grepl("^@@ [0-9]", lines, useBytes = TRUE)
  number <- integer(length(lines))
  number[is_expression] <- as.integer(sub("^@@ ([0-9]+) .*", "\\1", lines[is_expression], useBytes = TRUE))
  at <- 0
  for (i in seq_along(lines)) {
    if (is_script[i]) at <- 0
    if (is_expression[i]) at <- number[i]
    number[i] <- at
  }
  keep <- !startsWith(lines, "@@@")
  split(lines[keep], factor(paste0(scripts, "#", number)[keep], unique(paste0(scripts, "#", number)[keep])))
}

allowed <- local({
  lines <- grep("^[^#]", readLines(file.path(swapped, "differences.txt")), value = TRUE)
  sub("[ \t]+[^ \t].*", "", lines)
})
is_allowed <- function(key) any(vapply(allowed, function(pattern) grepl(pattern, key), NA))

views <- 0
compare <- function(corpus, where) {
  scripts <- length(corpus$scripts)
  files <- parallel::mclapply(c(plain = "none", swap = form), function(form) {
    run(corpus, form, where, paste0(if (form == "none") "plain-" else "swap-", where))
  }, mc.cores = 2)
  swap_file <- files$swap
  plain <- expressions(files$plain)
  swap <- expressions(swap_file)
  # What one run did not come to, because its process ended or time was up, is one difference, however much it is.
  missing <- setdiff(names(plain), names(swap))
  unfinished <- c(missing, setdiff(names(swap), names(plain)))
  differ <- Filter(function(key) !identical(plain[[key]], swap[[key]]), intersect(names(plain), names(swap)))
  if (length(differ) > 0) {
    # Once more without, of the scripts that differ.
    corpus$scripts <- corpus$scripts[basename(corpus$scripts) %in% sub("#.*", "", differ)]
    again <- expressions(run(corpus, "none", where, paste0("plain2-", where)))
    volatile <- Filter(function(key) !identical(plain[[key]], again[[key]]), differ)
    differ <- setdiff(differ, volatile)
  } else {
    volatile <- character()
  }
  forgiven <- Filter(is_allowed, differ)
  differ <- setdiff(differ, forgiven)
  writeLines(volatile, file.path(corpus$folder, paste0("volatile-", where, ".txt")))
  lines <- readLines(swap_file, warn = FALSE)
  made <- as.numeric(sub("^@@@ made ", "", grep("^@@@ made [0-9]+$", lines, value = TRUE, useBytes = TRUE)))
  text <- character()
  for (key in differ) {
    a <- plain[[key]]
    b <- swap[[key]]
    text <- c(text, paste0("---- ", corpus$name, " ", where, " ", key), a[1],
              paste("<", utils::head(a[!(a %in% b)], 12)), paste(">", utils::head(b[!(b %in% a)], 12)))
  }
  if (length(unfinished) > 0) {
    text <- c(text, paste("----", corpus$name, where, "not reached:", length(missing), "expressions on stored vectors,",
                          length(unfinished) - length(missing), "on ordinary ones, from", unfinished[1], "on"))
  }
  writeLines(text, file.path(corpus$folder, paste0("differences-", where, ".txt")), useBytes = TRUE)
  writeLines(text, useBytes = TRUE)
  held <- sum(lines == "== success")
  # A run that came to nothing is no success.
  idle <- sum(made) == 0 || (nzchar(corpus$package) && held == 0)
  if (idle) cat("---- ", corpus$name, " ", where, ": nothing was stored, or no expectation held\n", sep = "")
  count <- length(differ) + (length(unfinished) > 0) + idle
  cat(sprintf("%s, %s: %d scripts, %d %s, %.0f views, %d volatile, %d forgiven, %d differ\n", corpus$name, where, scripts,
              length(plain), if (nzchar(corpus$package)) sprintf("tests, %d expectations hold", held) else "expressions",
              sum(made), length(volatile), length(forgiven), count))
  count
}

corpora <- lapply(arguments[-1], corpus_of)
counts <- lapply(corpora, function(corpus) tryCatch(compare(corpus, where), error = identity))
bad <- !vapply(counts, is.numeric, NA)
for (problem in counts[bad]) cat("cannot compare: ", conditionMessage(problem), "\n", sep = "")
quit(status = as.integer(any(bad) || sum(unlist(counts[!bad])) > 0))
