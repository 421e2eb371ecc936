# One function for each format: writes `x` to the file `temporary`. `target` is its name to be.

# ---- CSV -------------------------------------------------------------------------------------------------------------

export_csv <- function(x, temporary, label, target, delim = NULL, dec = ".", na = "NA", header = TRUE, ...) {
  check_no_more("csv", ...)
  if (is.null(delim)) delim <- if (is_tab_separated(target)) "\t" else if (identical(dec, ",")) ";" else ","
  check_delimiter(delim, dec)
  if (!isTRUE(header) && !isFALSE(header)) raise_usage("header must be TRUE or FALSE, not ", deparse_short(header))
  if (!is.character(na) || length(na) != 1 || is.na(na) || grepl("[\"\r\n]", na) || grepl(delim, na, fixed = TRUE)) {
    raise_usage("na must be one string without quotes, line ends and delimiters, not ", deparse_short(na))
  }
  table <- export_table(x, label)
  text <- function(columns) .Call(ufor_csv_text, columns, delim, dec, enc2utf8(na))
  total <- 0
  writing(temporary, compressed_how(target), function(connection) {
    write <- function(bytes) {
      writeBin(bytes, connection)
      total <<- total + length(bytes)
    }
    # A name is quoted as text is, but is never missing.
    if (header && length(table$names) > 0) write(text(lapply(table$names, csv_column)))
    if (length(table$names) > 0) each_block(table, function(block) write(text(lapply(block, csv_column))))
  })
  check_complete(temporary, target, total)
}

# list(kind, values, levels), as C wants it.
csv_column <- function(part) {
  class <- attr(part, "class")
  kind <- "plain"
  levels <- NULL
  if (is.factor(part)) {
    kind <- "factor"
    levels <- as.character(attr(part, "levels"))
  } else if (inherits(part, "Date")) {
    kind <- "Date"
  } else if (inherits(part, "POSIXct")) {
    kind <- "POSIXct"
  } else if (inherits(part, "integer64")) {
    kind <- "integer64"
  } else if (any(vapply(class, has_own_text, NA))) {
    part <- as.character(part)
  }
  if (!(typeof(part) %in% c("logical", "integer", "double", "character"))) part <- as.character(part)
  attributes(part) <- NULL
  list(kind, part, levels)
}

# Classes that nobody has told as.character() of are written as what is under them.
has_own_text <- function(class) {
  class != "difftime" && !is.null(getS3method("as.character", class, optional = TRUE, envir = globalenv()))
}

compressed_how <- function(target) {
  if (grepl(compressed_extension, target, ignore.case = TRUE)) tolower(sub(".*[.]", "", target)) else "none"
}

# Opens the file, calls write(connection) and closes it, whatever happens.
writing <- function(file, how, write) {
  connection <- switch(how, gz = gzfile(file, "wb"), bz2 = bzfile(file, "wb"), xz = xzfile(file, "wb"), file(file, "wb"))
  is_open <- TRUE
  on.exit(if (is_open) close(connection))
  write(connection)
  is_open <- FALSE
  close(connection)
}

# Connections of R do not tell that the last bytes could not be written: a full disk would leave a part of the file.
# `total` are the bytes that should be in one that is not compressed; the others tell themselves whether they are whole.
check_complete <- function(file, target, total = NULL) {
  how <- compression_of(file)
  program <- if (how == "none") "" else Sys.which(compression_programs[[how]])
  is_whole <- if (how == "none") is.null(total) || file.size(file) == total
  else !nzchar(program) || system2(program, c("-t", "--", shQuote(file)), stdout = FALSE, stderr = FALSE) == 0
  if (isTRUE(is_whole)) return(invisible())
  raise_condition("full", paste0("Cannot write all of '", target, "'"), hint = "Make room on the disk, then try again.")
}

# ---- RDS -------------------------------------------------------------------------------------------------------------

# R writes a view's values as it comes to them, so that they are never all in memory.
export_rds <- function(x, temporary, label, target, ...) {
  check_no_more("rds", ...)
  old <- options(ufostore.serialize = "value")
  on.exit(options(old))
  saveRDS(unlazy_deeply(x), temporary)
  check_complete(temporary, target)
}

# ---- parquet and feather ---------------------------------------------------------------------------------------------

export_parquet <- function(x, temporary, label, target, ...) {
  check_no_more("parquet", ...)
  table <- export_table(x, label)
  if (has_arrow_parquet()) return(export_parquet_arrow(table, temporary, target))
  if (!requireNamespace("nanoparquet", quietly = TRUE)) {
    need_package("nanoparquet", "Exporting a parquet file", "export to another format, such as CSV")
  }
  schema <- NULL
  each_block(table, function(block) {
    rows <- as_block_frame(table, lapply(block, whole_days))
    if (is.null(schema)) {
      schema <<- nullable_schema(rows)
      nanoparquet::write_parquet(rows, temporary, schema = schema)
    } else {
      # Else it would read the last row group again to add to it.
      nanoparquet::append_parquet(rows, temporary, options = nanoparquet::parquet_options(keep_row_groups = TRUE))
    }
  }, import_block_bytes)
}

# What this package takes for dates when it is asked for a schema.
whole_days <- function(part) {
  if (!inherits(part, "Date") || is.integer(part)) return(part)
  structure(as.integer(floor(unclass(part))), class = "Date")
}

# A block without missing values says nothing about the next. Times of the day would be cut to thousandths.
nullable_schema <- function(rows) {
  schema <- nanoparquet::infer_parquet_schema(rows)
  schema$repetition_type <- "OPTIONAL"
  clocks <- which(schema$r_type == "hms")
  time <- nanoparquet::parquet_schema(list("TIME", unit = "MICROS", is_adjusted_utc = TRUE))
  for (field in c("type", "converted_type", "logical_type")) schema[[field]][clocks] <- rep(time[[field]], length(clocks))
  schema
}

export_feather <- function(x, temporary, label, target, ...) {
  check_no_more("feather", ...)
  need_package("arrow", "Exporting a feather file", "export to another format, such as parquet or CSV")
  export_feather_arrow(export_table(x, label), temporary, target)
}

# ---- fst -------------------------------------------------------------------------------------------------------------

export_fst <- function(x, temporary, label, target, whole = FALSE, ...) {
  check_no_more("fst", ...)
  need_package("fst", "Exporting an fst file", "export to another format, such as parquet or CSV")
  bytes <- export_bytes(x, label)
  if (bytes > ufo_memory() && !isTRUE(whole)) {
    raise_usage(
      "An fst file is written from memory, which would take ", format_size(bytes), " for '", label, "', more than the ",
      "budget of ", format_size(ufo_memory()), "; whole = TRUE does so, other formats are written block by block"
    )
  }
  table <- export_table(x, label)
  columns <- lapply(seq_along(table$names), table$read, 0, table$rows)
  fst::write_fst(as_block_frame(table, columns), temporary)
}
