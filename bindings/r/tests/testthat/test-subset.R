# x[i] gives what it gives for an ordinary vector, and reads no more than it must.

# Each kind of vector that a view can be, with what is special in its type, as long as a few chunks and a bit.
vectors <- function(n = 3 * 8192 + 17) {
  set.seed(31)
  numbers <- c(NA, NaN, Inf, -Inf, -0, runif(n - 5))
  list(
    logical = sample(c(TRUE, FALSE, NA), n, replace = TRUE),
    integer = c(NA, sample.int(.Machine$integer.max, n - 1)),
    double = numbers,
    complex = complex(real = numbers, imaginary = rev(numbers)),
    raw = as.raw(sample(0:255, n, replace = TRUE)),
    factor = factor(sample(c(letters, NA), n, replace = TRUE)),
    date = structure(numbers, class = "Date"),
    named = setNames(numbers, paste0("n", seq_len(n))),
    array = array(numbers, n, list(paste0("r", seq_len(n)))),
    matrix = matrix(numbers[seq_len(3 * 8192)], 3, dimnames = list(letters[1:3], NULL)),
    empty = double(0)
  )
}

# Calls of `[` as functions of a vector; `n` is its length.
indexes <- function(n) {
  set.seed(32)
  some <- function(k) sample.int(n, k, replace = TRUE)
  near <- as.vector(outer(0:20, some(50), `+`))
  list(
    1L, n, 1, n + 0.9, 0, 0L, NULL, integer(0), double(0), NA, NA_integer_, NA_real_, NaN, TRUE, FALSE, -1L, -1, 0.5,
    1.5, n + 1, n + 5L, 2^31, 2^40, 2^53, .Machine$integer.max, Inf, c(1, Inf), c(1, -0.5), -n, -seq_len(n),
    1:n, seq_len(n), n:1, 2:(n - 1), 5:(n + 3), c(1:2000, 5000:7000), as.double(1:n), seq(1, n, by = 3), (1:4000) + 0.5,
    seq(0.5, 3000), some(10), some(5000), as.double(some(5000)), some(5000) + 0.25, sort(some(5000)),
    rev(sort(some(5000))), near, c(near, NA, 0), as.double(c(NA, near, n + 1, 0)), c(NA, some(3000), n + 7L),
    c(some(2000), NA, NaN, 0, Inf, 1e300), -some(3000), -as.double(some(3000)), c(0, -some(10)), rep(7L, 3000),
    rep(NA_integer_, 3000), rep(c(TRUE, FALSE), n %/% 2), c(TRUE, NA, FALSE), rep(TRUE, n + 3), logical(n), 0:3, 0:-5,
    1023:1, 1:1023, 1:1024, 1:1025, some(1024), some(1025), rep(1:1024, 3), c(1:1023, 1023L), c(1, 1, 3)
  )
}

# Both sides may fail; then by the same error.
attempt <- function(expression) tryCatch(expression, error = conditionMessage, warning = conditionMessage)

test_that("an index of any kind gives what it gives for an ordinary vector, whether or not all is in memory", {
  s <- new_store()
  all <- vectors()
  for (name in names(all)) s[[name]] <- all[[name]]
  for (budget in c("64MB", "192KB")) with_budget(budget, {
    for (name in names(all)) {
      plain <- all[[name]]
      view <- s[[name]]
      expect_true(is_ufo(view))
      for (i in indexes(max(length(plain), 2 * 8192))) {
        text <- paste(name, budget, deparse(i, nlines = 1L)[[1]])
        got <- attempt(view[i])
        if (!identical(got, attempt(plain[i]))) fail(text)
        if (is_ufo(got)) fail(paste("a view:", text))
      }
    }
    expect_lte(ufo_stats()$resident, ufo_memory())
  })
  expect_identical(s$named[c("n7", "none", "n20000")], all$named[c("n7", "none", "n20000")])
  at <- cbind(c(1, 3, NA, 2), c(8000, 1, 2, 8192))
  expect_identical(s$matrix[at], all$matrix[at])
  expect_identical(s$matrix[2:1, c(8192, 5, NA)], all$matrix[2:1, c(8192, 5, NA)])
  expect_identical(s$matrix["b", ], all$matrix["b", ])
  expect_identical(s$matrix[-1, 3:9, drop = FALSE], all$matrix[-1, 3:9, drop = FALSE])
  expect_identical(s$double[[7]], all$double[[7]])
  expect_error(s$double[[1e6]], "subscript out of bounds")
})

