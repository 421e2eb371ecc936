test_that("a part is what base R gives, for subscripts of every kind", {
  set.seed(11)
  with_small_pieces(for (n in c(0, 1, 1100)) for (type in c("logical", "integer", "double", "complex", "raw")) {
    x <- any_vector(type, n)
    all <- subscripts(n)
    for (kind in names(all)) expect_same_part(x, all[[kind]], paste(n, type, kind))
  })
})

test_that("a subscript may be lazy", {
  set.seed(12)
  with_small_pieces(for (type in c("integer", "double")) {
    x <- any_vector(type, 1700)
    for (kind in c("positive", "zeros", "missing", "negative", "logical", "with_na", "short", "double", "backwards")) {
      i <- subscripts(1700)[[kind]]
      expect_identical(as.vector(any_lazy(x)[stored_lazy(i)]), x[i], info = kind)
    }
    lazy <- any_lazy(x)
    expect_identical(as.vector(lazy[lazy > 0]), x[x > 0])
    expect_identical(as.vector(lazy[!is.na(lazy) & lazy != 1]), x[!is.na(x) & x != 1])
  })
})

test_that("a factor and a date keep their attributes in parts", {
  with_small_pieces({
    f <- factor(rep(c("b", "a", NA), 500))
    day <- as.Date("2026-01-01") + 0:1499
    for (i in list(c(1, 1000), -1, c(TRUE, NA), c(1, 3000))) {
      expect_identical(ufo_materialize(any_lazy(f)[i]), f[i])
      expect_identical(ufo_materialize(any_lazy(day)[i]), day[i])
    }
    expect_identical(any_lazy(f)[[2]], f[[2]])
    expect_identical(ufo_materialize(rev(any_lazy(day))), rev(day))
  })
})

test_that("[[ gives one ordinary element", {
  x <- stored_lazy(as.numeric(1:2000))
  expect_identical(x[[1500]], 1500)
  expect_identical(x[[1500.7]], 1500)
  expect_error(x[[2001]], "subscript out of bounds")
  minutes <- as.difftime(1:700, units = "mins")
  expect_identical(ufo_lazy(minutes)[[600]], minutes[[600]])
  for (i in list(0, -1, NA, 1:2, "a")) expect_error(x[[i]], class = "ufo_usage_error")
  expect_error(x[1, 2], class = "ufo_unsupported_error")
  expect_error(x[list(1)], "invalid subscript type")
  expect_identical(x[], x)
})

test_that("head, tail, rev, length<-, c and diff are those of base R", {
  set.seed(13)
  with_small_pieces(for (type in c("logical", "integer", "double", "complex", "raw")) {
    x <- any_vector(type, 1300)
    for (n in c(0, 1, 600, 2000, -1, -600, -2000)) {
      expect_as_base(function(x) head(x, n), x)
      expect_as_base(function(x) tail(x, n), x)
    }
    expect_as_base("rev", x)
    for (n in c(0, 7, 600, 1300, 1301, 2500)) expect_as_base(function(x) `length<-`(x, n), x, info = paste(type, n))
    expect_as_base("c", x, any_vector("double", 700))
    expect_as_base("c", x, x, NULL, x)
    if (type == "raw") next
    for (lag in c(1, 2, 600, 1299, 1300, 5000)) expect_as_base(function(x) diff(x, lag), x, info = paste(type, lag))
    expect_as_base(function(x) diff(x, 3, 2), x)
    # Nothing is left; since R 4.6 it is computed nevertheless, with the warnings of that.
    expect_as_base(function(x) suppressWarnings(diff(x, 700, 2)), x)
  })
  with_small_pieces({
    day <- as.Date("2026-01-01") + (0:1300)^2
    time <- as.POSIXct("2026-01-01", tz = "UTC") + (1:1300)^3
    expect_as_base("diff", day)
    expect_as_base("diff", time)
    expect_as_base(function(x, y) x - y, time, rev(time))
    expect_as_base("c", day, day)
    for (x in list(day, time, as.difftime(1:9, units = "mins"), 1:3, "a", factor("a"))) {
      for (lag in c(1, 2, 9)) expect_as_base(function(x) diff(x, lag), x[0:min(1, length(x) - 1)], info = paste(class(x), lag))
      expect_as_base(function(x) diff(x, 3000), x[seq_len(min(length(x), 2))])
      if (inherits(x, c("Date", "POSIXct"))) expect_as_base(function(x) diff(x, 3, 2), x)
    }
    expect_error(c(any_lazy(day), any_lazy(time)), class = "ufo_unsupported_error")
    expect_as_base(function(x) `length<-`(x, 1400), day)
  })
})

test_that("assignment gives what base R gives, and leaves the vector before as it was", {
  set.seed(14)
  values <- list(7L, 7.5, TRUE, NA, c(1.5, 2.5), 1:3, complex(real = 1), numeric())
  with_small_pieces(for (n in c(0, 1, 1100)) for (type in c("logical", "integer", "double")) {
    x <- any_vector(type, n)
    all <- subscripts(n)
    for (kind in setdiff(names(all), c("text"))) {
      expect_same_assignment(x, all[[kind]], values[[sample(length(values), 1)]], paste(n, type, kind))
    }
  })
  with_small_pieces({
    x <- as.numeric(1:2000)
    lazy <- before <- stored_lazy(x)
    lazy[lazy > 1000] <- 0
    lazy[c(1, 600, 1)] <- c(5, 6, 7)
    lazy[[700]] <- -1
    lazy[stored_lazy(c(3, 4))] <- stored_lazy(c(33, 44))
    x[x > 1000] <- 0
    x[c(1, 600, 1)] <- c(5, 6, 7)
    x[[700]] <- -1
    x[c(3, 4)] <- c(33, 44)
    expect_identical(as.vector(lazy), x)
    expect_identical(as.vector(before), as.numeric(1:2000))
    is.na(lazy) <- 5
    is.na(x) <- 5
    expect_identical(as.vector(lazy), x)
  })
})

test_that("assignment into factors and dates follows their rules", {
  with_small_pieces({
    f <- factor(rep(c("b", "a"), 600))
    day <- as.Date("2026-01-01") + 0:1199
    expect_same_assignment(f, c(1, 700), "a", "level")
    expect_same_assignment(f, c(TRUE, FALSE), "a", "level")
    expect_same_assignment(f, 1:3, "other", "no level")
    expect_same_assignment(day, 5:700, as.Date("2000-01-01"), "date")
    expect_same_assignment(1:5, 1, "a", "string")
    expect_error(`[<-`(any_lazy(1:5), 1, value = list(1)), class = "ufo_unsupported_error")
  })
})

test_that("ufo_which and ufo_match are which and match", {
  set.seed(15)
  with_small_pieces({
    x <- any_vector("logical", 1700)
    expect_identical(as.vector(ufo_which(any_lazy(x))), which(x))
    expect_error(ufo_which(any_lazy(1:3)), class = "ufo_usage_error")
    y <- any_vector("integer", 1700)
    expect_identical(as.vector(ufo_match(any_lazy(y), c(3L, NA, 1L))), match(y, c(3L, NA, 1L)))
    f <- factor(rep(c("b", "a"), 600))
    expect_identical(as.vector(ufo_match(any_lazy(f), "a", 0L)), match(f, "a", 0L))
  })
})

test_that("subscripts that are all missing give NA without a warning", {
  for (i in list(NA_integer_, c(NA_real_, NA), "name")) {
    expect_as_base(function(x) x[i], 1:5)
  }
})
