# Rscript make.R FOLDER: makes FOLDER/r.ufo with the R package, and prints the lines for MANIFEST, from the values put in.
# The columns are those of tests/common/digest.h. Needs the package ufostore and sha256sum.
library(ufostore)

sha256 <- function(bytes) {
  file <- tempfile()
  writeBin(bytes, file)
  substr(system2("sha256sum", file, stdout = TRUE), 1, 64)
}
little <- function(x, size = NA_integer_) writeBin(x, raw(), size = size, endian = "little")
word <- function(n) c(little(as.integer(n)), raw(4)) # u64

# Section 6 of FORMAT.md. R keeps attributes that are no vectors of numbers or strings as type 6, serialized.
attribute <- function(key, value) {
  type <- match(typeof(value), c("logical", "integer", "double", "raw", "character"))
  if (is.na(type) || !is.null(attributes(value))) type <- 6
  bytes <- switch(type,
    little(as.integer(value)), little(value), little(value), value,
    c(
      little(ifelse(is.na(value), -1L, nchar(value, "bytes"))),
      unlist(lapply(value[!is.na(value)], function(s) charToRaw(enc2utf8(s))))
    ),
    serialize(value, NULL, version = 3)
  )
  count <- if (type == 6) length(bytes) else length(value)
  c(as.raw(c(type, nchar(key, "bytes"))), word(count), word(length(bytes)), charToRaw(key), bytes)
}
attribute_hash <- function(attributes) {
  if (length(attributes) == 0) return("-")
  sha256(c(little(length(attributes)), unlist(Map(attribute, names(attributes), attributes))))
}

body <- function(x) {
  switch(typeof(x),
    logical = little(as.integer(x)), integer = , double = little(as.vector(unclass(x))), raw = as.raw(x),
    complex = little(as.vector(rbind(Re(x), Im(x))))
  )
}

# Section 7a: the words and the text of strings, equal ones of 8 to 4095 bytes once.
u32 <- function(number) as.raw(floor(number / 256^(0:3)) %% 256)
words_and_text <- function(x) {
  text <- raw()
  known <- list()
  words <- lapply(seq_along(x), function(i) {
    if (is.na(x[i])) return(as.raw(c(1, 0, 0, 0, 0, 0, 0, 0)))
    encoding <- switch(Encoding(x[i]), latin1 = 2, bytes = 3, 1)
    bytes <- charToRaw(x[i])
    n <- length(bytes)
    if (n == 0) return(raw(8))
    if (n <= 7) return(c(as.raw(16 * encoding + n), bytes, raw(7 - n)))
    key <- paste(encoding, paste(bytes, collapse = ""))
    at <- if (n < 4096) known[[key]]
    if (is.null(at)) {
      at <- length(text)
      if (n < 4096) known[[key]] <<- at
      text <<- c(text, if (n >= 4096) word(n), bytes)
    }
    long <- n >= 4096
    c(u32(at %% 4096 * 2^20 + (if (long) 0 else n * 256) + 16 * encoding + (if (long) 9 else 8)), u32(floor(at / 4096)))
  })
  list(words = as.raw(unlist(words)), text = text)
}

lines_of <- function(name, x) {
  line <- function(type, length, body, attributes, of = name)
    paste("r.ufo", of, 1, type, length, body, attribute_hash(attributes), sep = "\t")
  if (typeof(x) == "list") {
    bare <- unclass(x)
    attributes(bare) <- NULL
    # The row names as they are kept, not as attributes() shows them.
    kept <- attributes(x)
    if (is.data.frame(x)) kept$row.names <- .row_names_info(x, 0L)
    c(line("list", length(x), "-", kept), unlist(Map(lines_of, sprintf("%s[[%d]]", name, seq_along(bare)), bare)))
  } else if (typeof(x) %in% c("logical", "integer", "double", "complex", "raw")) {
    line(typeof(x), length(x), sha256(body(x)), attributes(x))
  } else if (typeof(x) == "character") {
    parts <- words_and_text(x)
    c(
      line("character", length(x), "-", attributes(x)),
      line("record(8)", length(x), sha256(parts$words), NULL, paste0(name, "[[1]]")),
      line("raw", length(parts$text), sha256(parts$text), NULL, paste0(name, "[[2]]"))
    )
  } else {
    bytes <- serialize(x, NULL, version = 3)
    line("serialized", length(bytes), sha256(bytes), list(R.type = typeof(x), R.length = as.double(length(x))))
  }
}

values <- list(
  character = c("a", NA, "\u00e9t\u00e9", "", "NA"),
  complex = complex(real = c(1, NA, -0), imaginary = c(0, 2, Inf)),
  date = as.Date(c("1970-01-01", NA, "2024-02-29")),
  double = c(0, NA, NaN, Inf, -Inf, 1e300, .Machine$double.xmin),
  factor = factor(c("low", NA, "high", "low"), levels = c("low", "middle", "high")),
  frame = data.frame(x = 1:3, y = c(0.5, NA, -1), s = c("one", NA, "three"), f = factor(c("u", "v", "u"))),
  integer = c(1L, NA, -.Machine$integer.max),
  list = list(1L, b = list(TRUE, "deep"), NULL, c = quote(f(x))),
  logical = c(TRUE, NA, FALSE),
  long = (1:5000)^2,
  matrix = matrix(1:6, 2, dimnames = list(NULL, c("a", "b", "c"))),
  named = c(a = 1, b = 2),
  null = NULL,
  ordered = factor(c("b", "a"), levels = c("a", "b"), ordered = TRUE),
  posixct = as.POSIXct(c(0, 1.7e9), origin = "1970-01-01", tz = "UTC"),
  raw = as.raw(0:255),
  strings = c(
    x = NA, y = "", z = "seven77", "eight888", "eight888", "na\u00efve caf\u00e9", `Encoding<-`("na\xefve caf\xe9", "latin1"),
    `Encoding<-`("\xff\xfe\xfd", "bytes"), strrep("long ", 1000), strrep("4095 ", 819), strrep("4096", 1024), sprintf("string %d", 1:700)
  )
)
values <- values[order(names(values), method = "radix")]
folder <- commandArgs(TRUE)[1]
path <- file.path(folder, "r.ufo")
unlink(path)
s <- ufo_open(path, mode = "create")
for (name in names(values)) ufo_put(s, name, if (name == "null") NULL else values[[name]], chunk = "4KB")
ufo_close(s)
unlink(paste0(path, "-lock"))
cat("# r.ufo: values of R, as the R package writes them (make.R)\n")
for (name in names(values)) writeLines(lines_of(name, values[[name]]))
