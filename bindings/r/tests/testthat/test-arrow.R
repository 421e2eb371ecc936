# Parquet and feather files by way of arrow, which Debian 12 does not have: `tools/rversions sid` runs these.

arrow_formats <- c(".parquet", ".feather")

# The file of an arrow table, in row groups or record batches of so many rows.
arrow_file <- function(table, extension, rows) {
  file <- tempfile(fileext = extension)
  if (extension == ".parquet") arrow::write_parquet(table, file, chunk_size = rows)
  else arrow::write_feather(table, file, chunk_size = rows)
  file
}

# Every type with a vector in R: three elements, the second one missing.
arrow_types <- function() {
  cast <- function(x, type) arrow::Array$create(x)$cast(type)
  whole <- c(1, NA, 3)
  times <- utc(c("1969-12-31 23:59:59", NA, "2020-02-29 12:00:00")) + 0.25
  days <- as.Date(c("2020-02-29", NA, "1899-12-31"))
  list(
    bool = arrow::Array$create(c(TRUE, NA, FALSE)), i8 = cast(whole, arrow::int8()), u8 = cast(whole, arrow::uint8()),
    i16 = cast(whole, arrow::int16()), u16 = cast(whole, arrow::uint16()), i32 = cast(whole, arrow::int32()),
    u32 = cast(c(1, NA, 3e9), arrow::uint32()), i64 = cast(c(1, NA, 2^53), arrow::int64()), u64 = cast(whole, arrow::uint64()),
    f32 = cast(c(0.5, NA, -2), arrow::float32()), f64 = arrow::Array$create(c(0.1, NA, NaN)),
    text = arrow::Array$create(c("\u00e9", NA, "")), large = cast(c("a", NA, "b"), arrow::large_utf8()),
    factor = arrow::Array$create(factor(c("v", NA, "u"), levels = c("v", "u"))),
    ordered = arrow::Array$create(factor(c("lo", NA, "hi"), levels = c("lo", "hi"), ordered = TRUE)),
    codes = arrow::DictionaryArray$create(c(0L, NA, 1L), arrow::Array$create(c(10L, 30L))),
    day = arrow::Array$create(days), day64 = cast(days, arrow::date64()),
    local = cast(times, arrow::timestamp("us")), berlin = cast(times, arrow::timestamp("ms", "Europe/Berlin")),
    nano = cast(times, arrow::timestamp("ns", "UTC")), t32 = cast(c(1500L, NA, 3L), arrow::time32("ms")),
    t64 = cast(whole, arrow::int64())$cast(arrow::time64("us")), lasted = cast(whole, arrow::int64())$cast(arrow::duration("ms")),
    price = cast(c(1.25, NA, -3), arrow::decimal128(10, 2)), wide = cast(c(1.25, NA, -3), arrow::decimal128(38, 2)),
    none = arrow::Array$create(getExportedValue("vctrs", "unspecified")(3))
  )
}

values_of_types <- function() {
  times <- utc(c("1969-12-31 23:59:59", NA, "2020-02-29 12:00:00")) + 0.25
  days <- as.Date(c("2020-02-29", NA, "1899-12-31"))
  integer64 <- function(x) bit64::as.integer64(x)
  lasting <- function(x, class) structure(x, class = class, units = "secs")
  list(
    bool = c(TRUE, NA, FALSE), i8 = c(1L, NA, 3L), u8 = c(1L, NA, 3L), i16 = c(1L, NA, 3L), u16 = c(1L, NA, 3L), i32 = c(1L, NA, 3L),
    u32 = c(1, NA, 3e9), i64 = integer64(c("1", NA, "9007199254740992")), u64 = integer64(c(1, NA, 3)),
    f32 = c(0.5, NA, -2), f64 = c(0.1, NA, NaN), text = c("\u00e9", NA, ""), large = c("a", NA, "b"),
    factor = factor(c("v", NA, "u"), levels = c("v", "u")), ordered = factor(c("lo", NA, "hi"), levels = c("lo", "hi"), ordered = TRUE),
    codes = c(10L, NA, 30L), day = days, day64 = days, local = times, berlin = structure(times, tzone = "Europe/Berlin"), nano = times,
    t32 = lasting(c(1.5, NA, 0.003), c("hms", "difftime")), t64 = lasting(c(1e-6, NA, 3e-6), c("hms", "difftime")),
    lasted = lasting(c(0.001, NA, 0.003), "difftime"), price = c(1.25, NA, -3), wide = c(1.25, NA, -3), none = c(NA, NA, NA)
  )
}

