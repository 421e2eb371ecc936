# Transactions: several edits of a store, all or none.

ufo_begin <- function(store) {
  check_changeable(store, "begin a transaction")
  .Call(ufor_store_begin, store_pointer(store))
  invisible(store)
}

ufo_commit <- function(store) {
  .Call(ufor_store_commit, store_pointer(store))
  invisible(store)
}

ufo_rollback <- function(store) {
  .Call(ufor_store_rollback, store_pointer(store))
  invisible(store)
}

ufo_transaction <- function(store, code) {
  ufo_begin(store)
  # A jump such as return() ends the code as early as an error does, but does not show: it looks like success.
  is_explained <- FALSE
  explain <- function(condition) is_explained <<- TRUE
  # Whatever ends the code early finds the transaction open.
  on.exit(if (store_state(store) == "transaction") {
    ufo_rollback(store)
    if (!is_explained) warn_of_jump(store)
  })
  value <- withVisible(withCallingHandlers(code, error = explain, interrupt = explain))
  is_explained <- TRUE # from here on only ufo_commit() can fail
  ufo_commit(store)
  if (value$visible) value$value else invisible(value$value)
}

warn_of_jump <- function(store) {
  warning(
    "ufo_transaction() was left by return(), next, break or another jump before its end: nothing was stored in '",
    store_path(store), "'. Let the code run to its end to store, or stop() to store nothing.", call. = FALSE
  )
}
