# Saving what is sound of a damaged store.

test_that("what is sound is saved, and the rest is an error until it is written", {
  path <- tempfile(fileext = ".ufo")
  out <- tempfile(fileext = ".ufo")
  on.exit(unlink(c(path, out, paste0(c(path, out), "-lock"))))
  s <- ufo_open(path)
  set.seed(5)
  values <- runif(30000)
  s$x <- values
  s$y <- c(a = 1L, b = NA)
  ufo_close(s)
  expect_identical(nrow(ufo_salvage(path, out)), 0L)
  s <- ufo_open(out)
  expect_identical(s$x[], values)
  expect_identical(ufo_info(s, "x")$chunks_lost, 0)
  ufo_close(s)
  unlink(c(out, paste0(out, "-lock")))

  bytes <- readBin(path, "raw", file.size(path))
  from <- writeBin(values[15000], raw())
  at <- which(bytes == from[1])
  at <- at[vapply(at, function(i) identical(bytes[i + 0:7], from), NA)][1]
  skip_if(is.na(at), "the chunk is not stored as it is")
  bytes[at] <- xor(bytes[at], as.raw(1))
  writeBin(bytes, path)
  damage <- ufo_salvage(path, out)
  expect_identical(damage$object, "x")
  expect_true(damage$first <= 15000 && damage$last >= 15000)
  expect_error(ufo_salvage(path, out), class = "ufo_error")
  s <- ufo_open(out)
  expect_identical(s$y[], c(a = 1L, b = NA))
  expect_identical(ufo_info(s, "x")$chunks_lost, 1)
  x <- s$x
  expect_identical(x[1:100], values[1:100])
  expect_error(x[15000], class = "ufo_corrupt_error")
  expect_identical(nrow(ufo_verify(s)), 1L)
  rm(x)
  s$x <- values
  expect_identical(nrow(ufo_verify(s)), 0L)
  ufo_close(s)
})
