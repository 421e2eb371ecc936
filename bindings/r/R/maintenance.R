# Checking a store and giving back its unused room.

ufo_verify <- function(store, progress = interactive()) {
  damage <- .Call(ufor_verify, store_pointer(store), isTRUE(progress))
  as.data.frame(damage, stringsAsFactors = FALSE)
}

ufo_salvage <- function(path, out, progress = interactive()) {
  path <- check_path(path, "The damaged store")
  out <- check_path(out, "The new store")
  damage <- .Call(ufor_salvage, path, out, isTRUE(progress))
  as.data.frame(damage, stringsAsFactors = FALSE)
}

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
