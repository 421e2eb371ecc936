# A store is an external pointer of class "ufo_store" (src/store.h), so that assigning into it changes the one store,
# whoever holds it. Where it is sent or saved to, it is opened for reading when it is used (src/sent.h). It is no
# environment and no list, so that in a session without this package `store$x` is an error, and not NULL.

ufo_open <- function(path, mode = c("rw", "r", "create"), snapshot = NULL, preflight = FALSE) {
  given <- !missing(mode)
  path <- check_path(path, "The store to open")
  mode <- check_choice(mode, c("rw", "r", "create"), "The mode")
  if (!is.null(snapshot)) {
    snapshot <- check_label(snapshot, path)
    if (given && mode != "r") {
      raise_usage(
        "Cannot open snapshot '", snapshot, "' with mode \"", mode, "\": snapshots never change; leave the mode out",
        path = path
      )
    }
    mode <- "r"
  }
  if (!isTRUE(preflight) && !isFALSE(preflight)) {
    raise_usage("preflight must be TRUE or FALSE, not ", deparse_short(preflight), path = path)
  }
  store <- .Call(ufor_store_open, path, mode, snapshot, preflight)
  class(store) <- "ufo_store"
  store
}

ufo_close <- function(store) {
  .Call(ufor_store_close, store_pointer(store))
  invisible(NULL)
}

store_pointer <- function(store) check_store(store)

store_path <- function(store) .Call(ufor_store_path, store)

store_snapshot <- function(store) .Call(ufor_store_snapshot, check_store(store))

# What is to be done, in case it cannot: "store 'x'".
check_changeable <- function(store, what) {
  label <- store_snapshot(store)
  if (is.null(label) || store_state(store) == "closed") return(invisible(store))
  raise_usage(
    "Cannot ", what, ": this is the store as it was at snapshot '", label, "', which never changes. To change the ",
    "store, open it without `snapshot`; ufo_get() from here and ufo_put(conflict = \"replace\") there bring back what was",
    path = store_path(store)
  )
}

store_state <- function(store) .Call(ufor_store_state, store_pointer(store))

names.ufo_store <- function(x) .Call(ufor_store_names, store_pointer(x))

length.ufo_store <- function(x) length(names(x))

`$.ufo_store` <- function(x, name) fetch(x, name, absent = list(NULL))

`[[.ufo_store` <- function(x, i, ...) fetch(x, i, absent = list(NULL))

`$<-.ufo_store` <- function(x, name, value) assign_or_remove(x, name, value)

`[[<-.ufo_store` <- function(x, i, ..., value) assign_or_remove(x, i, value)

assign_or_remove <- function(store, name, value) {
  if (is.null(value)) {
    name <- check_name(name, store_path(store))
    check_changeable(store, paste0("remove '", name, "'"))
    .Call(ufor_store_remove, store_pointer(store), name)
    return(invisible(store))
  }
  ufo_put(store, name, value)
}

# Vectors and data frames as they are opened, without reading them.
as.list.ufo_store <- function(x, ...) {
  all_names <- names(x)
  structure(lapply(all_names, function(name) x[[name]]), names = all_names)
}

# Only what the expression names is opened.
with.ufo_store <- function(data, expr, ...) {
  within <- new.env(parent = parent.frame())
  lapply(names(data), function(name) delayedAssign(name, data[[name]], assign.env = within))
  eval(substitute(expr), within)
}

.DollarNames.ufo_store <- function(x, pattern = "") {
  if (store_state(x) == "closed") return(character())
  grep(pattern, names(x), value = TRUE)
}

# The base method takes any two external pointers of one class for equal.
all.equal.ufo_store <- function(target, current, ...) {
  if (!inherits(current, "ufo_store")) return("current is not a store")
  same <- c(
    identical(store_path(target), store_path(current)), identical(store_snapshot(target), store_snapshot(current))
  )
  different <- c("path", "snapshot")[!same]
  if (length(different) == 0) TRUE else paste("stores of another", different)
}

format.ufo_store <- function(x, ...) {
  label <- store_snapshot(x)
  at <- if (!is.null(label)) paste0("snapshot ", encodeString(label, quote = "'"), ", ")
  paste0("<ufo_store> ", encodeString(store_path(x)), " (", at, store_state(x), ")")
}

print.ufo_store <- function(x, n = 20L, ...) {
  n <- check_count(n, "The number of objects to print")
  cat(format(x), "\n", sep = "")
  if (store_state(x) == "closed") return(invisible(x))
  all_names <- names(x)
  if (length(all_names) == 0) {
    cat("no objects\n")
    return(invisible(x))
  }
  shown <- all_names[seq_len(min(n, length(all_names)))]
  if (length(shown) > 0) cat(object_table(x, shown), sep = "\n")
  if (length(shown) < length(all_names)) {
    if (length(shown) > 0) cat("... and ")
    more <- if (length(shown) > 0) " more" else if (length(all_names) == 1) " object" else " objects"
    cat(format_count(length(all_names) - length(shown)), more, ": names() lists them all\n", sep = "")
  }
  invisible(x)
}

summary.ufo_store <- function(object, ...) {
  all_names <- names(object)
  infos <- lapply(all_names, function(name) readable_info(object, name))
  field <- function(name) vapply(infos, function(info) info[[name]], 0)
  data.frame(
    name = all_names, type = vapply(infos, describe_type, ""), length = field("length"),
    stored_bytes = field("stored_bytes"), version = field("version"), stringsAsFactors = FALSE
  )
}

# Meant for looking at whatever is there, so a store that is closed or cannot be read is no error here.
str.ufo_store <- function(object, ...) {
  text <- tryCatch({
    if (store_state(object) == "closed") ""
    else {
      all_names <- names(object)
      first <- encodeString(all_names[seq_len(min(10, length(all_names)))], quote = "\"")
      paste0(
        ", ", format_count(length(all_names)), if (length(all_names) == 1) " object" else " objects",
        if (length(first) > 0) ": ", paste(first, collapse = ", "), if (length(first) < length(all_names)) ", ..."
      )
    }
  }, ufo_error = function(problem) ", which cannot be read")
  cat(" ", format(object), text, "\n", sep = "")
  invisible()
}

# As ufo_info(), but an object whose entry cannot be read does not keep the others from being listed.
readable_info <- function(store, name) {
  tryCatch(ufo_info(store, name), ufo_error = function(problem) {
    type <- if (problem$code == "corrupt") "damaged" else "unreadable"
    unknown <- list(length = NA_real_, bytes = NA_real_, stored_bytes = NA_real_, ratio = NA_real_, version = NA_real_)
    c(list(name = name, type = type, changed = .POSIXct(NA_real_)), unknown)
  })
}

# One line for each object, under a line of headings.
object_table <- function(store, names) {
  infos <- lapply(names, function(name) readable_info(store, name))
  column <- function(heading, as_text, justify = "right") {
    format(c(heading, vapply(infos, as_text, "")), justify = justify)
  }
  rows <- paste(
    format(c("name", encodeString(names)), justify = "left"),
    column("type", describe_type, "left"),
    column("length", format_extent),
    column("size", function(info) format_size(info$bytes)),
    column("stored", function(info) format_size(info$stored_bytes)),
    column("ratio", function(info) format_ratio(info$ratio)),
    column("version", function(info) format_count(info$version)),
    column("changed", function(info) if (is.na(info$changed)) "" else format(info$changed, "%Y-%m-%d %H:%M")),
    sep = "  "
  )
  sub(" +$", "", rows)
}
