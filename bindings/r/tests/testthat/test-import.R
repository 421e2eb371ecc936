test_that("a CSV file becomes a data frame, named after the file", {
  s <- new_store()
  file <- file.path(tempdir(), "my flowers.v2.csv")
  write.csv(iris, file, row.names = FALSE)
  expect_identical(withVisible(ufo_import(s, file)), list(value = "my flowers.v2", visible = FALSE))
  expect_identical(names(s), "my flowers.v2")
  expect_identical(s[["my flowers.v2"]], transform(iris, Species = as.character(Species)))
  ufo_import(s, file, "iris", factors = TRUE)
  expect_identical(s$iris, iris)
  expect_true(is_ufo(s$iris$Sepal.Length))
  expect_identical(ufo_info(s, "iris")$version, 1)
  ufo_append(s, "iris", iris[1:3, ])
  expect_identical(nrow(s$iris), 153L)
})

test_that("a column is of the first type that fits all of it", {
  expect_identical(imported_column(c("TRUE", "F", "NA", "true", "")), c(TRUE, FALSE, NA, TRUE, NA))
  expect_identical(imported_column(c("1", "-2147483647", "NA", " 7 ", "")), c(1L, -2147483647L, NA, 7L, NA))
  expect_identical(imported_column(c("1", "2147483648")), c(1, 2147483648))
  expect_identical(imported_column(c("1", "1.5", "1e-3", "Inf", "-inf", "NaN", "NA")), c(1, 1.5, 1e-3, Inf, -Inf, NaN, NA))
  expect_identical(imported_column(c("1", "9007199254740993")), c("1", "9007199254740993"))
  expect_identical(imported_column(c("1", "007")), c("1", "007"))
  expect_identical(imported_column(c("2020-02-29", "NA", "1899-12-31")), as.Date(c("2020-02-29", NA, "1899-12-31")))
  expect_identical(imported_column(c("2020-02-30", "NA")), c("2020-02-30", NA))
  expect_identical(
    imported_column(c("2020-02-29 12:30:15", "2020-02-29T12:30:15.25Z", "2020-02-29", "2020-02-29 01:00+02:00", "")),
    utc(c("2020-02-29 12:30:15", "2020-02-29 12:30:15", "2020-02-29 00:00:00", "2020-02-28 23:00:00", NA)) +
      c(0, 0.25, 0, 0, 0)
  )
  expect_identical(imported_column(c("2020-02-29 12:30", "noon")), c("2020-02-29 12:30", "noon"))
  expect_identical(imported_column(c("NA", "", "NA")), c(NA, NA, NA))
  expect_identical(imported_column(c("\"\"", "NA", "\"NA\"", "x", "")), c("", NA, "NA", "x", NA))
})

test_that("what comes late widens a column, and nothing becomes NA", {
  n <- 60000 # more than is read at a time
  column <- function(last) imported_column(c(format(seq_len(n), scientific = FALSE, trim = TRUE), last))
  expect_identical(column("7"), c(seq_len(n), 7L))
  expect_identical(column("0.5"), c(seq_len(n), 0.5))
  expect_identical(column("3000000000"), c(seq_len(n), 3e9))
  expect_identical(column("x"), c(format(seq_len(n), scientific = FALSE, trim = TRUE), "x"))
  expect_identical(column("NA"), c(seq_len(n), NA))
  expect_identical(imported_column(c(rep("2020-01-01", n), "later")), c(rep("2020-01-01", n), "later"))
  expect_identical(imported_column(c(rep("", n), "0")), c(rep(NA, n), 0L))
})

