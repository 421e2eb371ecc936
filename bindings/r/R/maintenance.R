# Checking a store and giving back its unused room.

ufo_verify <- function(store, progress = interactive()) {
  as_damage(.Call(ufor_verify, store_pointer(store), progress_form(progress)), store_path(store))
}

ufo_salvage <- function(path, out, progress = interactive()) {
  path <- check_path(path, "The damaged store")
  out <- check_path(out, "The new store")
  # Views that nothing refers to any more would count as users of the store.
  gc(full = TRUE)
  as_damage(.Call(ufor_salvage, path, out, progress_form(progress)), path)
}

# A data frame that knows what was checked: the store at `path`, a file of so many bytes.
as_damage <- function(found, path) {
  structure(found, path = path, bytes = file.size(path), row.names = seq_along(found$cause),
            class = c("ufo_damage", "data.frame"))
}

# Rows that were picked say nothing of the store as a whole any more.
`[.ufo_damage` <- function(x, ...) {
  class(x) <- "data.frame"
  attr(x, "path") <- attr(x, "bytes") <- NULL
  x[...]
}

print.ufo_damage <- function(x, n = 20L, ...) {
  n <- check_count(n, "The number of damages to print")
  cat("<ufo_damage> ", encodeString(attr(x, "path")), " (", format_size(attr(x, "bytes")), ")\n", sep = "")
  rows <- x[seq_len(min(n, nrow(x))), , drop = FALSE]
  if (nrow(x) == 0) cat("all sound\n")
  for (i in seq_len(nrow(rows))) {
    row <- rows[i, ]
    place <- if (is.na(row$object)) "the store itself" else paste0("'", encodeString(row$object), "' version ", row$version)
    elements <- if (!is.na(row$first)) paste0(", elements ", format_count(row$first), " to ", format_count(row$last))
    cat("damaged: ", place, elements, "\n         ", row$cause, "\n", sep = "")
  }
  if (nrow(rows) < nrow(x)) cat("... and ", format_count(nrow(x) - nrow(rows)), " more: as.data.frame() has them all\n", sep = "")
  invisible(x)
}

as.data.frame.ufo_damage <- function(x, ...) x[]

ufo_compact <- function(store, path = NULL) {
  pointer <- store_pointer(store)
  before <- file.size(store_path(store))
  if (!is.null(path)) path <- check_path(path, "The compact copy")
  # Views that nothing refers to any more would count as users of the store.
  gc(full = TRUE)
  .Call(ufor_store_compact, pointer, path)
  after <- file.size(if (is.null(path)) store_path(store) else path)
  invisible(c(before = before, after = after))
}
