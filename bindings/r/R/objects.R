# Putting objects into a store and getting them out.

ufo_get <- function(store, name, version = NULL, form = c("altrep", "plain")) {
  form <- check_choice(form, c("altrep", "plain"), "The form")
  if (form == "plain" && !.Call(ufor_plain_offered)) {
    raise_unsupported(
      "The form \"plain\" needs an R before 4.5, which lets packages allocate the memory of a vector; ",
      "ufo_materialize() makes an ordinary copy",
      path = store_path(check_store(store))
    )
  }
  fetch(store, name, version, plain = form == "plain")
}

# The object, or absent[[1]] if there is none and `absent` is not NULL.
fetch <- function(store, name, version = NULL, absent = NULL, plain = FALSE) {
  pointer <- store_pointer(store)
  name <- check_name(name, store_path(store))
  version <- check_version(version, store_path(store), name)
  value <- .Call(ufor_get, pointer, name, version, absent, plain)
  if (plain) value else lazy_if_wanted(value)
}

ufo_put <- function(store, name, x, chunk = NULL, conflict = c("error", "merge", "replace")) {
  pointer <- store_pointer(store)
  name <- check_name(name, store_path(store))
  check_changeable(store, paste0("store '", name, "'"))
  chunk <- check_chunk(chunk, store_path(store), name)
  conflict <- check_choice(conflict, c("error", "merge", "replace"), "What to do on a conflict")
  .Call(ufor_put, pointer, name, unlazy_deeply(x), chunk, conflict)
  invisible(store)
}

ufo_create <- function(store, name, type = c("logical", "integer", "double", "complex", "raw", "character"), length = 0,
                       chunk = NULL) {
  pointer <- store_pointer(store)
  path <- store_path(store)
  name <- check_name(name, path)
  if (identical(type, "numeric")) type <- "double"
  if (identical(type, "list")) {
    raise_unsupported(
      "An empty '", name, "' of type ", type, " cannot be created in this version of ufostore; store a value instead",
      path = path, object = name
    )
  }
  type <- check_choice(type, c("logical", "integer", "double", "complex", "raw", "character"), "The type")
  length <- check_length(length, path, name)
  check_changeable(store, paste0("create '", name, "'"))
  chunk <- check_chunk(chunk, path, name)
  .Call(ufor_store_create, pointer, name, type, length, chunk)
  invisible(store)
}
