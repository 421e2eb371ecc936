test_that("tables come back from CSV as they were", {
  set.seed(21)
  s <- new_store()
  for (round in 1:6) {
    t <- any_table(sample(c(1, 5, 300), 1))
    t$c <- sample(c(t$c[1], NA, "", "NA", " NA ", "e\u0301\U1F600"), nrow(t), TRUE)
    t$c[1] <- "text"
    t$f <- factor(c("v, w", sample(c("u", "v, w", NA), nrow(t) - 1, TRUE)))
    t$time <- t$time + sample(c(0, 0.25, 0.123456), nrow(t), TRUE)
    s$t <- t
    levels <- unique(as.character(t$f[!is.na(t$f)]))
    t$f <- factor(t$f, levels = levels)
    types <- c(f = "factor")
    expect_identical(imported(exported(s$t), col_types = types), t, info = round)
    expect_identical(imported(exported(t), col_types = types), t, info = round)
    expect_identical(imported(exported(s, name = "t", extension = ".tsv.gz"), col_types = types), t, info = round)
    expect_identical(imported(exported(t, delim = ";", dec = ",", na = "-"), dec = ",", na.strings = "-", col_types = types), t, info = round)
    expect_identical(imported(exported(t, extension = ".rds")), t, info = round)
  }
})

test_that("lazy data frames are exported as the tables that they stand for", {
  set.seed(23)
  t <- any_table(300)
  expect_identical(exported_text(ufo_lazy(t)), exported_text(t))
  expect_identical(exported_text(ufo_lazy(t)[5:7, ]), exported_text(`rownames<-`(t[5:7, ], NULL)))
  expect_identical(exported_text(ufo_lazy(t)[0, ]), exported_text(t[0, ]))
})

test_that("what is written is RFC 4180 with the fewest digits, and quotes only where they must be", {
  expect_identical(
    exported_text(data.frame(
      a = c(1L, NA), b = c(0.1, 1e300), c = c("x", "a \"b\", c\nd"), d = as.Date(c("2020-02-29", NA)), l = c(NA, TRUE),
      "odd, name" = c("", "NA"), check.names = FALSE
    )),
    "a,b,c,d,l,\"odd, name\"\n1,0.1,x,2020-02-29,NA,\"\"\nNA,1e+300,\"a \"\"b\"\", c\nd\",NA,TRUE,\"NA\"\n"
  )
  expect_identical(exported_text(c(1.5, NA, NaN, -Inf), name = "v"), "v\n1.5\nNA\nNaN\n-Inf\n")
  expect_identical(exported_text(c(1.5, NA), header = FALSE, na = ""), "1.5\n\n")
  expect_identical(exported_text(matrix(1:4, 2, dimnames = list(c("r", "s"), NULL))), "row.names,V1,V2\nr,1,3\ns,2,4\n")
  expect_identical(exported_text(mtcars[1:2, 1:2]), "row.names,mpg,cyl\nMazda RX4,21,6\nMazda RX4 Wag,21,6\n")
  expect_identical(exported_text(iris[0, 1:2]), "Sepal.Length,Sepal.Width\n")
  expect_identical(exported_text(as.difftime(c(90, NA), units = "mins"), name = "d"), "d\n90\nNA\n")
  expect_identical(exported_text(c(1+2i, NA), name = "z"), "z\n1+2i\nNA\n")
  expect_identical(exported_text(as.raw(255), name = "r"), "r\nff\n")
  expect_identical(exported_text(structure(1, class = "numeric_version_like"), name = "k"), "k\n1\n")
  latin <- c("Jos\xe9", "\\")
  Encoding(latin) <- "latin1"
  expect_identical(exported_text(latin, name = "n"), rawToChar(charToRaw(enc2utf8("n\nJos\u00e9\n\\\n"))))
  expect_identical(exported_text(as.POSIXlt("2020-01-01 12:00:00", tz = "Etc/GMT-2"), name = "t"), "t\n2020-01-01T10:00:00Z\n")
  skip_if_not_installed("bit64")
  expect_identical(exported_text(bit64::as.integer64(c("9007199254740993", NA)), name = "b"), "b\n9007199254740993\nNA\n")
})

test_that("base R and data.table read what is written", {
  set.seed(22)
  t <- any_table(300)
  t$c <- gsub("\r", "", t$c)
  file <- exported(t[c("i", "d", "l", "c")])
  expect_equal(read.csv(file, na.strings = "NA", encoding = "UTF-8"), t[c("i", "d", "l", "c")])
  skip_if_not_installed("data.table")
  t$c <- gsub("[\"\n]", "", t$c)
  t$c[t$c %in% ""] <- "e"
  other <- data.table::fread(exported(t), data.table = FALSE, strip.white = FALSE, tz = "UTC", encoding = "UTF-8")
  other$day <- as.Date(as.double(other$day), origin = "1970-01-01")
  expect_identical(other, t)
})

test_that("lazy vectors, views and stored objects are exported block by block", {
  s <- new_store()
  set.seed(23)
  t <- data.frame(x = rnorm(5000), y = sample(letters, 5000, TRUE), i = 1:5000)
  s$t <- t
  s$m <- matrix(t$x, 1000)
  s$x <- t$x
  old <- options(ufostore.import_block = 8 * 1000)
  on.exit(options(old))
  expect_identical(imported(exported(s$t)), t)
  expect_identical(imported(exported(s, name = "m")), setNames(as.data.frame(matrix(t$x, 1000)), paste0("V", 1:5)))
  expect_identical(imported(exported(ufo_lazy(s$x) * 2, name = "z")), data.frame(z = t$x * 2))
  expect_identical(imported(exported(data.frame(x = I(t$x)))), data.frame(x = t$x))
  expect_identical(imported(exported(ufo_lazy(s$x) * 2, extension = ".rds")), t$x * 2)
  view <- s$x
  view[1] <- 7
  expect_identical(imported(exported(view, extension = ".rds")), replace(t$x, 1, 7))
  expect_identical(readRDS(exported(s, name = "x", extension = ".rds")), t$x) # values, not a reference
})

