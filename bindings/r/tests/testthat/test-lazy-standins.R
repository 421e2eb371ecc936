# What stands in for functions of base R that have no methods, and what the errors of those say.

test_that("ufo_in and ufo_match are %in% and match, on either side", {
  set.seed(41)
  with_small_pieces({
    for (type in c("integer", "double", "character")) for (n in c(0, 5, 1700)) for (m in c(0, 3, 1600)) {
      x <- any_vector(type, n)
      table <- any_vector(type, m)
      info <- paste(type, n, m)
      expect_identical(as.vector(ufo_in(any_lazy(x), table)), x %in% table, info = info)
      expect_identical(as.vector(ufo_in(x, any_lazy(table))), x %in% table, info = info)
      expect_identical(as.vector(ufo_match(any_lazy(x), any_lazy(table))), match(x, table), info = info)
      expect_identical(as.vector(ufo_match(any_lazy(x), table, -1L)), match(x, table, -1L), info = info)
    }
    day <- as.Date("2026-01-01") + 0:1500
    expect_identical(as.vector(ufo_in(stored_lazy(day), day[c(3, 700)])), day %in% day[c(3, 700)])
    expect_identical(as.vector(ufo_in(stored_lazy(factor(letters[1:3])), "b")), c(FALSE, TRUE, FALSE))
    expect_identical(as.vector(ufo_in(c(7, 2000), stored_lazy(1:1999))), c(TRUE, FALSE))
  })
})

test_that("which.max, complete.cases and anyDuplicated have their like", {
  set.seed(42)
  with_small_pieces(for (n in c(0, 1, 1500)) {
    for (type in c("logical", "integer", "double")) for (missing in c(TRUE, FALSE)) {
      x <- any_vector(type, n, missing)
      expect_identical(ufo_which_max(any_lazy(x)), which.max(x))
      expect_identical(ufo_which_min(any_lazy(x)), which.min(x))
    }
    expect_identical(ufo_which_max(ufo_lazy(rep(NA_real_, n))), integer())
    d <- data.frame(a = any_vector("double", n), b = any_vector("character", n), c = any_vector("integer", n))
    expect_identical(as.vector(ufo_complete_cases(ufo_lazy(d))), complete.cases(d))
    expect_identical(as.vector(ufo_complete_cases(d$a, ufo_lazy(d$b))), complete.cases(d$a, d$b))
    expect_identical(anyNA(ufo_lazy(d)), anyNA(d))
    for (x in list(seq_len(n), rep(seq_len(n), 2))) expect_identical(anyDuplicated(any_lazy(x)), anyDuplicated(x))
  })
  expect_error(ufo_complete_cases(1:2, 1:3), "same length")
})

test_that("ufo_cor and ufo_cov are cor and cov, whatever is missing", {
  set.seed(43)
  equal <- function(f, g, ...) {
    expected <- outcome(g)
    got <- outcome(f)
    if (inherits(expected$value, "failure")) return(expect_s3_class(got$value, "failure"))
    expect_equal(got$value, expected$value, tolerance = 1e-12, ...)
    expect_identical(got$warnings, expected$warnings)
  }
  with_small_pieces(for (n in c(1, 2, 600, 2500)) for (missing in c(FALSE, TRUE)) {
    d <- data.frame(a = rnorm(n), b = 1e9 + rnorm(n), c = sample(9L, n, TRUE), d = rnorm(n) > 0)
    d$b <- d$b + d$a
    d$e <- 5
    if (missing) for (j in 1:3) d[[j]][sample(n, ceiling(n / 9))] <- NA
    lazy <- ufo_lazy(d)
    for (use in c("everything", "complete.obs", "pairwise.complete.obs", "na.or.complete", "all.obs")) {
      info <- paste(n, missing, use)
      equal(ufo_cov(lazy, use = use), cov(d, use = use), info = info)
      equal(ufo_cor(lazy, use = use), cor(d, use = use), info = info)
      equal(ufo_cor(lazy[1:2], lazy[3:4], use), cor(d[1:2], d[3:4], use), info = info)
      equal(ufo_cor(lazy$a, d$b, use), cor(d$a, d$b, use), info = info)
      equal(ufo_cov(lazy[1:2], lazy$c, use), cov(d[1:2], d$c, use), info = info)
    }
    equal(ufo_cor(lazy$a, lazy$e), cor(d$a, d$e), info = info)
    equal(ufo_cor(lazy["e"]), cor(d["e"]), info = info)
    if (!missing && n > 1) equal(ufo_cor(lazy[1:3], method = "spearman"), cor(d[1:3], method = "spearman"))
  })
  # Where sums of squares would have lost all digits.
  x <- 1e15 + 0:1999
  expect_equal(ufo_cov(ufo_lazy(x), x), cov(x, x), tolerance = 1e-9)
  expect_error(ufo_cor(ufo_lazy(letters), 1:26), class = "ufo_unsupported_error")
  expect_error(ufo_cor(ufo_lazy(1:3)), "supply both")
  expect_error(ufo_cor(ufo_lazy(double()), double(), "pairwise"), "'x' is empty")
})

