# Vectors for results. Long ones are views of no object (src/scratch.h), whose contents the memory budget bounds; short
# ones are ordinary vectors. Both are written piece by piece, in place, before anybody else sees them.

# Bytes of a piece of doubles. The tests make it small, to have many pieces.
piece_bytes_default <- 1024^2

# Elements that are worked on at a time, of any type, so that the pieces of several vectors go together.
piece_elements <- function() max(1, floor(getOption("ufostore.piece", piece_bytes_default) / 8))

# The store whose scratch file all of them use; it never holds an object. R removes the session's folder, with it.
scratch_state <- new.env(parent = emptyenv())
scratch_state$read <- 0 # elements since the last collection

scratch_pointer <- function() {
  if (is.null(scratch_state$store)) scratch_state$store <- ufo_open(tempfile("ufostore-scratch-", fileext = ".ufo"), "create")
  store_pointer(scratch_state$store)
}

# Zeros, FALSE, 00 or "". `longest`: up to which length it is an ordinary vector.
new_target <- function(type, length, longest = piece_elements()) {
  if (length <= longest) return(vector(type, length))
  if (type == "character") return(.Call(ufor_words, scratch_pointer(), length))
  .Call(ufor_scratch, scratch_pointer(), type, length)
}

write_piece <- function(target, first, values) .Call(ufor_piece_write, scratch_pointer(), target, first, values)

# Elements from number first + 1 on, of a vector without attributes.
read_piece <- function(values, first, count) {
  # R by itself would let the pieces that are done with pile up, to 64 MiB and more.
  scratch_state$read <- scratch_state$read + count * (if (is.character(values)) string_weight else 1)
  if (scratch_state$read >= elements_between_collections) {
    gc(full = FALSE)
    scratch_state$read <- 0
  }
  .Call(ufor_piece, values, first, count)
}
elements_between_collections <- 2^19
string_weight <- 4 # what a string takes of memory, in numbers

# A copy to be written to, without attributes.
own_values <- function(values) {
  if (!is.null(attributes(values))) attributes(values) <- NULL
  .Call(ufor_own, values)
}

# Calls body(first, count) for each piece of `n` elements.
each_piece <- function(n, body, size = piece_elements()) {
  meter <- new_meter(n)
  on.exit(if (!is.null(meter)) meter$close())
  first <- 0
  while (first < n) {
    count <- min(size, n - first)
    body(first, count)
    first <- first + count
    if (!is.null(meter)) meter$show(first)
  }
}

# Runs code and raises each different warning once, at its end.
warn_once <- function(code) {
  seen <- list()
  value <- withCallingHandlers(code, warning = function(w) {
    message <- conditionMessage(w)
    if (is.null(seen[[message]])) seen[[message]] <<- w
    invokeRestart("muffleWarning")
  })
  # The call would show a piece, which is none of the user's.
  for (w in seen) warning(conditionMessage(w), call. = FALSE)
  value
}