test_that("quotes hold anything, and line ends are LF or CRLF", {
  expected <- data.frame(a = c(1L, 2L), b = c("x, \"y\"", "two\nlines"))
  text <- "a,b\n1,\"x, \"\"y\"\"\"\n2,\"two\nlines\""
  expect_identical(imported_text(text), expected)
  expect_identical(imported_text(paste0(text, "\n")), expected)
  expect_identical(imported_text(paste0("\ufeff\n", text, "\n\n")), expected)
  expect_identical(imported_text(gsub("\"\n2", "\"\r\n2", sub("b\n", "b\r\n", text))), expected)
  expect_identical(imported_text("a;b\n1;2,5\n", dec = ","), data.frame(a = 1L, b = 2.5))
  expect_identical(imported(csv_file("a\tb\n1\tx, y\n", ".tsv")), data.frame(a = 1L, b = "x, y"))
  expect_identical(imported_text("a|b\n1|2\n", delim = "|"), data.frame(a = 1L, b = 2L))
  expect_identical(imported_text("1,2\n3,4\n", header = FALSE), data.frame(V1 = c(1L, 3L), V2 = c(2L, 4L)))
  expect_identical(imported_text("# a \"remark\nsecond\nx\n5\n", skip = 2), data.frame(x = 5L))
  expect_identical(imported_text(",x\n1,2\n"), data.frame(V1 = 1L, x = 2L))
  expect_identical(imported_text("a,b\n"), data.frame(a = logical(), b = logical()))
  expect_identical(imported_text("a\n1\n\n3\n"), data.frame(a = c(1L, NA, 3L)))
})

test_that("missing values are what na says", {
  expect_identical(imported_text("a,b\n.,x\n2,NA\n-9,\n", na.strings = c(".", "-9")), data.frame(a = c(NA, 2L, NA), b = c("x", "NA", "")))
  expect_identical(imported_text("a,b\n,x\n2,\n", na.strings = "NA"), data.frame(a = c(NA, 2L), b = c("x", "")))
  expect_identical(imported_text("a\nNA\n\"NA\"\nx\n", na.strings = character()), data.frame(a = c("NA", "NA", "x")))
})

test_that("types can be asked for, and must fit", {
  text <- "id,n,f,day,big,flag\n007,1,u,2020-01-01,9007199254740993,1\n8,2,v,,-5,0\n9,,u,2021-01-01,,1\n"
  t <- imported_text(text, col_types = c(id = "integer", n = "double", f = "factor", flag = "logical", big = "double"))
  expect_identical(t, data.frame(
    id = 7:9, n = c(1, 2, NA), f = factor(c("u", "v", "u")), day = as.Date(c("2020-01-01", NA, "2021-01-01")),
    big = c(9007199254740992, -5, NA), flag = c(TRUE, FALSE, TRUE)
  ))
  expect_identical(imported_text("a,b\n1,x\n", col_types = "character"), data.frame(a = "1", b = "x"))
  expect_identical(imported_text("a,b,c\n1,2,3\n", col_types = c("skip", "guess", "numeric")), data.frame(b = 2L, c = 3))
  expect_identical(imported_text("a,a\n1,2\n", col_types = list(a = "double")), structure(list(a = 1, a = 2), class = "data.frame", row.names = 1L))
  expect_identical(imported_column(c("2020-01-01", "1999-09-09"), col_types = "POSIXct"), utc(c("2020-01-01", "1999-09-09")))
  misfit <- function(type, value) {
    expect_error(imported_column(c("NA", value), col_types = type), "line 3, field 1: .* column 'x' was said to hold", class = "ufo_usage_error")
  }
  misfit("integer", "1.5")
  misfit("integer", "2147483648")
  misfit("double", "\"1,5\"")
  misfit("double", "x")
  misfit("logical", "yes")
  misfit("Date", "01.02.2020")
  misfit("POSIXct", "25:00")
  misfit("integer64", "9223372036854775808")
  expect_error(imported_text("a\n1\n", col_types = c(b = "double")), "no column 'b'", class = "ufo_usage_error")
  expect_error(imported_text("a\n1\n", col_types = c("double", "double")), "column 2", class = "ufo_usage_error")
  expect_error(imported_text("a\n1\n", col_types = "float"), "\"float\"", class = "ufo_usage_error")
  expect_error(imported_text("a\n1\n", col_types = "skip"), "no column of it is wanted", class = "ufo_usage_error")
})

test_that("integers of 64 bits come as integer64", {
  skip_if_not_installed("bit64")
  values <- c("9223372036854775807", NA, "-9223372036854775807", "0")
  expect_identical(imported_column(values, col_types = "integer64"), bit64::as.integer64(values))
})

test_that("levels grow, in the order in which they come", {
  n <- 40000
  values <- c(rep("b", n), rep("a", n), NA, "\u00e9", paste0("l", 1:3000), "b")
  f <- imported_column(values, factors = TRUE)
  expect_identical(f, factor(values, levels = unique(values[!is.na(values)])))
})

