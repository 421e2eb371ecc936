# A damaged chunk is an error that can be caught, and the session goes on.

test_that("a damaged chunk raises ufo_corrupt_error, again and again, and nothing else suffers", {
  made <- damaged_store()
  s <- ufo_open(damaged_copy(made$path, made$pattern))
  x <- s$x
  for (attempt in 1:3) {
    problem <- expect_error(sum(x), class = "ufo_corrupt_error")
    expect_match(conditionMessage(problem), "x", fixed = TRUE)
  }
  expect_error(s$x[60000], class = "ufo_corrupt_error")
  expect_error(x[60000] <- 0L, class = "ufo_corrupt_error")
  expect_error(exp(s$x), class = "ufo_corrupt_error")
  expect_error(ufo_materialize(s$x), class = "ufo_corrupt_error")
  expect_identical(x[1:16384], made$x[1:16384])
  expect_identical(s$good, made$x / 2)
  gc()
  s$new <- 1:10
  expect_identical(s$new, 1:10)
  other <- new_store()
  expect_error(other$copy <- x, class = "ufo_corrupt_error")
  expect_length(other, 0)
  s$x[1] <- 0L
  expect_identical(s$x[1:2], c(0L, made$x[2]))
})

test_that("the error of a damaged chunk names store and object", {
  made <- damaged_store()
  s <- ufo_open(made$path)
  s$list <- list(a = 1, b = s$x)
  ufo_close(s)
  s <- ufo_open(damaged_copy(made$path, made$pattern))
  path <- path_of(s)
  x <- s$x
  element <- s$list$b
  ufo_close(s)
  rm(s)
  gc()
  problem <- expect_error(sum(x), class = "ufo_corrupt_error")
  expect_identical(problem[c("code", "path", "object")], list(code = "corrupt", path = path, object = "x"))
  x[1] <- 0L
  y <- x
  y[2] <- 0L
  expect_identical(expect_error(sum(y), class = "ufo_corrupt_error")$object, "x")
  problem <- expect_error(sum(element), class = "ufo_corrupt_error")
  expect_identical(problem[c("path", "object")], list(path = path, object = "list[[2]]"))
  expect_match(conditionMessage(problem), "list[[2]]", fixed = TRUE)
})

test_that("a damaged chunk that is touched outside any function raises the same error", {
  made <- damaged_store()
  damaged <- damaged_copy(made$path, made$pattern)
  out <- in_new_session(c(sprintf("x <- ufo_open(%s)$x", deparse(damaged)), "sum(x)"))
  expect_match(paste(out, collapse = " "), "'x'.*ufo_verify")
})

test_that("an error in the middle of a list leaves an open transaction as it was", {
  made <- damaged_store()
  x <- ufo_open(damaged_copy(made$path, made$pattern))$x
  s <- new_store()
  s$a <- "old"
  ufo_begin(s)
  s$a <- 1
  expect_error(s$a <- list(1:10, list("text", x)), class = "ufo_corrupt_error")
  expect_error(s$a <- x, class = "ufo_corrupt_error")
  expect_identical(s$a, 1)
  s$b <- 2
  expect_identical(names(s), c("a", "b"))
  ufo_commit(s)
  expect_identical(names(s), c("a", "b"))
  expect_identical(c(s$a, s$b), c(1, 2))
  expect_identical(nrow(ufo_verify(s)), 0L)
})

test_that("an object with damaged attributes does not hide the others", {
  s <- new_store()
  s$before <- 1:3
  s$odd <- structure(1:3, note = "a text that is found in the file")
  s$then <- 4
  path <- path_of(s)
  ufo_close(s)
  s <- ufo_open(damaged_copy(path, charToRaw("text that is found")))
  expect_error(s$odd, class = "ufo_corrupt_error")
  out <- capture.output(print(s))
  expect_length(out, 5)
  expect_true(any(grepl("^odd +damaged$", out)))
  expect_identical(summary(s)$type, c("integer", "damaged", "double"))
  expect_identical(is.na(summary(s)$length), c(FALSE, TRUE, FALSE))
  expect_output(str(s), "3 objects")
  expect_true(any(grepl("^before +integer +3 ", out)))
  expect_true(any(grepl("^then +double +1 ", out)))
})

test_that("ufo_verify lists the damage", {
  made <- damaged_store()
  s <- ufo_open(made$path)
  sound <- ufo_verify(s)
  expect_s3_class(sound, "data.frame")
  expect_identical(nrow(sound), 0L)
  expect_named(sound, c("object", "version", "first", "last", "cause"))
  expect_output(print(sound), "iB[)]\nall sound$")
  s <- ufo_open(damaged_copy(made$path, made$pattern))
  damage <- ufo_verify(s)
  expect_identical(damage$object, "x")
  expect_lte(damage$first, 60000)
  expect_gte(damage$last, 60000)
  expect_lte(damage$last - damage$first, 16384)
  expect_true(nzchar(damage$cause))
  expect_output(print(damage), "damaged: 'x' version 1, elements [0-9,]+ to [0-9,]+\n +[a-z]")
  expect_identical(class(damage[damage$first > 1, ]), "data.frame")
  expect_identical(as.data.frame(damage)$cause, damage$cause)
})

test_that("a store is salvaged although vectors that nothing refers to were not collected yet", {
  made <- damaged_store()
  path <- damaged_copy(made$path, made$pattern)
  s <- ufo_open(path)
  expect_error(sum(s$x), class = "ufo_corrupt_error")
  ufo_close(s)
  expect_identical(ufo_salvage(path, new_path())$object, "x")
})


