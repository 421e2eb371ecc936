# A copy of a closed store in which the bytes of a stored pattern are flipped.
damaged_copy <- function(path, pattern) {
  bytes <- readBin(path, "raw", file.size(path))
  at <- grepRaw(pattern, bytes, fixed = TRUE)
  stopifnot(length(at) == 1)
  bytes[at + 0:7] <- xor(bytes[at + 0:7], as.raw(0xff))
  copy <- new_path()
  writeBin(bytes, copy)
  copy
}

# Random bytes cannot be compressed: they are stored as they are, and an element is found in the file by its bytes.
damaged_store <- function() {
  s <- new_store()
  set.seed(7)
  x <- readBin(as.raw(sample(0:255, 4 * 10 * 16384, replace = TRUE)), "integer", 10 * 16384)
  s$x <- x
  s$good <- x / 2
  path <- path_of(s)
  ufo_close(s)
  list(path = path, pattern = writeBin(x[60000 + 0:3], raw()), x = x)
}