test_that("a column of every type is imported, whatever block its elements are in", {
  skip_if_not_installed("arrow")
  types <- arrow_types()
  expected <- values_of_types()
  expect_identical(names(types), names(expected))
  table <- do.call(arrow::arrow_table, types)
  for (extension in arrow_formats) {
    for (rows in c(1, 2, 3)) {
      t <- imported(arrow_file(table, extension, rows))
      expect_identical(names(t), names(expected))
      for (name in names(t)) expect_identical(t[[name]], expected[[name]], info = paste(extension, rows, name))
    }
    nothing <- imported(arrow_file(table$Slice(0, 0), extension, 1))
    expect_identical(dim(nothing), c(0L, length(expected)))
    for (name in names(nothing)) {
      expect_identical(attr(nothing[[name]], "class"), attr(expected[[name]], "class"), info = name)
      expect_identical(typeof(nothing[[name]]), typeof(expected[[name]]), info = name)
    }
    one <- imported(arrow_file(table$Slice(2, 1), extension, 10))
    expect_identical(dim(one), c(1L, length(expected)))
    expect_equal(one$i64, expected$i64[3])
  }
})

test_that("half floats are the numbers that they are", {
  skip_if_not_installed("arrow")
  half <- arrow::Array$create(c(1, NA, -0.5))$cast(arrow::float16())
  for (extension in arrow_formats) {
    expect_identical(imported(arrow_file(arrow::arrow_table(h = half), extension, 2)), data.frame(h = c(1, NA, -0.5)))
  }
})

test_that("what R has no vectors for is refused, with file and column, and nothing is stored", {
  skip_if_not_installed("arrow")
  s <- new_store()
  s$t <- 1:3
  columns <- list(
    binary = arrow::Array$create(list(raw(1), NULL, as.raw(1:3))), list = arrow::Array$create(list(1:2, NULL, 3L)),
    struct = arrow::Array$create(data.frame(b = 1:3)),
    range = arrow::Array$create(c("18446744073709551615", NA, "1"))$cast(arrow::uint64()),
    digits = arrow::Array$create(c("12345678901234567.89", NA, "1"))$cast(arrow::decimal128(20, 2))
  )
  for (name in names(columns)) {
    for (extension in arrow_formats) {
      table <- do.call(arrow::arrow_table, structure(list(1:3, columns[[name]]), names = c("fine", name)))
      file <- arrow_file(table, extension, 2)
      problem <- tryCatch(ufo_import(s, file, "t"), error = identity)
      expect_s3_class(problem, "ufo_unsupported_error")
      for (part in c(file, paste0("column '", name, "'"), "write the")) expect_match(conditionMessage(problem), part, fixed = TRUE)
      expect_identical(list(names(s), s$t), list("t", 1:3))
    }
  }
  for (extension in arrow_formats) {
    file <- tempfile(fileext = extension)
    for (bytes in list(as.raw(0:99), raw())) {
      writeBin(bytes, file)
      problem <- tryCatch(ufo_import(s, file, "t"), error = identity)
      expect_s3_class(problem, "ufo_io_error")
      expect_match(conditionMessage(problem), file, fixed = TRUE)
    }
    # One that breaks off, and one with damage inside.
    whole <- readBin(arrow_file(arrow::arrow_table(x = noise(5000)), extension, 1000), "raw", 1e6)
    writeBin(whole[seq_len(length(whole) %/% 2)], file)
    expect_error(ufo_import(s, file, "t"), file, fixed = TRUE, class = "ufo_io_error")
    expect_identical(list(names(s), s$t), list("t", 1:3))
  }
})

