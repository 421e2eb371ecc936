# What a store knows of an object without reading it.

ufo_info <- function(store, name, version = NULL) {
  pointer <- store_pointer(store)
  name <- check_name(name, store_path(store))
  version <- check_version(version, store_path(store), name)
  raw <- .Call(ufor_info, pointer, name, version)
  info <- list(
    name = raw$name,
    type = r_type(raw),
    class = raw$class,
    length = raw$length,
    dim = if ("data.frame" %in% raw$class) c(raw$rows, raw$length) else raw$dim,
    version = raw$version,
    chunk_bytes = raw$chunk_bytes,
    chunks = raw$chunks,
    chunks_written = raw$chunks_written,
    chunks_changed = raw$chunks_changed,
    chunks_lost = raw$chunks_lost,
    bytes = raw$bytes,
    stored_bytes = raw$stored_bytes,
    ratio = raw$bytes / raw$stored_bytes, # NaN for no bytes at all, Inf for chunks that take none
    codecs = raw$codecs[raw$codecs > 0],
    created = as_time(raw$created),
    changed = as_time(raw$changed)
  )
  structure(info, class = "ufo_info")
}

as_time <- function(seconds) .POSIXct(if (seconds > 0) seconds else NA_real_)

# The type as typeof() says it once the object is in R.
r_type <- function(raw) {
  if (identical(raw$type, "record")) return("raw")
  if (identical(raw$type, "serialized") && is.character(raw$r_type) && length(raw$r_type) == 1) return(raw$r_type)
  raw$type
}

# "double", "factor (integer)", "data.frame (list)" ...
describe_type <- function(info) {
  if (is.character(info$class) && length(info$class) > 0) {
    return(paste0(encodeString(info$class[[1]]), " (", info$type, ")"))
  }
  info$type
}

# "150", or "150 x 5" of what has rows and columns.
format_extent <- function(info) {
  paste(vapply(if (is.null(info$dim)) info$length else info$dim, format_count, ""), collapse = " x ")
}

format_ratio <- function(ratio) {
  if (!is.finite(ratio)) "" else paste0(if (ratio < 1e4) format(signif(ratio, 3)) else format_count(signif(ratio, 3)), "x")
}

format.ufo_info <- function(x, ...) {
  lines <- c(
    type = describe_type(x),
    length = format_extent(x),
    version = format_count(x$version),
    chunks = paste0(
      format_count(x$chunks), if (x$chunk_bytes > 0) paste(" of", format_size(x$chunk_bytes)), ", ", format_count(x$chunks_changed),
      " changed by this version", if (x$chunks_lost > 0) paste0(", ", format_count(x$chunks_lost), " lost")
    ),
    stored = paste0(
      format_size(x$stored_bytes), " for ", format_size(x$bytes),
      if (is.finite(x$ratio)) paste0(" (", format(signif(x$ratio, 3)), " times smaller)")
    ),
    codecs = paste(names(x$codecs), vapply(x$codecs, format_count, ""), collapse = ", "),
    created = format(x$created),
    changed = format(x$changed)
  )
  paste0("  ", format(paste0(names(lines), ":")), " ", lines)
}

print.ufo_info <- function(x, ...) {
  cat("<ufo_info> ", encodeString(x$name), "\n", sep = "")
  cat(format(x, ...), sep = "\n")
  invisible(x)
}
