# CSV files: arguments as the library wants them, and files that it cannot read as they are.

import_csv <- function(store, file, name, header = TRUE, delim = NULL, dec = ".", na.strings = c("", "NA"), col_types = NULL,
                       factors = FALSE, skip = 0, encoding = "UTF-8") {
  if (!isTRUE(header) && !isFALSE(header)) raise_usage("header must be TRUE or FALSE, not ", deparse_short(header))
  if (!isTRUE(factors) && !isFALSE(factors)) raise_usage("factors must be TRUE or FALSE, not ", deparse_short(factors))
  if (is.null(delim)) delim <- if (is_tab_separated(file)) "\t" else if (identical(dec, ",")) ";" else ","
  check_delimiter(delim, dec)
  if (!is.character(na.strings) || anyNA(na.strings) || !all(validEnc(na.strings))) {
    raise_usage("na.strings must be the strings that stand for missing values, not ", deparse_short(na.strings))
  }
  skip <- check_count(skip, "The number of lines to skip")
  types <- csv_types(col_types)
  plain <- plain_file(file, encoding)
  if (plain != file) on.exit(unlink(plain))
  meter <- new_meter(1)
  if (!is.null(meter)) on.exit(meter$close(), add = TRUE)
  options <- list(
    delim, dec, header, as.double(skip), enc2utf8(na.strings), types$names, types$types, types$positions, types$position_types,
    types$all, csv_type_codes[[if (factors) "factor" else "character"]]
  )
  .Call(ufor_csv_import, store_pointer(store), name, plain, file, options, if (!is.null(meter)) meter$show)
}

is_tab_separated <- function(file) grepl("[.](tsv|tab)$", sub(compressed_extension, "", file), ignore.case = TRUE)

check_delimiter <- function(delim, dec) {
  is_one <- is.character(delim) && length(delim) == 1 && !is.na(delim) && grepl("^[\t -~]$", delim, useBytes = TRUE)
  if (!is_one || delim == "\"") {
    raise_usage("The delimiter must be one ASCII character and no quote, not ", deparse_short(delim))
  }
  check_choice(dec, c(".", ","), "The decimal mark")
  if (delim == dec) raise_usage("The delimiter and the decimal mark are both \"", dec, "\"")
}

# ---- types -----------------------------------------------------------------------------------------------------------

# The numbers of ufo_csv_type (include/ufostore/csv.h).
csv_type_codes <- c(
  guess = 0L, logical = 1L, integer = 2L, double = 3L, Date = 4L, POSIXct = 5L, character = 6L, factor = 7L,
  integer64 = 8L, skip = 9L
)

# One type for all columns, types by name, or one for each column in order.
csv_types <- function(col_types) {
  result <- list(
    names = character(), types = integer(), positions = double(), position_types = integer(), all = csv_type_codes[["guess"]]
  )
  if (is.null(col_types)) return(result)
  if (is.list(col_types)) col_types <- unlist(col_types)
  if (!is.character(col_types) || anyNA(col_types)) {
    raise_usage("col_types must be names of types, such as c(id = \"character\"), not ", deparse_short(col_types))
  }
  codes <- csv_type_codes[sub("^numeric$", "double", col_types)]
  unknown <- unique(col_types[is.na(codes)])
  if (length(unknown) > 0) {
    raise_usage("No such type of a column: ", quoted(unknown), "; there are ", quoted(names(csv_type_codes)))
  }
  codes <- unname(codes)
  if (!is.null(names(col_types))) {
    if (!all(nzchar(names(col_types)))) raise_usage("Either all or none of col_types must have names")
    result$names <- enc2utf8(names(col_types))
    result$types <- codes
  } else if (length(codes) == 1) {
    result$all <- codes
  } else {
    result$positions <- as.double(seq_along(codes))
    result$position_types <- codes
  }
  result
}

# ---- files that cannot be read as they are ---------------------------------------------------------------------------

# Encodings in which each byte is a character, so that a file can be converted in pieces.
single_byte_encoding <- "^(latin-?[0-9]+|iso-?8859-?[0-9]+|iso_8859-[0-9]+|windows-?125[0-9]|cp-?125[0-9]|cp-?(437|850|852)|koi8-?[ru]|macintosh)$"

