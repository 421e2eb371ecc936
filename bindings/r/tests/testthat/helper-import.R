# Files to import, and what comes of them.

csv_file <- function(text, extension = ".csv") {
  file <- tempfile("import-", fileext = extension)
  writeBin(if (is.raw(text)) text else charToRaw(enc2utf8(text)), file)
  file
}

# The data frame that a file becomes, in memory.
imported <- function(file, ...) {
  s <- new_store()
  on.exit(ufo_close(s))
  ufo_import(s, file, "t", ...)
  ufo_materialize(s$t)
}
imported_text <- function(text, ...) imported(csv_file(text), ...)

imported_column <- function(values, ...) imported_text(paste0(c("x", values, ""), collapse = "\n"), ...)$x

utc <- function(text) as.POSIXct(text, tz = "UTC")

# A function of the package is replaced while code runs.
with_replaced <- function(name, value, code) {
  space <- asNamespace("ufostore")
  old <- get(name, space)
  assign_locked(name, value, space)
  on.exit(assign_locked(name, old, space))
  force(code)
}
assign_locked <- function(name, value, space) {
  unlockBinding(name, space)
  assign(name, value, space)
  lockBinding(name, space)
}

# Blocks of a thousand elements.
with_small_blocks <- function(code) {
  old <- options(ufostore.import_block = 8 * 1000)
  on.exit(options(old))
  force(code)
}

# Progress that calls act() once the given share is done.
acting_meter <- function(share, act) {
  function(total) {
    list(show = function(done) if (done >= share * total) act(), close = function() NULL)
  }
}

# Rows of a file of about so many bytes, the same ones again and again.
large_csv <- function(bytes) {
  set.seed(5)
  rows <- 20000
  block <- sprintf(
    "%d,%.3f,%s,%s,word %d", sample(1e6, rows), rnorm(rows), sample(c("TRUE", "FALSE", ""), rows, TRUE),
    format(as.Date("2020-01-01") + sample(1000, rows, TRUE)), sample(3000, rows, TRUE)
  )
  block <- paste0(paste(block, collapse = "\n"), "\n")
  times <- ceiling(bytes / nchar(block))
  file <- tempfile("large-", fileext = ".csv")
  connection <- file(file, "wb")
  on.exit(close(connection))
  cat("id,value,flag,day,text\n", file = connection)
  for (i in seq_len(times)) cat(block, file = connection)
  list(file = file, rows = rows * times)
}

# A table of `n` rows with every kind of column that a CSV file can hold.
any_table <- function(n) {
  some <- function(values) values[sample(length(values), n, TRUE)]
  missing <- function(x) {
    x[sample(n, n %/% 4)] <- NA
    x
  }
  words <- c(
    "plain", "two words", "with, comma", "a \"quote\"", "\"", "line\nend", "car\r\nriage", "tab\tin", "semi;colon", " lead", "trail ",
    "\u00e9t\u00e9", "\u65e5\u672c\u8a9e", "'single'", "#", "-", "1x", "NAN?", ",", "\n", "TRUEish", "2020-02-30", "back\\slash"
  )
  t <- data.frame(
    i = missing(some(c(-5:5, .Machine$integer.max))), d = missing(some(c(0.5, -1.25, 1e10, 1e-7, 123456.789, 2^31, 1e300, -3))),
    l = missing(some(c(TRUE, FALSE))), c = missing(some(words)),
    day = missing(as.Date("1999-12-30") + sample(5000, n, TRUE)),
    time = missing(utc("1970-01-01 00:00:00") + sample(1e9, n, TRUE))
  )
  # Each column shows its type.
  t$i[1] <- 7L
  t$d[1] <- 0.5
  t$l[1] <- TRUE
  t$c[1] <- "text"
  t$day[1] <- as.Date("2001-02-03")
  t$time[1] <- utc("2001-02-03 04:05:06")
  t
}

# Files to export to, and what is in them.
exported <- function(x, ..., extension = ".csv") {
  file <- tempfile("export-", fileext = extension)
  ufo_export(x, file, ...)
  file
}
exported_text <- function(x, ...) {
  file <- exported(x, ...)
  rawToChar(readBin(file, "raw", file.size(file)))
}

exported_files <- function(file) list.files(dirname(file), paste0("^", basename(file)))

# Where no file may be larger than 200 blocks of 1 KiB.
expect_export_refused_when_full <- function(extensions) {
  s <- new_store()
  s$x <- noise(1e5)
  path <- path_of(s)
  ufo_close(s)
  for (extension in extensions) {
    file <- tempfile("full", fileext = extension)
    script <- tempfile(fileext = ".R")
    writeLines(c(
      "library(ufostore)", sprintf("s <- ufo_open(%s, 'r')", deparse(path)),
      sprintf("r <- tryCatch(ufo_export(s, %s, name = 'x'), error = function(e) 'refused')", deparse(file)), "cat(r)"
    ), script)
    command <- sprintf("ulimit -f 200; trap '' XFSZ; %s --vanilla %s", shQuote(file.path(R.home("bin"), "Rscript")), shQuote(script))
    libraries <- paste0("R_LIBS=", paste(.libPaths(), collapse = ":"))
    out <- suppressWarnings(system2("bash", c("-c", shQuote(command)), stdout = TRUE, stderr = TRUE, env = libraries))
    expect_identical(out[[length(out)]], "refused", info = extension)
    expect_identical(exported_files(file), character(), info = extension)
  }
}
