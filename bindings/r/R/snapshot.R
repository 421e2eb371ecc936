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

# As a data frame of text; columns that were left out stay so.
readable <- function(listing) {
  formats <- list(
    label = identity, snapshot = function(label) ifelse(is.na(label), "", label),
    objects = counts, version = counts, length = counts, chunks_changed = counts, snapshots = counts,
    held_bytes = sizes, stored_bytes = sizes, created = format, changed = format,
    current = function(yes) ifelse(yes, "current", ""), open = function(yes) ifelse(yes, "open", "")
  )
  cells <- lapply(names(listing), function(column) {
    as_text <- formats[[column]]
    if (is.null(as_text)) format(listing[[column]]) else as_text(listing[[column]])
  })
  names(cells) <- sub("_bytes$", "", sub("_", " ", names(listing)))
  names(cells)[names(listing) == "chunks_changed"] <- "chunks changed"
  structure(cells, class = "data.frame", row.names = seq_len(nrow(listing)))
}

counts <- function(numbers) vapply(numbers, format_count, "")

sizes <- function(bytes) vapply(bytes, format_size, "")

print_listing <- function(x, none) {
  if (nrow(x) == 0) cat(none, "\n", sep = "") else print(readable(x), row.names = FALSE, right = TRUE)
  invisible(x)
}

print.ufo_snapshots <- function(x, ...) print_listing(x, "no snapshots")

print.ufo_versions <- function(x, ...) print_listing(x, "no versions")
