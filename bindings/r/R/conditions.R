# Every error of this package is a classed condition: c("ufo_<kind>_error", "ufo_error", "error",
# "condition"), with the fields `code` (the kind), `path` and `object`. See ?ufo_conditions.

# What can be done about an error of each kind.
advice <- c(
  io = "Check the disk, the path and the permissions, then try again.",
  corrupt = "ufo_verify() lists everything that is damaged; the rest of the store is readable.",
  conflict = paste(
    "Nothing was stored. Get the object again and repeat the change, or use",
    "ufo_put(conflict = \"merge\") or ufo_put(conflict = \"replace\")."
  ),
  full = "Make room (disk, or memory with ufo_memory()), then try again.",
  missing = "names() of the store lists what it holds.",
  usage = "Nothing was changed.",
  unsupported = "See the Limits section of ?ufostore."
)

# Where the general advice does not fit: while a store is opened, for snapshots, and where the object is there but not
# the version.
advice_opening <- replace(
  advice, c("corrupt", "missing", "usage"), c(
    "Check that the path is that of a store. A damaged store may have to be replaced by a copy.",
    "Check the path. Modes \"rw\" and \"create\" make a new store, in a folder that exists.",
    "Check the path and the mode: \"rw\" opens a store that exists."
  )
)
advice_opening_snapshot <- replace(
  advice_opening, "missing", "Check the path and the label: ufo_snapshots() lists those of a store."
)
advice_snapshot <- replace(
  advice, c("missing", "usage"), c("ufo_snapshots() lists them.", "Nothing was changed; ufo_snapshots() lists them.")
)
advice_version <- replace(advice, "missing", "ufo_versions() lists those that can be read.")

advice_following <- replace(
  advice_opening, c("missing", "corrupt"), c(
    paste(
      "What was saved or sent is a reference: it can be followed only while the store is at its path and has that",
      "version. options(ufostore.serialize = \"value\") makes R save and send the values instead."
    ),
    "It was damaged on its way, or made by something else."
  )
)

advice_sent <- replace(
  advice_opening, c("missing", "corrupt"), c(
    "This store was opened in another session, which saved or sent it: it can be used only while its file is at that path.",
    "This store was opened in another session, which saved or sent it. A damaged store may have to be replaced by a copy."
  )
)

advice_for <- function(kind, situation) {
  switch(
    situation, opening = advice_opening, "opening snapshot" = advice_opening_snapshot, snapshot = advice_snapshot,
    version = advice_version, following = advice_following, sent = advice_sent, advice
  )[[kind]]
}

# The condition of kind `kind`. The library's messages name the path and the object themselves; if one does
# not, they are added.
new_condition <- function(kind, message, path = NULL, object = NULL, hint = advice[[kind]]) {
  where <- c(
    if (!is.null(object) && !grepl(object, message, fixed = TRUE)) paste0("object '", object, "'"),
    if (!is.null(path) && !grepl(path, message, fixed = TRUE)) paste0("store '", path, "'")
  )
  if (length(where) > 0) message <- paste0(message, " (", paste(where, collapse = ", "), ")")
  message <- paste0(sub("\\.$", "", message), ".")
  structure(
    class = c(paste0("ufo_", kind, "_error"), "ufo_error", "error", "condition"),
    list(message = paste(c(message, hint), collapse = " "), call = NULL, code = kind, path = path, object = object)
  )
}

# Does not return.
raise_condition <- function(kind, message, path = NULL, object = NULL, hint = advice[[kind]]) {
  stop(new_condition(kind, message, path, object, hint))
}

# Called from C (condition.c) for an error of the library; see there what situations there are.
raise_library <- function(kind, message, path = NULL, object = NULL, situation = "") {
  hint <- advice_for(kind, situation)
  # The library's own advice, which programs without this one need.
  message <- sub("; read it again and repeat the change$", "", message)
  if (situation == "touching" && sys.nframe() > 1 && is_radix_sort(sys.function(-1), sys.frame(-1))) {
    hint <- paste(
      hint, "Base R cannot sort any more in this session, since its radix sort was interrupted: restart R.",
      "See ?ufo_conditions."
    )
  }
  raise_condition(kind, message, path, object, hint)
}

# Whether a call of `caller` with the frame `frame` is (about to be) in the radix sort. See src/sortkey.c.
is_radix_sort <- function(caller, frame) {
  if (identical(caller, base::grouping)) return(exists("sortStr", frame, inherits = FALSE))
  identical(caller, base::order) && exists("z", frame, inherits = FALSE) && identical(frame$method, "radix")
}

raise_usage <- function(..., path = NULL, object = NULL) {
  raise_condition("usage", paste0(...), path, object)
}

raise_unsupported <- function(..., path = NULL, object = NULL) {
  raise_condition("unsupported", paste0(...), path, object)
}

# For functions that do not take lazy vectors.
raise_without_method <- function(...) {
  raise_condition("unsupported", paste0(...), hint = "?ufo_lazy has a table of what to use for which function.")
}

# A method that only says that there is none, and what to do instead.
refuse <- function(what, instead = "as.vector() makes an ordinary vector", of = "a lazy vector") {
  force(what)
  force(instead)
  force(of)
  function(x, ...) raise_without_method(what, " does not work on ", of, "; ", instead)
}

# Called from C after a callback has consumed the user's interrupt: what R would have done with it.
raise_interrupt <- function() {
  condition <- structure(class = c("interrupt", "condition"), list(message = "interrupted", call = NULL))
  signalCondition(condition)
  invokeRestart("abort")
}
