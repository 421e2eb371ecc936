# Snapshots of a store, and the versions of an object.

ufo_snapshot <- function(store, label) {
  pointer <- store_pointer(store)
  label <- check_label(label, store_path(store))
  check_changeable(store, paste0("make snapshot '", label, "'"))
  .Call(ufor_snapshot_create, pointer, label)
  invisible(store)
}

ufo_snapshot_remove <- function(store, label) {
  pointer <- store_pointer(store)
  label <- check_label(label, store_path(store))
  check_changeable(store, paste0("remove snapshot '", label, "'"))
  # Vectors that nothing refers to any more would keep what is to be freed.
  gc(full = TRUE)
  .Call(ufor_snapshot_remove, pointer, label)
  invisible(store)
}

ufo_snapshots <- function(store) {
  raw <- .Call(ufor_snapshots, store_pointer(store))
  raw$created <- .POSIXct(raw$created)
  as_listing(raw, "ufo_snapshots")
}

ufo_versions <- function(store, name) {
  pointer <- store_pointer(store)
  name <- check_name(name, store_path(store))
  raw <- .Call(ufor_versions, pointer, name)
  # Of what is serialized the library counts bytes. A version may have gone since it was listed.
  if (identical(tryCatch(.Call(ufor_info, pointer, name, NULL)$type, ufo_error = function(gone) ""), "serialized")) {
    raw$length <- vapply(raw$version, function(version) {
      tryCatch(.Call(ufor_info, pointer, name, version)$length, ufo_error = function(gone) NA_real_)
    }, 0)
  }
  raw$changed <- .POSIXct(replace(raw$changed, raw$changed <= 0, NA_real_))
  as_listing(raw, "ufo_versions")
}

as_listing <- function(raw, class) {
  listing <- as.data.frame(raw, stringsAsFactors = FALSE)
  class(listing) <- c(class, "data.frame")
  listing
}

counts <- function(numbers) vapply(numbers, format_count, "")

sizes <- function(bytes) vapply(bytes, format_size, "")

# Cells as text, by the name of the column; columns that were left out stay so.
cell_formats <- list(
  label = identity, created = format, objects = counts, held_bytes = sizes,
  version = counts, changed = format, length = counts, chunks_changed = counts, stored_bytes = sizes,
  current = function(yes) ifelse(yes, "current", ""), open = function(yes) ifelse(yes, "open", ""),
  snapshot = function(label) ifelse(is.na(label), "", label), snapshots = counts
)
headings <- c(held_bytes = "held", chunks_changed = "chunks", stored_bytes = "stored")

print_listing <- function(x, none) {
  if (nrow(x) == 0) {
    cat(none, "\n", sep = "")
    return(invisible(x))
  }
  cells <- lapply(names(x), function(column) {
    as_text <- cell_formats[[column]]
    if (is.null(as_text)) format(x[[column]]) else as_text(x[[column]])
  })
  shorter <- headings[names(x)]
  names(cells) <- ifelse(is.na(shorter), names(x), shorter)
  print(structure(cells, class = "data.frame", row.names = seq_len(nrow(x))), row.names = FALSE)
  invisible(x)
}

print.ufo_snapshots <- function(x, ...) print_listing(x, "no snapshots")

# One column for the snapshots, to fit a line: the newest, and how many more.
print.ufo_versions <- function(x, ...) {
  shown <- as.data.frame(x)
  if (all(c("snapshot", "snapshots") %in% names(x))) {
    more <- x$snapshots > 1
    shown$snapshot[more] <- paste0(x$snapshot[more], " (and ", counts(x$snapshots[more] - 1), " more)")
    shown$snapshots <- NULL
  }
  print_listing(shown, "no versions")
  invisible(x)
}