test_that("an error in a sort does not harm later ones", {
  made <- damaged_store()
  s <- ufo_open(damaged_copy(made$path, made$pattern))
  n <- length(made$x)
  s$ones <- rep(1L, n)
  s$odd <- odd <- seq_len(n) %% 2 == 1
  x <- s$x
  level <- structure(x, levels = "a", class = "factor")
  # Radix sort is what testthat itself stops working without, so nothing more is expected once it is broken.
  sorts <- expression(
    order(x), order(x, decreasing = TRUE, na.last = NA), order(x, method = "radix"), sort(x), sort(s$x),
    sort.list(x), sort.int(x, method = "radix"), order(s$ones, x), order(odd, x), order(x, odd), order(s$x, s$x),
    order(s$ones, level, x), order(level), order(level, x, method = "radix"), sort(level), do.call(order, list(odd, x)),
    factor(x), split(x, x), table(x), merge(data.frame(a = x), data.frame(a = x))
  )
  for (sort in sorts) {
    error <- class(tryCatch(eval(sort), error = identity))[[1]]
    after <- tryCatch({
      stopifnot(order(3:1) == 3:1, sort(c(3, 1, 2)) == 1:3, order(c(1, 1, 2), c(2, 1, 1)) == c(2, 1, 3))
      nrow(data.frame(a = 1:2))
    }, error = conditionMessage)
    if (!identical(after, 2L)) stop(deparse(sort), ": ", after)
    expect_identical(error, "ufo_corrupt_error", info = deparse(sort))
  }
  expect_identical(order(s$ones, s$odd), order(odd))
  expect_identical(order(s$odd, method = "radix"), order(odd))
  expect_identical(grouping(s$odd), grouping(odd))
})

test_that("an error in a logical vector that is sorted does not harm either", {
  s <- new_store()
  set.seed(8)
  flag <- sample(c(TRUE, FALSE, NA), 1e5, replace = TRUE)
  s$flag <- flag
  path <- path_of(s)
  ufo_close(s)
  bytes <- readBin(path, "raw", file.size(path))
  # Compressed: the largest part of the file that is not zero is the chunks.
  at <- which(bytes != 0)
  bytes[at[length(at) %/% 2] + 0:7] <- xor(bytes[at[length(at) %/% 2] + 0:7], as.raw(0xff))
  damaged <- new_path()
  writeBin(bytes, damaged)
  flag <- ufo_open(damaged)$flag
  for (sort in expression(sort(flag), order(flag), order(flag, flag), sort.list(flag))) {
    error <- class(tryCatch(eval(sort), error = identity))[[1]]
    if (!identical(tryCatch(order(3:1), error = conditionMessage), 3:1)) stop(deparse(sort))
    expect_identical(error, "ufo_corrupt_error", info = deparse(sort))
  }
})

test_that("a sort that could not be kept from harm says so", {
  made <- damaged_store()
  out <- in_new_session(c(
    sprintf("s <- ufo_open(%s)", deparse(damaged_copy(made$path, made$pattern))),
    "x <- s$x",
    "says <- function(e) grepl('restart R', conditionMessage(e), fixed = TRUE)",
    "cat(tryCatch(sum(x), ufo_corrupt_error = says), tryCatch(order(x[]), ufo_corrupt_error = says),",
    "    tryCatch(order(x, method = 'shell'), ufo_corrupt_error = says), '\\n')",
    "cat(tryCatch(grouping(x), ufo_corrupt_error = says), '\\n')"
  ))
  expect_identical(trimws(out), c("FALSE FALSE FALSE", "TRUE"))
})

test_that("sorting by a part of a vector reads no more than that part", {
  s <- new_store()
  ufo_create(s, "x", "integer", length = 2^20)
  x <- s$x
  before <- ufo_stats()$fills
  expect_identical(order(x[1:10], decreasing = x[1] > 0L), 1:10)
  expect_identical(vapply(1:3, function(i) x[i], 1L), integer(3))
  expect_lte(ufo_stats()$fills - before, 1)
})

test_that("a file made to harm is refused by a preflight, and a sound one passes", {
  s <- new_store()
  s$x <- 1:100000 + 0
  path <- path_of(s)
  ufo_close(s)
  s <- ufo_open(path, "r", preflight = TRUE)
  expect_identical(s$x[100000], 100000)
  ufo_close(s)
  sent <- serialize(s <- ufo_open(path, "r", preflight = TRUE), NULL)
  ufo_close(s)
  bytes <- readBin(path, "raw", file.size(path))
  for (at in 4096 * (2:(length(bytes) / 4096 - 1))) {
    if (bytes[at + 11] == 0x02) bytes[at + 11] <- as.raw(0x12) # every leaf claims to be dirty: CVE-2019-16225
  }
  copy <- new_path()
  writeBin(bytes, copy)
  expect_error(ufo_open(copy, "r", preflight = TRUE), "page", class = "ufo_corrupt_error")
  expect_error(ufo_open(copy, preflight = TRUE), class = "ufo_corrupt_error")
  # What was opened so is looked at again where it is sent to.
  expect_identical(unserialize(sent)$x[1], 1)
  gc()
  writeBin(bytes, path)
  expect_error(unserialize(sent)$x, "page", class = "ufo_corrupt_error")
  expect_error(ufo_open(path, preflight = NA), "TRUE or FALSE", class = "ufo_usage_error")
})
