test_that("vectors of four times the budget are worked on within it", {
  skip_long_without_peaks()
  with_budget("16MB", {
    options(ufostore.progress = FALSE)
    gc(full = TRUE)
    s <- new_store()
    n <- 2^23 # 64 MB
    ufo_create(s, "x", "double", n)
    x <- s$x
    set.seed(31)
    for (i in 0:63) x[i * 131072 + 1:131072] <- runif(131072)
    s$x <- x
    rm(x)
    gc(full = TRUE)
    lazy <- ufo_lazy(s$x)
    gc(full = TRUE)
    start <- status_bytes("VmRSS")
    some <- sample(n, 1000)
    peaks <- c(
      arithmetic = peak_bytes(y <- lazy * 2 + 1),
      comparison = peak_bytes(chosen <- lazy > 0.5 & !is.na(lazy)),
      logical_index = peak_bytes(part <- lazy[chosen]),
      assignment = peak_bytes({
        z <- lazy
        z[chosen] <- 0
        z[some] <- 1
      }),
      quantiles = peak_bytes(q <- quantile(lazy)),
      sorted = peak_bytes(sorted <- sort(lazy)),
      groups = peak_bytes(means <- ufo_tapply(lazy, as.integer(lazy * 10), mean)),
      stored = peak_bytes(s$y <- y),
      correlation = peak_bytes(together <- ufo_cor(lazy, y)),
      contained = peak_bytes(found <- ufo_in(lazy, ufo_materialize(lazy[some]))),
      by_group = peak_bytes(centred <- lazy - ufo_ave(lazy, as.integer(lazy * 10))),
      ranks = peak_bytes(ranks <- ufo_rank(lazy, ties.method = "min"))
    )
    # What was there, the budget, and what R leaves for its collector to find.
    expect_lt(max(peaks) - start, (16 + 96) * mb)
    # They are right, too.
    i <- some[1:200]
    expect_identical(as.vector(y[i]), ufo_materialize(lazy[i]) * 2 + 1)
    expect_length(part, sum(chosen))
    expect_identical(q[["0%"]], sorted[[1]])
    expect_identical(q[["100%"]], sorted[[n]])
    expect_identical(median(lazy), mean(as.vector(sorted[n / 2 + 0:1])))
    expect_false(is.unsorted(as.vector(head(sorted, 10000))))
    expect_length(means, 10)
    expect_equal(together, 1, tolerance = 1e-12)
    expect_gte(sum(found), 1000)
    expect_equal(as.vector(centred[i]), as.vector(lazy[i]) - as.vector(means)[as.integer(as.vector(lazy[i]) * 10) + 1])
    expect_identical(as.vector(sorted[ranks[i]]), as.vector(lazy[i]))
    expect_identical(ufo_materialize(ufo_lazy(s$y)[i]), as.vector(y[i]))
    ufo_close(s)
  })
})

test_that("strings of four times the budget are worked on within it", {
  skip_long_without_peaks()
  with_budget("8MB", {
    options(ufostore.progress = FALSE)
    gc(full = TRUE)
    s <- new_store()
    n <- 2^19 # 4 MB of words, 28 MB of text
    set.seed(33)
    tail <- ", with the same fifty-six bytes in all"
    s$x <- ufo_map(sample(n), function(v) paste0(sprintf("a string %09d", v), tail))
    gc(full = TRUE)
    lazy <- ufo_lazy(s$x)
    few <- ufo_map(lazy, function(v) paste("the group whose number is", substr(v, 18, 18)))
    start <- status_bytes("VmRSS")
    peaks <- c(
      comparison = peak_bytes(chosen <- lazy < "a string 000250"),
      logical_index = peak_bytes(part <- lazy[chosen]),
      computed = peak_bytes(made <- ufo_map(lazy, toupper)),
      again = peak_bytes(twice <- rep(made, 2)),
      assignment = peak_bytes({
        changed <- lazy
        changed[chosen] <- made[chosen]
      }),
      sorted = peak_bytes(sorted <- sort(lazy, method = "radix")),
      sorted_by_locale = peak_bytes(sorted_few <- sort(few)),
      different_by_locale = peak_bytes(sorted_all <- sort(lazy)),
      split = peak_bytes(groups <- split(lazy, few)),
      groups = peak_bytes(counts <- ufo_table(few)),
      extremes = peak_bytes(ends <- range(lazy)),
      stored = peak_bytes(s$y <- sorted)
    )
    expect_lt(max(peaks) - start, (8 + 96) * mb)
    # They are right, too.
    i <- sample(n, 200)
    all_of_them <- function(numbers) paste0(sprintf("a string %09d", numbers), tail)
    expect_identical(ufo_materialize(ufo_lazy(s$y)[i]), all_of_them(i))
    expect_identical(ends, all_of_them(c(1, n)))
    expect_length(part, 250000 - 1)
    expect_identical(as.vector(twice[n + i]), toupper(as.vector(lazy[i])))
    expect_identical(as.vector(changed[i]), as.vector(ufo_ifelse(chosen[i], made[i], lazy[i])))
    expect_identical(unname(lengths(groups)), as.integer(unname(counts)))
    expect_false(is.unsorted(as.vector(sorted_few[seq(1, n, by = 997)])))
    expect_identical(as.vector(sorted_all[i]), all_of_them(i))
    rm(sorted_all, made, twice, changed, sorted, part)
    ufo_close(s)
  })
})

test_that("numbers of four times the budget are repeated and split within it", {
  skip_long_without_peaks()
  with_budget("16MB", {
    options(ufostore.progress = FALSE)
    x <- ufo_map(1:2^23, as.numeric) # 64 MB
    g <- ufo_map(x, function(v) as.integer(v %% 50))
    gc(full = TRUE)
    start <- status_bytes("VmRSS")
    peaks <- c(
      each = peak_bytes(y <- rep(head(x, 2^22), each = 2)),
      times = peak_bytes(z <- rep(x, times = g == 0L)),
      split = peak_bytes(parts <- split(x, g))
    )
    expect_lt(max(peaks) - start, (16 + 96) * mb)
    expect_identical(as.vector(y[c(1:3, 2^23)]), c(1, 1, 2, 2^22))
    expect_identical(z[[2]], 100)
    expect_named(parts, as.character(0:49))
    expect_identical(parts[["7"]][[3]], 107)
  })
})

test_that("the scratch of results that nothing refers to is given back", {
  with_budget("16MB", {
    gc(full = TRUE)
    before <- ufo_stats()$views
    x <- ufo_lazy(as.numeric(1:400000))
    for (i in 1:20) y <- x + i
    rm(y)
    gc(full = TRUE)
    expect_lte(ufo_stats()$views, before + 1)
  })
})

test_that("a damaged chunk is an error of the operation that needs it", {
  # Random bytes cannot be compressed: they are in the file as they are.
  set.seed(32)
  x <- readBin(as.raw(sample(0:255, 4e5, TRUE)), "integer", 1e5)
  path <- new_path()
  s <- new_store(path)
  s$x <- x
  ufo_close(s)
  bytes <- readBin(path, "raw", file.size(path))
  at <- grepRaw(writeBin(x[60000:60003], raw()), bytes, fixed = TRUE)
  expect_length(at, 1)
  bytes[at] <- xor(bytes[at], as.raw(255))
  writeBin(bytes, path)
  s <- ufo_open(path, "r")
  lazy <- ufo_lazy(s$x)
  expect_error(lazy + 1, class = "ufo_corrupt_error")
  expect_error(sort(lazy), class = "ufo_corrupt_error")
  expect_length(head(lazy, 10) + 1, 10)
  ufo_close(s)
})