test_that("files in one-byte encodings and compressed files are read", {
  latin1 <- iconv("name\nJos\u00e9\nZo\u00eb\n", "UTF-8", "latin1", toRaw = TRUE)[[1]]
  expected <- data.frame(name = c("Jos\u00e9", "Zo\u00eb"))
  expect_identical(imported_text(latin1, encoding = "latin1"), expected)
  expect_identical(Encoding(imported_text(latin1, encoding = "latin1")$name), c("UTF-8", "UTF-8"))
  expect_error(imported_text(latin1), "line 2, field 1: is not UTF-8", class = "ufo_usage_error")
  expect_error(imported_text(latin1, encoding = "UTF-16"), "iconv", class = "ufo_unsupported_error")
  text <- paste0("name,x\n", strrep("Zo\u00eb,1\n", 3e5))
  for (open in list(bzfile, gzfile)) {
    file <- tempfile(fileext = ".csv.gz")
    connection <- open(file, "wb")
    writeBin(charToRaw(text), connection)
    close(connection)
    expect_identical(dim(imported(file)), c(300000L, 2L))
  }
  part <- tempfile(fileext = ".csv.gz")
  bytes <- readBin(file, "raw", file.size(file))
  bytes[length(bytes) %/% 2 + 0:20] <- as.raw(0)
  writeBin(bytes, part)
  s <- new_store()
  expect_error(ufo_import(s, part, "t"), "Cannot decompress .*gz", class = "ufo_io_error")
  writeBin(bytes[seq_len(length(bytes) %/% 2)], part)
  expect_error(ufo_import(s, part, "t"), "Cannot decompress .*gz", class = "ufo_io_error")
  expect_identical(names(s), character())
  expect_identical(list.files(tempdir(), "^ufostore-import-"), character())
})

test_that("files in UTF-16 with a byte order mark are read, as spreadsheets write them", {
  text <- "id;name\r\n1;Jos\u00e9\r\n2;\U1F600\r\n"
  expected <- data.frame(id = 1:2, name = c("Jos\u00e9", "\U1F600"))
  for (order in c("UTF-16LE", "UTF-16BE")) {
    bytes <- iconv(paste0("\ufeff", text), "UTF-8", order, toRaw = TRUE)[[1]]
    for (encoding in c("UTF-8", "UTF-16", order)) expect_identical(imported_text(bytes, delim = ";", encoding = encoding), expected)
    file <- csv_file(raw(), ".csv.gz")
    connection <- gzfile(file, "wb")
    writeBin(bytes, connection)
    close(connection)
    expect_identical(imported(file, delim = ";", encoding = "UTF-16"), expected)
    expect_error(imported_text(bytes[-(1:2)], delim = ";", encoding = order), "iconv -f UTF-16", class = "ufo_unsupported_error")
    expect_error(imported_text(bytes[-(1:2)], delim = ";"), "NUL|carriage return", class = "ufo_usage_error")
    expect_error(imported_text(bytes[-length(bytes)], delim = ";"), "within a character", class = "ufo_usage_error")
  }
  expect_identical(imported_text("\ufeffid\n1\n", encoding = "UTF-8-BOM"), data.frame(id = 1L))
})

test_that("na, which R takes for an abbreviation of name, is refused", {
  s <- new_store()
  expect_error(ufo_import(s, csv_file("a\n1\n"), na = "."), "na.strings", class = "ufo_usage_error")
  expect_error(ufo_import(s, csv_file("a\n1\n"), "t", na = "."), "na.strings", class = "ufo_usage_error")
  expect_identical(names(s), character())
})