# The path of an uncompressed file in UTF-8: `file` itself, or a temporary one. It is read twice, as compressed files
# cannot be without decompressing them twice.
plain_file <- function(file, encoding) {
  if (!is.character(encoding) || length(encoding) != 1 || is.na(encoding)) {
    raise_usage("The encoding must be one string such as \"UTF-8\" or \"latin1\", not ", deparse_short(encoding))
  }
  # The library knows UTF-16 by its byte order mark, whatever is said here.
  converts <- !(tolower(encoding) %in% c("utf-8", "utf8", "utf-8-bom", "ascii", "us-ascii"))
  if (tolower(encoding) %in% utf16_encodings && is_marked_utf16(file)) converts <- FALSE
  if (converts && !grepl(single_byte_encoding, tolower(encoding))) {
    raise_unsupported(
      "Files in the encoding \"", encoding, "\" cannot be imported; convert it first, in a terminal: iconv -f ", encoding,
      " -t UTF-8 ", shQuote(file), " > converted.csv"
    )
  }
  how <- compression_of(file)
  if (how != "none") file <- decompressed(file, how)
  if (!converts) return(file)
  if (how != "none") on.exit(unlink(file))
  converted(file, encoding)
}

utf16_encodings <- c("utf-16", "utf16", "utf-16le", "utf-16be", "ucs-2", "ucs-2le", "ucs-2be")

# Also of compressed files, which R's own connections decompress.
is_marked_utf16 <- function(file) {
  connection <- gzfile(file, "rb")
  on.exit(close(connection))
  start <- tryCatch(readBin(connection, "raw", 2), error = function(problem) raw())
  identical(start, as.raw(c(0xff, 0xfe))) || identical(start, as.raw(c(0xfe, 0xff)))
}

# ---- compressed files ------------------------------------------------------------------------------------------------

# By the first bytes of the file, whatever its name.
compression_of <- function(file) {
  start <- tryCatch(readBin(file, "raw", 6), error = function(problem) raw())
  begins <- function(...) length(start) >= ...length() && all(start[seq_len(...length())] == as.raw(c(...)))
  if (begins(0x1f, 0x8b)) return("gz")
  if (begins(0x42, 0x5a, 0x68)) return("bz2")
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return("xz")
  "none"
}

compression_programs <- c(gz = "gzip", bz2 = "bzip2", xz = "xz")

# The programs are used because R's own connections do not tell the end of a file from damage: rows would be missing
# without a word.
decompressed <- function(file, how) {
  program <- Sys.which(compression_programs[[how]])
  if (!nzchar(program)) {
    raise_unsupported("'", file, "' is compressed, and the program ", compression_programs[[how]], " is not there; decompress it first")
  }
  plain <- tempfile("ufostore-import-", fileext = ".csv")
  messages <- tempfile()
  is_done <- FALSE
  on.exit(unlink(c(messages, if (!is_done) plain)))
  status <- system2(program, c("-dc", "--", shQuote(file)), stdout = plain, stderr = messages)
  if (status != 0) {
    raise_condition(
      "io", paste0("Cannot decompress '", file, "': ", paste(readLines(messages, warn = FALSE), collapse = " ")),
      hint = "Nothing was changed. Check the file, and the room in the folder for temporary files (TMPDIR)."
    )
  }
  is_done <- TRUE
  plain
}

# ---- encodings -------------------------------------------------------------------------------------------------------

converted <- function(file, encoding) {
  plain <- tempfile("ufostore-import-", fileext = ".csv")
  is_done <- FALSE
  on.exit(if (!is_done) unlink(plain))
  from <- file(file, "rb")
  on.exit(close(from), add = TRUE)
  to <- file(plain, "wb")
  on.exit(close(to), add = TRUE)
  repeat {
    bytes <- readBin(from, "raw", 2^20)
    if (length(bytes) == 0) break
    bytes <- convert_bytes(bytes, encoding, file)
    writeBin(bytes, to)
  }
  is_done <- TRUE
  plain
}

convert_bytes <- function(bytes, encoding, file) {
  result <- tryCatch(iconv(list(bytes), encoding, "UTF-8", toRaw = TRUE)[[1]], error = function(problem) NULL)
  if (is.null(result)) raise_usage("'", file, "' is not text in the encoding \"", encoding, "\"")
  result
}