test_that("levels of parts of a file become those of one factor", {
  skip_if_not_installed("arrow")
  parts <- function(...) arrow::arrow_table(f = do.call(arrow::ChunkedArray$create, lapply(list(...), arrow::Array$create)))
  table <- parts(factor(c("x", "y")), factor(c("z", "x", NA)), factor(c("y", "q")))
  expect_identical(
    with_small_blocks(imported(arrow_file(table, ".parquet", 2)))$f, factor(c("x", "y", "z", "x", NA, "y", "q"), levels = c("x", "y", "z", "q"))
  )
  # More rows than are read at a time.
  ranks <- function(levels, values = levels) factor(rep(values, length.out = 1500), levels = levels, ordered = TRUE)
  two <- parts(ranks(c("lo", "hi")), ranks(c("lo", "mid", "hi")), ranks(c("mid", "hi")))
  f <- with_small_blocks(imported(arrow_file(two, ".parquet", 1500)))$f
  expect_identical(levels(f), c("lo", "mid", "hi"))
  expect_identical(as.character(f), c(rep(c("lo", "hi"), 750), rep(c("lo", "mid", "hi"), 500), rep(c("mid", "hi"), 750)))
  expect_true(is.ordered(f))
  bad <- arrow_file(parts(ranks(c("lo", "hi")), ranks(c("hi", "lo"))), ".parquet", 1500)
  with_small_blocks(expect_error(imported(bad), "order of its levels", class = "ufo_unsupported_error"))
  twice <- arrow::arrow_table(f = arrow::DictionaryArray$create(c(0L, 1L, 2L, 3L), arrow::Array$create(c("a", "b", NA, "a"))))
  expect_identical(imported(arrow_file(twice, ".feather", 9))$f, factor(c("a", "b", NA, "a")))
})

test_that("files of other shapes are read", {
  skip_if_not_installed("arrow")
  t <- any_table(3000)
  file <- tempfile(fileext = ".feather")
  arrow::write_feather(t[c("i", "d", "c")], file, version = 1)
  expect_identical(imported(file), t[c("i", "d", "c")])
  for (extension in arrow_formats) {
    # R's own row names and classes are no columns.
    expect_equal(imported(arrow_file(mtcars, extension, 10)), `rownames<-`(mtcars, NULL))
    expect_identical(imported(arrow_file(structure(t, class = c("tbl_df", "tbl", "data.frame")), extension, 700)), t)
    odd <- structure(list(1:2, c("a", NA), 3:4), names = c("schema", "\u00e9 t", "x$y"), class = "data.frame", row.names = 1:2)
    expect_identical(imported(arrow_file(odd, extension, 10)), odd)
    expect_identical(with_small_blocks(imported(arrow_file(t, extension, 1e6))), t)
    expect_identical(with_small_blocks(imported(arrow_file(t, extension, 70))), t)
  }
  stream <- tempfile(fileext = ".arrow")
  arrow::write_ipc_stream(t, stream)
  expect_error(imported(stream), stream, fixed = TRUE, class = "ufo_io_error")
})