test_that("what is wrong is told with its line, and nothing is stored", {
  s <- new_store()
  s$t <- 1:3
  refused <- function(text, message, class = "ufo_usage_error", ...) {
    expect_error(ufo_import(s, csv_file(text), "t", ...), message, class = class)
    expect_identical(list(names(s), s$t), list("t", 1:3))
  }
  refused("a,b\n1,2\n1,2,3\n", "line 3: 3 fields where the header has 2")
  refused("a,b\n1,2\n\"x\ny\",2\n3\n", "line 5: 1 field")
  refused("a,b\n1,2\"3\n", "line 2, field 2: a quote inside")
  refused("a,b\n3,\"4\n5,6\n", "line 2, field 2: a quote is opened here")
  refused("", "is empty")
  refused(as.raw(c(0x61, 0x0a, 0x00, 0x0a)), "NUL")
  refused("a\n1\n", "delimiter", delim = "ab")
  refused("a\n1\n", "header", header = NA)
  refused("a\n1\n", "unused argument", class = "error", separator = ";")
  expect_error(ufo_import(s, "no/such.csv"), "no such file", class = "ufo_missing_error")
  expect_error(ufo_import(s, csv_file("a\n", ".docx")), "cannot be told", class = "ufo_usage_error")
  expect_error(ufo_import(s, tempdir()), "folder", class = "ufo_usage_error")
  expect_error(ufo_import(s, "https://example.org/a.csv"), "download.file", class = "ufo_usage_error")
  expect_error(ufo_import(s, iris), "ufo_put", class = "ufo_usage_error")
  expect_error(ufo_import(s, csv_file("a\n1\n"), strrep("n", 400)), "300 bytes", class = "ufo_usage_error")
  path <- path_of(s)
  ufo_close(s)
  expect_error(ufo_import(s, csv_file("a\n1\n"), "t"), "closed", class = "ufo_usage_error")
  s <- ufo_open(path, mode = "r")
  expect_error(ufo_import(s, csv_file("a\n1\n"), "t"), "reading only", class = "ufo_usage_error")
})

test_that("tables that base R and data.table write come back, whatever is in them", {
  set.seed(11)
  for (round in 1:12) {
    t <- any_table(sample(c(1, 2, 17, 400), 1))
    t <- t[sample(ncol(t))]
    file <- tempfile(fileext = ".csv")
    write.csv(t, file, row.names = FALSE)
    expect_identical(imported(file), t, info = round)
    delim <- sample(c(";", "\t", "|"), 1)
    write.table(t, file, row.names = FALSE, sep = delim, qmethod = "double", na = "", eol = sample(c("\n", "\r\n"), 1))
    expect_identical(imported(file, delim = delim), t, info = round)
    if (!requireNamespace("data.table", quietly = TRUE)) next
    data.table::fwrite(t, file, na = sample(c("", "NA"), 1))
    expect_identical(imported(file), t, info = round)
  }
})

test_that("data.table reads the same table", {
  skip_if_not_installed("data.table")
  set.seed(12)
  for (round in 1:10) {
    t <- any_table(300)
    t$c <- sub("\"", "'", gsub("[\"\n\r]", "", t$c)) # which it leaves doubled
    t$c[t$c %in% ""] <- "e"
    t$big <- c(NA, 2^40, sample(300, 298, TRUE))
    file <- tempfile(fileext = ".csv")
    write.csv(t, file, row.names = FALSE)
    other <- data.table::fread(file, na.strings = c("", "NA"), strip.white = FALSE, integer64 = "double", data.table = FALSE, encoding = "UTF-8", tz = "UTC")
    for (day in names(other)[vapply(other, inherits, NA, "IDate")]) other[[day]] <- as.Date(as.double(other[[day]]), origin = "1970-01-01")
    expect_identical(imported(file), other, info = round)
  }
})

test_that("an import is part of the transaction that is open", {
  s <- new_store()
  s$t <- 0
  ufo_begin(s)
  ufo_import(s, csv_file("a\n1\n"), "t")
  expect_identical(s$t, data.frame(a = 1L))
  ufo_rollback(s)
  expect_identical(s$t, 0)
  ufo_begin(s)
  s$u <- 1
  expect_error(ufo_import(s, csv_file("a,b\n1\n"), "t"), "line 2", class = "ufo_usage_error")
  ufo_commit(s) # the file was no good before anything was done
  expect_identical(names(s), c("t", "u"))
})

