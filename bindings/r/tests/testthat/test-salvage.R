# Saving what is sound of a damaged store.

test_that("a sound store is copied as it is", {
  s <- new_store()
  s$x <- c(a = 1.5, b = NA)
  path <- path_of(s)
  expect_error(ufo_salvage(path, new_path()), class = "ufo_error") # it is open
  ufo_close(s)
  out <- new_path()
  expect_identical(nrow(ufo_salvage(path, out)), 0L)
  s <- ufo_open(out)
  expect_identical(s$x, c(a = 1.5, b = NA))
  expect_identical(ufo_info(s, "x")$chunks_lost, 0)
  ufo_close(s)
  expect_error(ufo_salvage(path, out), class = "ufo_error") # it exists
})

test_that("what is lost is an error until it is written anew", {
  made <- damaged_store()
  x <- made$x
  bytes <- readBin(made$path, "raw", file.size(made$path))
  at <- grepRaw(made$pattern, bytes, fixed = TRUE)
  bytes[at] <- xor(bytes[at], as.raw(1))
  bytes[1:8192] <- as.raw(0) # and it does not open any more
  hurt <- new_path()
  out <- new_path()
  writeBin(bytes, hurt)
  expect_error(ufo_open(hurt, mode = "r"), class = "ufo_error")
  damage <- ufo_salvage(hurt, out)
  loss <- damage[damage$object %in% "x" & !is.na(damage$first), ]
  expect_identical(nrow(loss), 1L)
  expect_true(loss$first <= 60000 && loss$last >= 60000)

  s <- ufo_open(out)
  expect_identical(s$good, x / 2)
  expect_identical(ufo_info(s, "x")$chunks_lost, 1)
  y <- s$x
  expect_identical(y[1:100], x[1:100])
  expect_error(y[60000], class = "ufo_corrupt_error")
  expect_identical(nrow(ufo_verify(s)), 1L)
  s$x <- x # the version before lasts as long as `y` does
  expect_identical(s$x, x)
  expect_identical(ufo_info(s, "x")$chunks_lost, 0)
  ufo_close(s)
})
