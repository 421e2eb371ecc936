# Checks of arguments: what passes can be given to C code as it is.

name_bytes_max <- 480L

# A name of an object, in UTF-8.
check_name <- function(name, path = NULL) {
  if (is.symbol(name)) name <- as.character(name)
  if (!is.character(name) || length(name) != 1 || is.na(name) || !nzchar(name)) {
    raise_usage("The name of an object must be one non-empty string, not ", deparse_short(name), path = path)
  }
  name <- as.character(name)
  # Before the conversion, which would write what is not valid as "<e9>".
  if (Encoding(name) == "bytes" || !validEnc(name)) {
    raise_usage("The name of an object must be valid text in its encoding", path = path)
  }
  name <- enc2utf8(name)
  if (nchar(name, "bytes") > name_bytes_max) {
    raise_usage(
      "The name '", substr(name, 1, 40), "...' has ", nchar(name, "bytes"), " bytes; at most ",
      name_bytes_max, " are allowed", path = path
    )
  }
  name
}

# The label of a snapshot: the same rules.
check_label <- function(label, path) {
  bytes <- if (is.character(label) && length(label) == 1 && !is.na(label)) nchar(label, "bytes") else 0L
  if (bytes == 0L || Encoding(label) == "bytes" || !validEnc(label)) {
    raise_usage("The label of a snapshot must be one non-empty string, not ", deparse_short(label), path = path)
  }
  label <- enc2utf8(as.character(label))
  if (nchar(label, "bytes") > name_bytes_max) {
    raise_usage(
      "The label '", substr(label, 1, 40), "...' has ", nchar(label, "bytes"), " bytes; at most ", name_bytes_max,
      " are allowed", path = path
    )
  }
  label
}

check_version <- function(version, path, name) {
  if (is.null(version)) return(NULL)
  if (!is.numeric(version) || length(version) != 1 || is.na(version) || version < 1 || version != trunc(version) ||
        version > 2^52) {
    raise_usage(
      "The version of '", name, "' must be a whole number from 1 on, not ", deparse_short(version),
      path = path, object = name
    )
  }
  as.numeric(version)
}

# The size of a chunk in bytes; 0 for the default.
check_chunk <- function(chunk, path, name) {
  if (is.null(chunk)) return(0)
  bytes <- size_to_bytes(chunk)
  if (is.na(bytes) || bytes < 4096 || bytes > 16 * 1024^2 || log2(bytes) != trunc(log2(bytes))) {
    raise_usage(
      "The chunk of '", name, "' must be a power of two from \"4KB\" to \"16MB\", not ", deparse_short(chunk),
      path = path, object = name
    )
  }
  bytes
}

check_length <- function(length, path, name) {
  if (!is.numeric(length) || base::length(length) != 1 || is.na(length) || length < 0 || length != trunc(length) ||
        length > 2^52) {
    raise_usage(
      "The length of '", name, "' must be a whole number from 0 to 2^52, not ", deparse_short(length),
      path = path, object = name
    )
  }
  as.numeric(length)
}

# A number of things to show, which may be Inf.
check_count <- function(count, what) {
  if (!is.numeric(count) || length(count) != 1 || is.na(count) || count < 0) {
    raise_usage(what, " must be a number from 0 on, not ", deparse_short(count))
  }
  floor(count)
}

# One of `choices`; the first if the argument was left at its default.
check_choice <- function(value, choices, what) {
  if (identical(value, choices)) return(choices[[1]])
  if (!is.character(value) || length(value) != 1 || !(value %in% choices)) {
    raise_usage(
      what, " must be one of ", paste0("\"", choices, "\"", collapse = ", "), ", not ", deparse_short(value)
    )
  }
  value
}

check_path <- function(path, what) {
  if (!is.character(path) || length(path) != 1 || is.na(path) || !nzchar(path)) {
    raise_usage(what, " must be the path of a file, not ", deparse_short(path))
  }
  absolute_path(path)
}

# Files that do not exist yet have no normal form, but their folder has.
absolute_path <- function(path) {
  path <- path.expand(path)
  if (file.exists(path)) return(enc2utf8(normalizePath(path)))
  folder <- dirname(path)
  if (dir.exists(folder)) folder <- normalizePath(folder)
  enc2utf8(file.path(sub("/$", "", folder), basename(path)))
}

check_store <- function(store) {
  if (!inherits(store, "ufo_store") || typeof(store) != "externalptr") {
    raise_usage("A store as opened by ufo_open() is needed here, not ", deparse_short(class(store)))
  }
  store
}