test_that("tables come back from feather and parquet files as they were", {
  skip_if_not_installed("arrow")
  set.seed(25)
  t <- any_table(2500)
  t$f <- factor(sample(c("u", "v, w", NA), 2500, TRUE), levels = c("v, w", "unused", "u"))
  t$o <- factor(sample(c("lo", "hi"), 2500, TRUE), levels = c("lo", "hi"), ordered = TRUE)
  t$exact <- t$time + sample(c(0, 0.3, 0.123456, 0.999999), 2500, TRUE)
  t$berlin <- structure(t$exact, tzone = "Europe/Berlin")
  t$lasted <- as.difftime(sample(c(0.25, 1e-6, -3.3, NA), 2500, TRUE), units = "secs")
  t$clock <- structure(sample(c(0, 86399.999999, 0.3, NA), 2500, TRUE), class = c("hms", "difftime"), units = "secs")
  t$big <- bit64::as.integer64(sample(c("9007199254740993", NA, "-1"), 2500, TRUE))
  t$i[1:1100] <- 1L # nothing is missing in the first block
  t$none <- NA
  s <- new_store()
  s$t <- t
  for (extension in arrow_formats) {
    with_small_blocks({
      expect_identical(imported(exported(t, extension = extension)), t)
      expect_identical(imported(exported(s, name = "t", extension = extension)), t)
      expect_identical(imported(exported(ufo_lazy(s$t[c("d", "f")]), extension = extension)), t[c("d", "f")])
      # Without a row there are no levels in the file.
      none <- t[0, ]
      none[c("f", "o")] <- lapply(none[c("f", "o")], droplevels)
      expect_identical(imported(exported(none, extension = extension)), none)
      expect_identical(imported(exported(`rownames<-`(t[7, ], NULL), extension = extension)), `rownames<-`(t[7, ], NULL))
      expect_identical(imported(exported(t$d, name = "schema", extension = extension)), data.frame(schema = t$d))
      expect_identical(imported(exported(matrix(1:4000, 2000), extension = extension)), data.frame(V1 = 1:2000, V2 = 2001:4000))
    })
    expect_identical(imported(exported(mtcars[1:2, 1:2], extension = extension)), data.frame(row.names. = rownames(mtcars)[1:2], mpg = 21, cyl = 6) |>
      setNames(c("row.names", "mpg", "cyl")))
  }
  file <- with_small_blocks(exported(t, extension = ".parquet"))
  expect_equal(arrow::ParquetFileReader$create(file)$num_row_groups, 3)
  expect_equal(as.data.frame(arrow::read_parquet(file))[c("i", "d", "l", "c", "day")], t[c("i", "d", "l", "c", "day")])
  file <- arrow::ReadableFile$create(with_small_blocks(exported(t, extension = ".feather")))
  expect_equal(arrow::RecordBatchFileReader$create(file)$num_record_batches, 3)
})

test_that("what an exported column is in the file does not depend on classes and time zones of the session", {
  skip_if_not_installed("arrow")
  latin <- c("Jos\xe9", NA)
  Encoding(latin) <- "latin1"
  t <- data.frame(
    time = as.POSIXct(c(0.5, NA), origin = "1970-01-01"), day = as.Date(c(-0.5, NaN), origin = "1970-01-01"),
    kept = structure(1:2, class = "unknown"), min = as.difftime(c(0.01, NA), units = "mins"), text = latin, missing = addNA(factor(c("a", NA)))
  )
  for (extension in arrow_formats) {
    expect_identical(imported(exported(t, extension = extension)), data.frame(
      time = utc(c("1970-01-01 00:00:00", NA)) + 0.5, day = as.Date(c("1969-12-31", NA)), kept = 1:2,
      min = as.difftime(c(0.6, NA), units = "secs"), text = c("Jos\u00e9", NA), missing = factor(c("a", NA))
    ))
    refused <- function(x, message) {
      file <- tempfile(fileext = extension)
      problem <- tryCatch(ufo_export(x, file), error = identity)
      expect_s3_class(problem, "ufo_unsupported_error")
      expect_match(conditionMessage(problem), paste0(file, "'.*", message))
      expect_identical(exported_files(file), character())
    }
    refused(data.frame(a = 1, z = 1i), "column 'z' is complex")
    refused(data.frame(a = 1, z = structure(1e5, class = c("hms", "difftime"), units = "secs")), "column 'z' has times of the day")
    refused(data.frame(a = 1, z = as.POSIXct(Inf, origin = "1970-01-01")), "column 'z' has infinite times")
  }
})