test_that("an interrupted import leaves the store as it was", {
  s <- new_store()
  s$t <- 1:10
  large <- large_csv(12 * mb)
  seen <- FALSE
  for (share in c(0.2, 0.7)) {
    interrupted <- tryCatch(
      with_replaced("new_meter", acting_meter(share, function() {
        seen <<- TRUE
        tools::pskill(Sys.getpid(), tools::SIGINT)
      }), {
        ufo_import(s, large$file, "t")
        FALSE
      }),
      interrupt = function(condition) TRUE
    )
    expect_true(interrupted && seen)
    expect_identical(list(names(s), s$t, ufo_info(s, "t")$version), list("t", 1:10, 1))
  }
  ufo_import(s, large$file, "t")
  expect_identical(nrow(s$t), as.integer(large$rows))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("a session that is killed in the middle of an import leaves the store as it was", {
  path <- new_path()
  s <- new_store(path)
  s$t <- iris
  ufo_close(s)
  # So long that progress, which is shown ten times a second, is shown in the second pass, too.
  large <- large_csv(120 * mb)
  out <- in_new_session(c(
    "space <- asNamespace('ufostore')",
    "unlockBinding('new_meter', space)",
    "space$new_meter <- function(total) list(show = function(done) if (done > 0.55) tools::pskill(Sys.getpid(), 9), close = function() NULL)",
    sprintf("s <- ufo_open(%s)", deparse(path)),
    sprintf("ufo_import(s, %s, 't')", deparse(large$file)),
    "cat('imported\\n')"
  ))
  expect_false("imported" %in% out)
  s <- ufo_open(path)
  expect_identical(list(names(s), s$t), list("t", iris))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("files of many times the budget go in and out within it", {
  skip_on_cran() # it takes long
  skip_under_sanitizer()
  skip_if_not(file.access("/proc/self/status", 4) == 0)
  large <- large_csv(40 * mb)
  out <- tempfile(fileext = ".csv")
  figures <- in_new_session(c(
    "peak <- function() as.numeric(gsub('[^0-9]', '', grep('^VmHWM', readLines('/proc/self/status'), value = TRUE))) / 1024",
    "ufo_memory('8MB')",
    sprintf("s <- ufo_open(%s)", deparse(new_path())),
    "start <- peak()",
    sprintf("ufo_import(s, %s, 't')", deparse(large$file)),
    "imported <- peak()",
    sprintf("ufo_export(s, %s, 't')", deparse(out)),
    "cat(nrow(s$t), imported - start, peak() - start, '\\n')"
  ))
  figures <- as.numeric(strsplit(figures[[length(figures)]], " ")[[1]])
  expect_identical(figures[[1]], large$rows)
  expect_lt(figures[[2]], 24)
  expect_lt(figures[[3]], 8 + 32)
  # Missing flags are written as NA, and numbers with the fewest digits.
  expect_gt(file.size(out), 0.9 * file.size(large$file))
})

# ---- other formats ----

test_that("RDS files become what they hold", {
  s <- new_store()
  for (x in list(iris, 1:10, list(a = 1, b = "x"), letters)) {
    file <- tempfile(fileext = ".rds")
    saveRDS(x, file)
    expect_identical(imported(file), x)
  }
  bad <- csv_file("this is no RDS file", ".rds")
  expect_error(ufo_import(s, bad, "t"), "as an RDS file", class = "ufo_io_error")
  expect_error(ufo_import(s, file, "t", delim = ";"), "no further arguments", class = "ufo_usage_error")
  expect_identical(names(s), character())
})

test_that("ff vectors, matrices and data frames are stored block by block", {
  skip_if_not_installed("ff")
  suppressPackageStartupMessages(requireNamespace("ff"))
  s <- new_store()
  set.seed(3)
  with_small_blocks({
    t <- data.frame(
      i = c(NA, 2:4500), r = rnorm(4500), f = factor(sample(letters, 4500, TRUE)), day = as.Date("2000-01-01") + 1:4500,
      l = rep(c(TRUE, FALSE, NA), 1500)
    )
    stored <- ff::as.ffdf(t)
    ufo_import(s, stored)
    expect_identical(s$stored, t)
    x <- ff::ff(t$r)
    ufo_import(s, x)
    expect_identical(s$x, t$r)
    m <- ff::ff(1:6000, dim = c(1500, 4))
    ufo_import(s, m)
    expect_identical(s$m, matrix(1:6000, 1500))
    ufo_import(s, ff::ff(t$f), "f")
    expect_identical(s$f, t$f)
  })
  expect_identical(ufo_info(s, "x")$version, 1)
  expect_error(ufo_import(s, ff::ff(1:3)), "name", class = "ufo_usage_error")
})

test_that("big matrices are stored by parts of columns", {
  skip_if_not_installed("bigmemory")
  s <- new_store()
  set.seed(4)
  with_small_blocks(for (dim in list(c(2500, 3), c(70, 40), c(1, 5), c(1000, 1))) {
    values <- matrix(rnorm(prod(dim)), dim[[1]], dimnames = list(NULL, paste0("c", seq_len(dim[[2]]))))
    b <- bigmemory::as.big.matrix(values)
    ufo_import(s, b)
    expect_identical(s$b, values)
  })
  folder <- tempfile("big")
  dir.create(folder)
  b <- bigmemory::filebacked.big.matrix(
    1200, 4, type = "integer", backingfile = "big", descriptorfile = "big.desc", backingpath = folder
  )
  b[, ] <- 1:4800
  expect_identical(imported(file.path(folder, "big.desc")), matrix(1:4800, 1200))
})

test_that("fst files are read block by block", {
  skip_if_not_installed("fst")
  t <- any_table(5000)
  t$f <- factor(sample(c("u", "v", NA), 5000, TRUE))
  file <- tempfile(fileext = ".fst")
  fst::write_fst(t, file)
  with_small_blocks(expect_identical(imported(file), t))
  fst::write_fst(t[0, ], file)
  expect_identical(nrow(imported(file)), 0L)
  writeBin(as.raw(1:100), file)
  expect_error(imported(file), "as a fst file", class = "ufo_io_error")
})

test_that("parquet files are read by columns or row groups", {
  skip_if_not_installed("nanoparquet")
  t <- any_table(3000)
  t$f <- factor(sample(c("u", "v", NA), 3000, TRUE))
  file <- tempfile(fileext = ".parquet")
  nanoparquet::write_parquet(t, file, row_groups = c(1L, 1001L))
  expect_equal(imported(file), t)
  expect_identical(class(imported(file)), "data.frame")
  nanoparquet::write_parquet(t[0, ], file)
  expect_identical(dim(imported(file)), c(0L, 7L))
  skip_if(requireNamespace("arrow", quietly = TRUE)) # whose files are in test-arrow.R
  for (lists in list(list(1:2, 3L), list(as.raw(1:2), raw()))) {
    nanoparquet::write_parquet(data.frame(fine = 1:2, bad = I(lists)), file)
    expect_error(imported(file), "no vector of R for column 'bad'", class = "ufo_unsupported_error")
  }
  writeBin(as.raw(1:100), file)
  expect_error(imported(file), "as a parquet file", class = "ufo_io_error")
})

test_that("a package that is missing is named, with what to do", {
  s <- new_store()
  problem <- tryCatch(
    ufostore:::need_package("no.such.package", "Importing a feather file", "save it as CSV"), error = identity
  )
  expect_s3_class(problem, "ufo_unsupported_error")
  expect_match(conditionMessage(problem), "'no.such.package', which is not installed: install.packages")
  skip_if(requireNamespace("arrow", quietly = TRUE))
  expect_error(ufo_import(s, csv_file("x", ".feather"), "t"), "arrow", class = "ufo_unsupported_error")
  expect_identical(names(s), character())
})

test_that("an import of blocks that fails on the way leaves the store as it was", {
  s <- new_store()
  s$t <- 1:3
  with_small_blocks(expect_error(
    ufostore:::put_blocks(s, "t", 3000, size = 1000, function(first, count) {
      if (first == 2000) stop("the disk is gone")
      rep(0.5, count)
    }), "the disk is gone"
  ))
  expect_identical(list(names(s), s$t), list("t", 1:3))
  expect_error(
    ufostore:::put_columns(s, "t", c("a", "b"), 2, function(i) if (i == 1) 1:2 else stop("gone")), "gone"
  )
  expect_identical(list(names(s), s$t), list("t", 1:3))
  ufo_begin(s)
  expect_error(ufostore:::put_columns(s, "t", c("a", "b"), 2, function(i) if (i == 1) 1:2 else stop("gone")), "gone")
  expect_error(ufo_commit(s), class = "ufo_usage_error")
  ufo_rollback(s)
  expect_identical(list(names(s), s$t), list("t", 1:3))
  ufostore:::put_columns(s, "t", c("a", "b"), 2, function(i) c("x", "y"))
  expect_identical(list(names(s), s$t), list("t", data.frame(a = c("x", "y"), b = c("x", "y"))))
})