test_that("ufo_rank and ufo_ave are rank and ave", {
  set.seed(44)
  with_small_pieces({
    for (type in c("integer", "double", "character", "logical")) for (n in c(0, 1, 1800)) for (ties in c("average", "first", "min", "max")) {
      x <- any_vector(type, n)
      expect_equal(as.vector(ufo_rank(any_lazy(x), ties.method = ties)), rank(x, "keep", ties), info = paste(type, n, ties))
    }
    expect_equal(as.vector(ufo_rank(any_lazy(rep(NA_real_, 700)))), rank(rep(NA_real_, 700), "keep"))
    expect_error(ufo_rank(1:3, na.last = TRUE), class = "ufo_unsupported_error")
    x <- rnorm(1500)
    expect_equal(as.vector(ufo_ave(any_lazy(x), rep(NA, 1500))), ave(x, rep(NA, 1500)))
    g <- sample(c("a", "b", NA), 1500, TRUE)
    h <- sample(3, 1500, TRUE)
    expect_equal(as.vector(ufo_ave(any_lazy(x), any_lazy(g))), ave(x, g))
    expect_equal(as.vector(ufo_ave(any_lazy(x), h, FUN = max)), ave(x, h, FUN = max))
    expect_equal(as.vector(ufo_ave(any_lazy(x), any_lazy(letters[h]), h %% 2 == 0, FUN = median)), ave(x, h, FUN = median))
    expect_error(ufo_ave(any_lazy(x), h, FUN = range), class = "ufo_unsupported_error")
  })
})

test_that("factors are made, and their levels changed, as by base R", {
  set.seed(45)
  with_small_pieces({
    x <- sample(c("u", "w", "v", NA), 1500, TRUE)
    f <- factor(x)
    number <- sample(c(3, 1, NA), 1500, TRUE)
    day <- as.Date("2026-01-01") + sample(5, 1500, TRUE)
    same <- function(got, expected) expect_identical(ufo_materialize(got), expected)
    same(ufo_factor(any_lazy(x)), f)
    same(ufo_factor(any_lazy(number)), factor(number))
    same(ufo_factor(any_lazy(day)), factor(day))
    same(ufo_factor(any_lazy(x), c("v", "u")), factor(x, c("v", "u")))
    same(ufo_factor(any_lazy(number), c(1, 3), c("one", "three"), ordered = TRUE), factor(number, c(1, 3), c("one", "three"), ordered = TRUE))
    same(ufo_factor(any_lazy(f[f != "u"])), factor(f[f != "u"]))
    same(ufo_factor(any_lazy(f), labels = c("U", "V", "W")), factor(f, labels = c("U", "V", "W")))
    same(ufo_factor(any_lazy(f), ordered = TRUE), factor(f, ordered = TRUE))
    same(ufo_factor(any_lazy(factor(x, ordered = TRUE)), c("w", "v", "u")), factor(factor(x, ordered = TRUE), c("w", "v", "u")))
    same(ufo_factor(any_lazy(x), c("v", NA, "u")), factor(x, c("v", NA, "u")))
    for (f in list(f, factor(x, c("w", "z", "u", "v"), ordered = FALSE))) {
      same(droplevels(any_lazy(f)), droplevels(f))
      same(relevel(any_lazy(f), "v"), relevel(f, "v"))
      g <- any_lazy(f)
      levels(g)[1:2] <- "both"
      levels(f)[1:2] <- "both"
      same(g, f)
    }
    d <- data.frame(f = factor("a", c("a", "b")), n = 1)
    same(droplevels(ufo_lazy(d)), droplevels(d))
  })
})