test_that("an index may be a view itself, and both may be larger than the budget", {
  with_budget("512KB", {
    s <- new_store()
    n <- 2e5
    x <- noise(n)
    set.seed(33)
    i <- sample.int(n)
    s$x <- x
    s$i <- i
    s$d <- as.double(i)
    s$l <- x > 0.5
    expect_identical(s$x[s$i], x[i])
    expect_identical(s$x[s$d], x[i])
    expect_identical(s$x[s$l], x[x > 0.5])
    expect_identical(s$i[s$i], i[i])
    expect_identical(x[s$i], x[i])
    y <- s$x
    y[5] <- -1
    y[i[1:3000]] <- 0
    x[5] <- -1
    x[i[1:3000]] <- 0
    expect_identical(y[s$i], x[i])
    expect_lte(ufo_stats()$resident, 512 * kb)
  })
})

test_that("positions beyond 2^31 are found", {
  s <- new_store()
  ufo_create(s, "y", "integer", length = 2^32)
  y <- s$y
  at <- c(1, 2^31, 2^31 + 1, 2^32)
  y[at] <- 1:4
  expect_identical(y[at], 1:4)
  expect_identical(y[c(2^32 + 1, NA, 2^31 + 1.5, 2^31 + 2)], c(NA, NA, 3L, 0L))
  expect_identical(y[(2^31 - 1):(2^31 + 2)], c(0L, 2L, 3L, 0L))
  expect_identical(y[rep(at, 2000)], rep(1:4, 2000))
})

test_that("an index that jumps about reads each chunk once, and one that does not reads only its own", {
  s <- new_store()
  n <- 64 * 8192
  x <- noise(n)
  s$x <- x
  set.seed(34)
  i <- sample.int(n, 1e5, replace = TRUE)
  with_budget("1MB", {
    y <- s$x
    before <- ufo_stats()$fills
    expect_identical(y[i], x[i])
    # Not one for each of 10^5 elements; some more than 64 because of reading ahead.
    expect_lte(ufo_stats()$fills - before, 2 * 64)
    y <- s$x
    before <- ufo_stats()$filled
    expect_identical(y[c(8193:8300, 5, 9000:12000)], x[c(8193:8300, 5, 9000:12000)])
    expect_lte(ufo_stats()$filled - before, 8 * 65536)
  })
})

test_that("a damaged chunk among those that an index touches is an error, and nothing is lost by it", {
  s <- new_store()
  set.seed(7)
  x <- readBin(as.raw(sample(0:255, 4 * 10 * 16384, replace = TRUE)), "integer", 10 * 16384)
  s$x <- x
  path <- path_of(s)
  ufo_close(s)
  bytes <- readBin(path, "raw", file.size(path))
  at <- grepRaw(writeBin(x[60000 + 0:3], raw()), bytes, fixed = TRUE)
  bytes[at + 0:7] <- xor(bytes[at + 0:7], as.raw(0xff))
  damaged <- new_path()
  writeBin(bytes, damaged)
  y <- ufo_open(damaged)$x
  sound <- setdiff(seq_along(x), 49153:65536)
  for (budget in c("64MB", "512KB")) with_budget(budget, {
    for (i in list(60000, 1:70000, sample(seq_along(x)), as.double(sample(seq_along(x))), -1, rep(TRUE, length(x)))) {
      for (try in 1:2) {
        problem <- expect_error(y[i], class = "ufo_corrupt_error")
        expect_identical(problem$object, "x")
      }
      expect_identical(y[sample(sound)[1:100]] |> length(), 100L)
    }
    expect_identical(y[sound], x[sound])
    expect_identical(sum(y[rev(sound)] == x[rev(sound)], na.rm = TRUE), sum(!is.na(x[sound])))
  })
  gc()
  # An index that is damaged itself.
  expect_error(x[y], class = "ufo_corrupt_error")
  expect_error(y[y], class = "ufo_corrupt_error")
})

test_that("x[i] and sum(x) can be interrupted", {
  out <- in_new_session(c(
    "s <- ufo_open(tempfile(fileext = '.ufo'), 'create')",
    "ufo_create(s, 'bytes', 'raw', length = 4e10); ufo_create(s, 'numbers', 'double', length = 1e10)",
    "ufo_create(s, 'counts', 'integer', length = 2e9)",
    "ufo_memory('64MB'); y <- s$bytes; z <- s$numbers; w <- s$counts; i <- seq(1, 4e10, by = 65536)",
    "interrupted <- function(code) {",
    "  system(sprintf('(sleep 0.3; kill -INT %d) &', Sys.getpid()))",
    "  tryCatch({ code; 'finished' }, interrupt = function(condition) 'interrupted')",
    "}",
    "cat(interrupted(y[i]), interrupted(y[rev(i)]), interrupted(y[rep(i[1:1e5], 3)]), interrupted(sum(z)), interrupted(sum(w)), '\\n')",
    "cat(sum(w[1:10]), y[i[c(1, 2e5)]] == 0, '\\n')"
  ))
  expect_match(out, "interrupted interrupted interrupted interrupted interrupted", fixed = TRUE, all = FALSE)
  expect_match(out, "0 TRUE TRUE", fixed = TRUE, all = FALSE)
})
