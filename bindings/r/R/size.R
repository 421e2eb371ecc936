# Sizes in bytes, as users write and read them.

size_units <- c("", "K", "M", "G", "T", "P")

# Bytes of "512MB", "2GiB", "64k" or a number. Units are powers of 1024, as everywhere in R. NA if it is no size.
size_to_bytes <- function(size) {
  if (length(size) != 1 || is.na(size)) return(NA_real_)
  if (is.numeric(size)) return(if (is.finite(size) && size >= 0) as.numeric(size) else NA_real_)
  if (!is.character(size)) return(NA_real_)
  pattern <- "^ *([0-9]+[.]?[0-9]*|[.][0-9]+) *([KMGTP]?)(I?B)? *$"
  text <- toupper(size)
  if (!grepl(pattern, text)) return(NA_real_)
  unit <- sub(pattern, "\\2", text)
  floor(as.numeric(sub(pattern, "\\1", text)) * 1024^(match(unit, size_units) - 1))
}

# No size is larger: the library counts in 64 bits.
size_max <- 2^62

check_size <- function(size, what) {
  bytes <- size_to_bytes(size)
  if (is.na(bytes)) {
    raise_usage(what, " must be a size such as \"512MB\", \"2GiB\" or a number of bytes, not ", deparse_short(size))
  }
  if (bytes > size_max) raise_usage(what, " must be at most 2^62 bytes, not ", deparse_short(size))
  bytes
}

format_size <- function(bytes) {
  if (is.na(bytes)) return("")
  power <- if (bytes < 1024) 0 else min(floor(log(bytes, 1024)), length(size_units) - 1)
  if (power == 0) return(paste(format(bytes, digits = 15), "B"))
  paste0(format(signif(bytes / 1024^power, 3), digits = 3), " ", size_units[power + 1], "iB")
}

format_count <- function(count) {
  if (is.na(count)) "" else format(count, big.mark = ",", scientific = FALSE, digits = 15, trim = TRUE)
}

deparse_short <- function(x) {
  text <- paste(deparse(x, width.cutoff = 60L, nlines = 1L), collapse = " ")
  if (nchar(text) > 60) paste0(substr(text, 1, 57), "...") else text
}