test_that("parts of dates and times, conversions and units are those of base R", {
  with_small_pieces({
    day <- as.Date("2026-01-30") + 0:1200
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:1200 * 4321
    text <- format(day)
    for (f in list(months, weekdays, quarters, as.POSIXct, function(x) as.Date(x, tz = "UTC"), function(x) trunc(x, "month"))) {
      expect_as_base(f, day)
    }
    for (f in list(months, as.Date, function(x) as.POSIXct(trunc(x, "hours")), function(x) as.POSIXct(round(x, "days")))) expect_as_base(f, time)
    expect_as_base(function(x) as.Date(x, format = "%Y-%m-%d"), text)
    expect_as_base(function(x) as.POSIXct(x, tz = "UTC", format = "%Y-%m-%d"), text)
    expect_error(as.Date(stored_lazy(text)), "format", class = "ufo_unsupported_error")
    expect_as_base(as.Date, text[1:9])
    apart <- time - time[5]
    expect_as_base(units, apart)
    expect_as_base(function(x) as.numeric(x, units = "hours"), apart)
    expect_as_base(function(x) as.double(x, units = "mins"), apart)
    expect_as_base(function(x) {
      units(x) <- "days"
      x
    }, apart)
  })
})

test_that("functions without methods are refused with what to use instead", {
  with_small_pieces({
    x <- stored_lazy(as.numeric(1:2000))
    s <- ufo_map(x, as.character)
    t <- ufo_lazy(data.frame(x = 1:2000, g = c("a", "b")))
    says <- function(code, words) expect_error(code, words, fixed = TRUE, class = "ufo_unsupported_error")
    says(cor(x, x), "ufo_cor()")
    says(stats::cov(1:2000, x), "ufo_cov()")
    says(sd(x), "ufo_sd()")
    says(table(x), "ufo_table()")
    says(tapply(x, s, mean), "tapply() does not work on a lazy vector; use ufo_tapply()")
    says(ave(x, s), "ufo_ave()")
    says(factor(s), "ufo_factor()")
    says(as.factor(s), "ufo_factor()")
    says(ifelse(x > 1, 1, 2), "ufo_ifelse()")
    says(rank(x), "ufo_rank()")
    says(findInterval(x, 1), "ufo_find_interval()")
    says(pmin(x, 0), "ufo_map(x, pmin, ...)")
    says(toupper(s), "ufo_map(x, toupper)")
    says(grepl("a", s), "grepl(pattern, v)")
    says(trimws(s), "ufo_map(x, trimws)")
    says(by(t, t$g, nrow), "aggregate()")
    says(boxplot.stats(x), "quantile()")
    says(cbind(x, x), "lazy data frame")
    says(cut(stored_lazy(as.Date("2026-01-01") + 0:900), "month"), "format(x")
    # What works is not in the way.
    f <- function(v) length(v)
    expect_identical(sapply(list(x), f), 2000L)
    expect_identical(fivenum(x)[[3]], 1000.5)
  })
})

test_that("sets are taken from lazy vectors, of which only the different values are in memory", {
  with_small_pieces({
    x <- rep(c(5L, 3L, NA, 9L), 500)
    for (f in list(union, intersect, setdiff, setequal, is.element)) for (y in list(c(3L, 7L), rep(c(9L, 3L), 700))) {
      expect_identical(f(any_lazy(x), y), f(x, y))
      expect_identical(f(y, any_lazy(x)), f(y, x))
    }
  })
})