test_that("a file is there whole or not at all, and is not replaced unasked", {
  file <- tempfile("kept", fileext = ".csv")
  expect_identical(withVisible(ufo_export(1:3, file)), list(value = normalizePath(file), visible = FALSE))
  expect_error(ufo_export(4:6, file), "overwrite = TRUE", class = "ufo_usage_error")
  Sys.chmod(file, "600")
  expect_identical(exported_files(file), basename(file))
  ufo_export(4:6, file, overwrite = TRUE)
  expect_identical(format(file.mode(file)), "600")
  expect_identical(readLines(file)[-1], c("4", "5", "6"))
  bad <- data.frame(a = 1:2)
  bad$l <- list(1, "x")
  expect_error(ufo_export(bad, file, overwrite = TRUE), "Column 'l'", class = "ufo_unsupported_error")
  stopping <- acting_meter(0, function() stop("enough"))
  with_replaced("new_meter", stopping, expect_error(ufo_export(iris, file, overwrite = TRUE), "enough"))
  expect_identical(readLines(file)[-1], c("4", "5", "6"))
  expect_identical(exported_files(file), basename(file))
  link <- tempfile("link", fileext = ".csv")
  file.symlink(file, link)
  ufo_export(7L, link, overwrite = TRUE)
  expect_identical(readLines(file)[-1], "7")
  expect_identical(Sys.readlink(link), file)
})

test_that("a file that cannot be written whole is an error, and is not left", {
  skip_if_not(nzchar(Sys.which("bash")))
  expect_export_refused_when_full(c(".csv", ".csv.gz", ".rds"))
})

test_that("what cannot be exported is told", {
  s <- new_store()
  s$a <- 1
  s$b <- 2
  refused <- function(message, ..., class = "ufo_usage_error") expect_error(ufo_export(...), message, class = class)
  file <- tempfile(fileext = ".csv")
  refused("Say which object", s, file)
  refused("no object|'c'", s, file, name = "c", class = "ufo_missing_error")
  refused("no folder", 1, "no/such/folder/x.csv", class = "ufo_missing_error")
  refused("folder", 1, tempdir())
  refused("cannot be told", 1, tempfile(fileext = ".xlsx"))
  refused("format", 1, file, format = "xlsx")
  refused("store itself", s, path_of(s), name = "a", format = "csv", overwrite = TRUE)
  refused("\"rds\"", list(1, 2), file, class = "ufo_unsupported_error")
  refused("\"rds\"", mean, file, class = "ufo_unsupported_error")
  refused("\"rds\"", array(1:8, c(2, 2, 2)), file, class = "ufo_unsupported_error")
  refused("no such arguments: \"quote\"", 1, file, quote = TRUE)
  refused("na must", 1, file, na = NA)
  refused("delimiter", 1, file, delim = "\"")
  expect_false(file.exists(file))
  skip_if(requireNamespace("arrow", quietly = TRUE))
  refused("arrow", 1, tempfile(fileext = ".feather"), class = "ufo_unsupported_error")
})

test_that("parquet files have a row group for each block", {
  skip_if_not_installed("nanoparquet")
  skip_if(requireNamespace("arrow", quietly = TRUE))
  set.seed(24)
  t <- any_table(2500)
  t$i[1:1100] <- 1L # nothing is missing in the first block
  t$c[1:1100] <- "first"
  t$f <- factor(sample(c("u", "v", NA), 2500, TRUE))
  t$exact <- t$time + sample(c(0, 0.3, 0.123456, 0.999999), 2500, TRUE)
  t$lasted <- as.difftime(sample(c(0.25, 1e-6, -3.3, NA), 2500, TRUE), units = "mins")
  t$clock <- structure(sample(c(0, 86399.999999, 0.3, NA), 2500, TRUE), class = c("hms", "difftime"), units = "secs")
  old <- options(ufostore.import_block = 8 * 1000)
  on.exit(options(old))
  file <- exported(t, extension = ".parquet")
  units(t$lasted) <- "secs"
  expect_gt(nanoparquet::read_parquet_info(file)$num_row_groups, 2)
  expect_equal(as.data.frame(unclass(nanoparquet::read_parquet(file))), t)
  expect_equal(imported(file), t)
  expect_identical(dim(imported(exported(t[0, ], extension = ".parquet"))), c(0L, 10L))
  skip_if_not_installed("bit64")
  big <- data.frame(big = bit64::as.integer64(c("9007199254740993", NA, "-1")))
  expect_identical(imported(exported(big, extension = ".parquet")), big)
})

test_that("fst files are written from memory, if that is within the budget", {
  skip_if_not_installed("fst")
  t <- any_table(200)
  expect_identical(imported(exported(t, extension = ".fst")), t)
  s <- new_store()
  ufo_create(s, "x", "double", 2e6)
  with_budget("8MB", {
    expect_error(exported(s$x, extension = ".fst"), "whole = TRUE", class = "ufo_usage_error")
    expect_identical(imported(exported(s$x, name = "x", extension = ".fst", whole = TRUE)), data.frame(x = double(2e6)))
  })
})
