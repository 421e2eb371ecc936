# Transactions: several edits of a store, all or none.

ufo_begin <- function(store) {
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
  # Whatever ends the code early, an error, an interrupt or a jump to a restart, finds the transaction open.
  on.exit(if (store_state(store) == "transaction") ufo_rollback(store))
  value <- withVisible(code)
  ufo_commit(store)
  if (value$visible) value$value else invisible(value$value)
}