test_that("expressions on a lazy data frame may use functions of base R without methods", {
  set.seed(46)
  with_small_pieces({
    d <- data.frame(x = rnorm(1500), k = sample(50L, 1500, TRUE), s = sample(c("a b", "Cd", NA, "e"), 1500, TRUE))
    lazy <- ufo_lazy(d)
    plain <- function(t) {
      t <- ufo_materialize(t)
      rownames(t) <- NULL
      t
    }
    expect_identical(plain(subset(lazy, s %in% c("e", "Cd") & k > 3)), plain(subset(d, s %in% c("e", "Cd") & k > 3)))
    expect_identical(plain(subset(lazy, grepl("b$", s) | pmax(k, 40) > 45)), plain(subset(d, grepl("b$", s) | pmax(k, 40) > 45)))
    for (f in list(
      function(t) transform(t, u = toupper(s), v = ifelse(x > 0, "up", "down"), w = paste(s, k, sep = "-"), n = nchar(s)),
      function(t) within(t, y <- substr(s, 1, 1)), function(t) transform(t, r = rank(x), a = ave(x, k), low = pmin(x, 0, na.rm = TRUE)),
      function(t) transform(t, q = sub(" ", "", s), z = findInterval(x, c(-1, 1))),
      function(t) transform(t, p = paste(s, character(), k), o = paste0(s, NULL, collapse = NULL))
    )) expect_equal(plain(f(lazy)), f(d), info = deparse(body(f)))
    expect_equal(with(lazy, cor(x, k)), with(d, cor(x, k)))
    expect_identical(with(lazy, which.max(x)), which.max(d$x))
    expect_identical(with(lazy, paste("a", 1:2)), c("a 1", "a 2"))
    expect_error(with(lazy, paste(s, collapse = "")), class = "ufo_unsupported_error")
    for (f in list(
      function(t) with(t, table(s)), function(t) with(t, table(s, many = k > 9)), function(t) with(t, table(toupper(s), useNA = "ifany")),
      function(t) with(t, tapply(x, INDEX = s, FUN = sum)), function(t) with(t, tapply(X = x, INDEX = list(s, k), FUN = sum))
    )) expect_identical(f(lazy), f(d), info = deparse(body(f)))
    # Of these arguments base R takes one element.
    suppressWarnings({
      expect_error(with(lazy, substr("abc", k, 3)), "first element", class = "ufo_unsupported_error")
      expect_error(with(lazy, grepl(s, "a")), "first element", class = "ufo_unsupported_error")
    })
    expect_error(with(lazy, rank(s, na.last = TRUE)), class = "ufo_unsupported_error")
    expect_identical(as.vector(with(lazy, rank(k, na.last = TRUE))), rank(d$k))
    # The caller's own come first.
    table <- lazy
    order <- 2
    expect_identical(with(lazy, sum(table$k)), sum(d$k))
    expect_identical(as.vector(with(lazy, order(k, x))), base::order(d$k, d$x))
    with(lazy, order <<- order + 1)
    expect_identical(order, 3)
    toupper <- function(x) "mine"
    expect_identical(with(lazy, toupper(s)), "mine")
  })
})

test_that("what the help says of base R's functions is so", {
  set.seed(47)
  x <- c(rnorm(1800), 7)
  k <- sample(9L, 1801, TRUE)
  s <- sample(c("a-b", "cd", ""), 1801, TRUE)
  with_small_pieces({
    for (f in list(
      function(x) append(x, 1, 3), function(x) replace(x, 5, 0), fivenum, IQR, mad, is.unsorted, function(x) weighted.mean(x, 1:1801), max,
      function(x) unsplit(split(x, rep_len(1:2, 1801)), rep_len(1:2, 1801)), function(x) quantile(x, 0.1), stats::median, function(x) sum(x > 0)
    )) expect_as_base(f, x)
    set.seed(1)
    expect_length(sample(any_lazy(x), 10), 10)
    lazy <- any_lazy(s)
    expect_identical(unlist(ufo_apply(lazy, strsplit, "-"), FALSE), strsplit(s, "-"))
    for (f in list(nchar, toupper, trimws, nzchar, function(v) grepl("a", v), function(v) sub("-", "", v))) expect_identical(as.vector(ufo_map(lazy, f)), f(s))
    expect_identical(as.vector(ufo_map(lazy, substr, 1, 2)), substr(s, 1, 2))
    expect_identical(as.vector(ufo_map(lazy, paste, any_lazy(k), sep = "-")), paste(s, k, sep = "-"))
    expect_identical(as.vector(ufo_map(any_lazy(x), pmin, 0)), pmin(x, 0))
    expect_identical(as.vector(ufo_which(ufo_map(lazy, function(v) grepl("a", v)))), grep("a", s))
    d <- data.frame(x, k)
    t <- ufo_lazy(d)
    expect_equal(as.vector(Reduce(`+`, as.list(t))), unname(rowSums(d)))
    expect_equal(sapply(t, sum), colSums(d))
    expect_identical(sapply(t, function(v) sum(is.na(v))), sapply(d, function(v) sum(is.na(v))))
    expect_equal(ufo_reduce(t, function(d) crossprod(as.matrix(d)), `+`), crossprod(as.matrix(d)))
    expect_equal(as.vector((t$x - mean(t$x)) / ufo_sd(t$x)), as.vector(scale(x)))
    expect_equal(as.vector(ufo_rank(t$x, ties.method = "max") / length(x)), ecdf(x)(x))
    expect_equal(ufo_tapply(t$x, t$k, sum), rowsum(x, k)[, 1], ignore_attr = TRUE)
    expect_identical(as.vector(t[ufo_order(t$k), ]$x), do.call(rbind, split(d, k))$x)
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:900 * 999
    expect_identical(as.vector(as.integer(format(any_lazy(time), "%H"))), as.POSIXlt(time)$hour)
  })
})