test_that("progress is shown, and who stops at it leaves the store as it was", {
  skip_if_not_installed("arrow")
  s <- new_store()
  s$t <- 1:10
  t <- any_table(6000)
  for (extension in arrow_formats) {
    file <- arrow_file(t, extension, 1500)
    seen <- numeric()
    watching <- function(total) list(show = function(done) seen <<- c(seen, done / total), close = function() NULL)
    with_replaced("new_meter", watching, with_small_blocks(ufo_import(s, file, "whole")))
    expect_true(length(seen) >= 8 && !is.unsorted(seen) && all(seen > 0) && abs(max(seen) - 1) < 1e-9, info = extension)
    expect_identical(s$whole, t)
    stopping <- acting_meter(0.6, function() stop("enough"))
    with_replaced("new_meter", stopping, with_small_blocks(expect_error(ufo_import(s, file, "t"), "enough")))
    expect_identical(list(names(s), s$t), list(c("t", "whole"), 1:10))
  }
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("feather and parquet files of many times the budget go in and out within it", {
  skip_on_cran() # it takes long
  skip_if_not_installed("arrow")
  skip_if_not(file.access("/proc/self/status", 4) == 0)
  n <- 1e5
  part <- arrow::arrow_table(x = noise(n), i = sample(n), c = as.character(sample(n)))
  of_parts <- function(count) do.call(arrow::concat_tables, rep(list(part), count))
  table <- of_parts(60) # 6 million rows: of numbers alone 72 MB
  for (extension in arrow_formats) {
    large <- arrow_file(table, extension, 2e5)
    # What R and arrow need for some blocks is needed once.
    first <- arrow_file(of_parts(6), extension, 2e5)
    out <- tempfile(fileext = extension)
    figures <- in_new_session(c(
      # Memory of its own after each block, without the pages of the store's file.
      "own <- function() as.numeric(gsub('[^0-9]', '', grep('^RssAnon', readLines('/proc/self/status'), value = TRUE))) / 1024",
      "most <- 0",
      "meter <- function(total) list(show = function(done) most <<- max(most, own()), close = function() NULL)",
      "space <- asNamespace('ufostore')",
      "unlockBinding('new_meter', space)",
      "assign('new_meter', meter, space)",
      "peak <- function() most",
      "ufo_memory('16MB')",
      sprintf("s <- ufo_open(%s)", deparse(new_path())),
      sprintf("ufo_import(s, %s, 't')", deparse(first)),
      sprintf("ufo_export(s, %s, name = 't')", deparse(tempfile(fileext = extension))),
      "start <- peak()",
      sprintf("ufo_import(s, %s, 't')", deparse(large)),
      "imported <- peak()",
      sprintf("ufo_export(s, %s, name = 't')", deparse(out)),
      "cat(nrow(s$t), imported - start, peak() - start, '\\n')"
    ))
    figures <- as.numeric(strsplit(figures[[length(figures)]], " ")[[1]])
    expect_identical(figures[[1]], 60 * n)
    # The table whole would be 120 MB for R, and as much for arrow.
    expect_lt(figures[[2]], 64)
    expect_lt(figures[[3]], 110)
    reader <- if (extension == ".parquet") arrow::read_parquet else arrow::read_feather
    written <- reader(out, as_data_frame = FALSE)
    expect_true(identical(dim(written), dim(table)) && written$Slice(59 * n)$Equals(part))
  }
})

test_that("a feather or parquet file that cannot be written whole is an error, and is not left", {
  skip_if_not_installed("arrow")
  skip_if_not(nzchar(Sys.which("bash")))
  expect_export_refused_when_full(arrow_formats)
})
