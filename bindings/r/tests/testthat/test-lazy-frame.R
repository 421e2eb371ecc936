# Lazy data frames beside the ordinary ones they are made of, with pieces of 512 rows.

# A lazy data frame has no row names, and na.omit() notes nothing.
expect_same_table <- function(got, expected, ...) {
  if (is.data.frame(expected)) rownames(expected) <- NULL
  attr(expected, "na.action") <- NULL
  expect_identical(ufo_materialize(got), expected, ...)
}

# f() of the lazy data frame and of the ordinary one.
expect_as_frame <- function(f, df, lazy, info = NULL) expect_same_table(f(lazy), f(df), info = info)

test_that("a data frame comes back as it was, with its columns where they are", {
  with_small_pieces({
    set.seed(51)
    df <- any_frame(3000)
    lazy <- stored_frame(df)
    expect_s3_class(lazy, "ufo_lazy_frame")
    expect_identical(dim(lazy), dim(df))
    expect_identical(colnames(lazy), names(df))
    expect_identical(ufo_materialize(lazy), df)
    expect_true(all(vapply(as.data.frame(lazy), is_ufo, NA)))
    s <- new_store()
    s$again <- lazy
    s$inside <- list(part = head(lazy, 2000), 1)
    expect_identical(ufo_materialize(s$again), df)
    expect_identical(ufo_materialize(s$inside$part), head(df, 2000))
    ufo_append(s, "again", lazy[df$ok, ])
    expect_same_table(s$again, rbind(df, df[df$ok, ]))
    old <- options(ufostore.lazy = TRUE)
    expect_s3_class(s$again, "ufo_lazy_frame")
    options(old)
    ufo_close(s)
  })
})

test_that("rows and columns are chosen as from a data frame", {
  with_small_pieces(for (n in c(0, 1, 700, 3000)) {
    set.seed(n)
    df <- any_frame(n)
    lazy <- stored_frame(df)
    some <- sample(n, n %/% 3)
    for (f in list(
      function(x) x[x$b > 0, ], function(x) x[x$a > 3, ], function(x) x[!is.na(x$a) & x$a > 3, c("g", "a")],
      function(x) x[some, ], function(x) x[-some, "b", drop = FALSE], function(x) x["g"], function(x) x["g"][some, ], function(x) x["b"][x$b > 0, ], function(x) x[c(TRUE, FALSE), ],
      function(x) x[, c(5, 1)], function(x) x[-1], function(x) x[c("a", "a")], function(x) head(x, 5), function(x) tail(x, -10),
      function(x) subset(x, b > 0 & g == "x", a:g), function(x) subset(x, select = -day), function(x) subset(x, a > 2),
      function(x) na.omit(x), function(x) rbind(x, x[some, ]), function(x) cbind(x, b = x$b, one = rep(1L, n))
    )) expect_as_frame(f, df, lazy, info = paste(n, deparse(body(f))))
    expect_identical(ufo_materialize(lazy[, "b"]), df[, "b"])
    expect_identical(ufo_materialize(lazy[["g"]]), df[["g"]])
    expect_identical(sapply(lazy[c("a", "b")], mean, na.rm = TRUE), sapply(df[c("a", "b")], mean, na.rm = TRUE))
  })
  expect_error(ufo_lazy(iris)["none"], "undefined columns selected")
  expect_error(ufo_lazy(iris)["5", ], class = "ufo_unsupported_error")
})

test_that("columns and rows are assigned as into a data frame, and to nobody else", {
  with_small_pieces({
    set.seed(52)
    df <- any_frame(2000)
    lazy <- stored_frame(df)
    some <- sample(2000, 50)
    for (f in list(
      function(x) { x$c <- x$b * 2; x }, function(x) { x$a <- NULL; x }, function(x) { x[["one"]] <- 1; x },
      function(x) { x$two <- c(1L, 2L); x }, function(x) { x[x$b > 0, "b"] <- 0; x }, function(x) { x[some, "g"] <- "y"; x },
      function(x) { x[some, c("a", "b")] <- list(9L, -1); x }, function(x) { x["b"] <- 2; x }, function(x) { x$b[some] <- NA; x },
      function(x) { x[c("b", "new")] <- list(x$a, TRUE); x }, function(x) { names(x)[2] <- "value"; x },
      function(x) { colnames(x) <- LETTERS[1:6]; x },
      function(x) transform(x, twice = b * 2, ok = NULL), function(x) transform(x, b = -b, a = a + 1L),
      function(x) within(x, { s <- b + 1; t <- s * 2; rm(a) })
    )) expect_as_frame(f, df, lazy, info = deparse(body(f)))
    expect_identical(ufo_materialize(lazy), df)
    expect_error(lazy$x <- 1:3, class = "ufo_usage_error")
    expect_error(lazy[2001, "a"] <- 1L, class = "ufo_unsupported_error")
    expect_error(lazy[1, "none"] <- 1L, class = "ufo_unsupported_error")
  })
})

test_that("groups of several columns are those of base R", {
  with_small_pieces(for (n in c(700, 4000)) {
    set.seed(n)
    df <- any_frame(n)
    lazy <- stored_frame(df)
    several <- function(x) c(sum = sum(x, na.rm = TRUE), n = length(x))
    expect_identical(ufo_tapply(lazy$b, lazy$day, sum), tapply(df$b, df$day, sum))
    expect_identical(ufo_table(lazy$day), table(df$day))
    expect_as_frame(function(x) aggregate(x["b"], by = list(group = x$g), mean), df, lazy)
    expect_as_frame(function(x) aggregate(x[c("a", "b")], by = list(x$day, x$ok), sum), df, lazy)
    expect_as_frame(function(x) aggregate(x["b"], by = x[c("g", "a")], several), df, lazy)
    expect_as_frame(function(x) aggregate(x["b"], by = list(k = x$a), range), df, lazy)
    expect_as_frame(function(x) aggregate(x["town"], by = x[c("ok", "town")], length), df, lazy)
    expect_as_frame(function(x) aggregate(x[c("b", "a")], by = list(town = x$town), sum), df, lazy)
    expect_as_frame(function(x) aggregate(x[c("day", "a")], by = x["ok"], max), df, lazy)
    expect_as_frame(function(x) aggregate(x[c("g", "day")], by = list(x$a), function(v) v[1]), df, lazy)
    for (simplify in c(TRUE, FALSE)) {
      expect_identical(ufo_tapply(lazy$b, lazy[c("a", "g")], sum, simplify = simplify), tapply(df$b, df[c("a", "g")], sum, simplify = simplify))
    }
    expect_identical(ufo_tapply(lazy$b, list(lazy$ok, lazy$g), range), tapply(df$b, list(df$ok, df$g), range))
    expect_identical(ufo_table(lazy[c("g", "a")]), table(df[c("g", "a")]))
    expect_identical(ufo_table(list(lazy$ok, lazy$g)), table(list(df$ok, df$g)))
    expect_identical(ufo_tapply(lazy$town, lazy[c("g", "ok")], toString), tapply(df$town, df[c("g", "ok")], toString))
    parts <- split(lazy, lazy$g)
    expected <- split(df, df$g)
    expect_named(parts, names(expected))
    for (k in names(expected)) expect_same_table(parts[[k]], expected[[k]])
  })
})

test_that("rows that are there once are those of base R", {
  with_small_pieces(for (n in c(0, 900, 4000)) {
    set.seed(n)
    df <- any_frame(n)
    lazy <- stored_frame(df)
    for (columns in list("g", c("a", "ok"), c("town", "g", "a"))) {
      expect_same_table(unique(lazy[columns]), unique(df[columns]))
      expect_identical(as.vector(duplicated(lazy[columns])), duplicated(df[columns]))
    }
    expect_error(unique(lazy, fromLast = TRUE), class = "ufo_unsupported_error")
    expect_error(unique(ufo_lazy(data.frame(x = c(NaN, NA)))), class = "ufo_unsupported_error")
  })
})

test_that("aggregate() takes a formula, as base R's does", {
  with_small_pieces({
    set.seed(56)
    df <- any_frame(3000)
    df$z <- replace(rnorm(3000), sample(3000, 300), NA)
    lazy <- stored_frame(df)
    formulas <- list(b ~ g, b ~ town + day, cbind(b, z) ~ a, cbind(b, twice = 2 * z) ~ day, z ~ I(a %% 2L), z ~ ok + (a > 2), log(z^2 + 1) ~ town,
      b ~ town * day, z ~ town:ok + town)
    for (formula in formulas) {
      expected <- aggregate(formula, df, mean)
      expected[] <- lapply(expected, function(column) if (inherits(column, "AsIs")) unclass(column) else column)
      expect_equal(aggregate(lazy, formula, mean), expected, info = deparse(formula))
    }
    few <- c("a", "b", "z", "town")
    expect_equal(aggregate(lazy[few], . ~ town, sum), aggregate(. ~ town, df[few], sum))
    expect_equal(aggregate(lazy[few], z ~ ., length), aggregate(z ~ ., df[few], length))
    expect_equal(aggregate(lazy, b ~ g, quantile, probs = c(0.2, 0.8)), aggregate(b ~ g, df, quantile, probs = c(0.2, 0.8)))
    # What is missing is left out of all columns, or left to the function.
    for (how in list(na.pass, NULL, "na.pass", na.omit)) {
      expect_equal(aggregate(lazy, z ~ ok, mean, na.action = how), aggregate(z ~ ok, df, mean, na.action = how))
      expected <- aggregate(cbind(b, z) ~ ok, df, sum, na.rm = TRUE, na.action = how)
      expect_equal(aggregate(lazy, cbind(b, z) ~ ok, sum, na.rm = TRUE, na.action = how), expected)
    }
    expect_error(aggregate(lazy, z ~ ok, mean, na.action = na.fail), class = "ufo_unsupported_error")
    expect_error(aggregate(lazy, z ~ ok, mean, subset = a > 2), "subset", class = "ufo_unsupported_error")
    expect_error(aggregate(lazy, z ~ ok - town, mean), class = "ufo_unsupported_error")
    expect_error(aggregate(lazy, ~g, mean), "must have both left and right hand sides")
    expect_error(aggregate(lazy, b[1:5] ~ g, mean), "5 elements", class = "ufo_usage_error")
    expect_error(aggregate(lazy, nobody ~ g, mean), "nobody")
  })
})

test_that("there are no groups of no rows", {
  df <- any_frame(0)
  lazy <- ufo_lazy(df)
  expect_identical(nrow(aggregate(lazy["b"], by = lazy["day"], mean)), 0L)
  expect_identical(dim(ufo_table(lazy[c("day", "a")])), c(0L, 0L))
  for (name in names(df)) expect_named(split(lazy, lazy[[name]]), names(split(df, df[[name]])))
})

test_that("rows are ordered by several columns", {
  with_small_pieces({
    set.seed(53)
    df <- any_frame(3000)
    lazy <- stored_frame(df)
    expect_identical(as.vector(ufo_order(lazy[c("g", "b", "a")])), order(df$g, df$b, df$a))
    expect_identical(as.vector(ufo_order(lazy[c("a", "g")], na.last = NA)), order(df$a, df$g, na.last = NA))
    expect_identical(
      as.vector(ufo_order(lazy[c("ok", "b")], decreasing = c(TRUE, FALSE))), order(df$ok, df$b, decreasing = c(TRUE, FALSE), method = "radix")
    )
    expect_identical(as.vector(ufo_order(lazy[c("town", "a")])), order(df$town, df$a))
    expect_same_table(lazy[ufo_order(lazy$b), ], df[order(df$b), ])
    expect_identical(as.vector(ufo_order(lazy$g, -lazy$b, df$a)), order(df$g, -df$b, df$a))
    expect_identical(as.vector(with(lazy, order(town, a, decreasing = TRUE))), with(df, order(town, a, decreasing = TRUE)))
    expect_error(ufo_order(lazy$g, 1:2), "argument lengths differ")
    expect_error(ufo_order(lazy$g, TRUE), "argument lengths differ")
  })
})

test_that("a table that fits into memory is joined", {
  with_small_pieces({
    set.seed(54)
    df <- any_frame(3000)
    lazy <- stored_frame(df)
    zones <- data.frame(a = c(3L, 1L, 5L, 3L, 99L), weight = c(0.5, 1.5, 2.5, 7, 0), b = 1:5)
    for (all.x in c(FALSE, TRUE)) {
      expected <- merge(cbind(df, row = 1:3000), zones, by = "a", all.x = all.x, sort = FALSE)
      expected <- expected[order(expected$row), ]
      expected$row <- NULL
      expect_same_table(merge(lazy, zones, by = "a", all.x = all.x), expected, info = all.x)
    }
    towns <- data.frame(town = c("Oslo", "Ume\u00e5", "Rome"), land = c("Norway", "Sweden", "Italy"))
    joined <- merge(lazy, towns, sort = FALSE)
    expect_identical(sort(table(ufo_materialize(joined)$land)), sort(table(c(Oslo = "Norway", "Ume\u00e5" = "Sweden")[df$town])))
    # Several keys, of other types and classes, and rows that stay once each.
    keys <- data.frame(a = c(1, 2, 2, NA), day = as.Date("2026-01-01") + c(3, 5, 5, 1), ok = c(1L, 0L, 0L, 1L), v = c("one", "two", "three", "none"))
    keys$ok <- keys$ok == 1
    for (by in list(c("a", "day"), c("day", "ok"), "day", "ok")) for (all.x in c(FALSE, TRUE)) {
      y <- keys[c(by, "v")]
      expected <- merge(cbind(df, row = 1:3000), cbind(y, second = 1:4), by = by, all.x = all.x, sort = FALSE)
      expected <- expected[order(expected$row, expected$second), ]
      expected$row <- expected$second <- NULL
      expect_same_table(merge(lazy, y, by = by, all.x = all.x), expected, info = toString(c(by, all.x)))
    }
    once <- merge(lazy, data.frame(ok = c(FALSE, TRUE), z = c("no", "yes")))
    expect_identical(ufo_materialize(once$z), ifelse(df$ok, "yes", "no"))
    expect_identical(lazy_values(once$town), lazy_values(lazy$town)) # where they were
    texts <- data.frame(day = as.character(as.Date("2026-01-01") + 4:6), n = 1:3)
    expect_identical(ufo_materialize(merge(lazy, texts)$n), match(as.character(df$day), texts$day)[as.character(df$day) %in% texts$day])
    expect_error(merge(lazy, zones, by = "a", sort = TRUE), class = "ufo_unsupported_error")
    expect_error(merge(lazy, data.frame(day = Sys.time())), class = "ufo_unsupported_error")
    expect_error(merge(lazy, zones, by = "none"), class = "ufo_usage_error")
    names(zones)[1] <- "key"
    got <- merge(lazy, ufo_lazy(zones)[c("key", "weight")], by.x = "a", by.y = "key")
    expect_identical(nrow(got), as.integer(sum(df$a %in% c(1, 5)) + 2 * sum(df$a %in% 3)))
    expect_identical(dim(merge(lazy, data.frame(a = 100L, z = 1))), c(0L, 7L))
    expect_error(merge(lazy, data.frame(z = 1)), class = "ufo_unsupported_error")
  })
})

test_that("functions get data frames of rows, and make columns or tables", {
  with_small_pieces(for (n in c(0, 3000)) {
    set.seed(55)
    df <- any_frame(n)
    lazy <- stored_frame(df)
    expect_identical(sum(unlist(ufo_apply(lazy, nrow))), as.integer(n))
    expect_identical(ufo_materialize(ufo_map(lazy, function(d) d$a + d$b)), df$a + df$b)
    expect_same_table(ufo_map(lazy, function(d) transform(d, c = a + b)[c("c", "g")]), transform(df, c = a + b)[c("c", "g")])
    if (n == 0) next
    # A linear model from what can be added up.
    parts <- ufo_reduce(
      lazy, function(d) { x <- model.matrix(~ ok + day, d); list(crossprod(x), crossprod(x, d$b)) },
      combine = function(u, v) Map(`+`, u, v), cores = 2
    )
    expect_equal(drop(solve(parts[[1]], parts[[2]])), coef(lm(b ~ ok + day, df)), tolerance = 1e-6)
    expect_error(ufo_map(lazy, function(d) if (d$b[[1]] == df$b[[1]]) d else d["a"]), class = "ufo_usage_error")
    expect_error(ufo_map(lazy, function(d) d[-1, ]), class = "ufo_usage_error")
  })
})

test_that("it is shown in a few lines, reading what is shown", {
  with_small_pieces({
    set.seed(56)
    df <- any_frame(50000)
    s <- new_store()
    ufo_put(s, "df", df, chunk = "4KB")
    before <- ufo_stats()$fills
    lazy <- ufo_lazy(s$df)
    out <- capture.output(print(lazy))
    expect_match(out[[1]], "<ufo_lazy_frame> 50,000 rows of 6 columns", fixed = TRUE)
    expect_length(out, 13)
    expect_match(capture.output(str(lazy))[[3]], "$ b   :", fixed = TRUE)
    expect_lte(ufo_stats()$fills - before, 5 * 5)
    expect_identical(summary(lazy["b"]), summary(df["b"]))
    expect_output(print(summary(lazy)), "NA'?s") # since R 4.6 without the apostrophe
    ufo_close(s)
  })
})

test_that("what a lazy data frame cannot be made of, or does not do, is refused", {
  expect_error(ufo_lazy(mtcars), "row names", class = "ufo_unsupported_error")
  df <- data.frame(a = 1:2)
  df$l <- list(1, 2)
  expect_error(ufo_lazy(df), "column 'l'", class = "ufo_unsupported_error")
  lazy <- ufo_lazy(data.frame(a = 1:2, b = 2:3))
  for (f in list(
    function(x) x > 1, function(x) exp(x), function(x) sum(x), function(x) as.matrix(x), function(x) is.na(x), function(x) mean(x),
    function(x) sort(x), function(x) order(x), function(x) rev(x), function(x) t(x)
  )) expect_error(f(lazy), class = "ufo_unsupported_error", info = deparse(body(f)))
  # What knows only data frames gets one of the columns where they are.
  expect_equal(coef(lm(b ~ a, lazy)), c("(Intercept)" = 1, a = 1))
})

test_that("tables of four times the budget are worked on within it", {
  skip_long_without_peaks()
  with_budget("8MB", {
    options(ufostore.progress = FALSE)
    s <- new_store()
    block <- function(i) { set.seed(i); data.frame(x = runif(2^18), g = sample(20L, 2^18, TRUE), k = sample(1000L, 2^18, TRUE)) }
    s$t <- block(0)[0, ]
    ufo_transaction(s, for (i in 1:8) ufo_append(s, "t", block(i))) # 32 MiB
    lazy <- ufo_lazy(s$t)
    gc(full = TRUE)
    start <- status_bytes("VmRSS")
    names <- data.frame(k = 1:1000, weight = (1:1000) / 10)
    peaks <- c(
      filter = peak_bytes(some <- lazy[lazy$x > 0.5, ]), groups = peak_bytes(means <- aggregate(lazy["x"], by = lazy["g"], mean)),
      join = peak_bytes(joined <- merge(lazy, names)), order = peak_bytes(ordered <- lazy[ufo_order(lazy[c("g", "k")]), ]),
      apply = peak_bytes(sums <- ufo_reduce(lazy, function(d) rowsum(d$x, d$g), `+`)), stored = peak_bytes(s$joined <- joined)
    )
    expect_lt(max(peaks) - start, (8 + 96) * mb)
    expect_identical(nrow(some), sum(lazy$x > 0.5))
    expect_equal(means$x * as.vector(ufo_table(lazy$g)), as.vector(sums))
    expect_identical(nrow(s$joined), nrow(lazy))
    expect_equal(mean(s$joined$weight), mean(lazy$k) / 10)
    expect_false(is.unsorted(as.vector(ordered$g)))
    ufo_close(s)
  })
})

test_that("a tibble becomes a data frame where base R makes one of it", {
  d <- data.frame(a = c(1, 2, 2), k = 1:3)
  tibble <- structure(d, class = c("tbl_df", "tbl", "data.frame"))
  s <- new_store()
  s$t <- tibble
  t <- ufo_lazy(s$t)
  class_of <- function(x) class(ufo_unlazy(x))[[1]]
  for (f in list(
    function(t) transform(t, b = a), function(t) cbind(t, z = 1:3), function(t) cbind(t, t), as.data.frame,
    function(t) merge(t, data.frame(k = 1:3, w = 3:1)), function(t) aggregate(t["a"], t["k"], sum)
  )) expect_identical(class_of(f(t)), "data.frame", info = deparse(body(f)))
  for (f in list(
    function(t) subset(t, a > 1), function(t) t[2:3, ], function(t) t[, 1], function(t) within(t, b <- a), unique,
    function(t) rbind(t, t), na.omit, head, function(t) split(t, t$a)[[1]]
  )) expect_identical(class_of(f(t)), "tbl_df", info = deparse(body(f)))
  ufo_close(s)
})

test_that("missing row numbers are refused in assignments, as in base R", {
  d <- data.frame(a = 1:3, k = 4:6)
  assign_at <- function(t, i) {
    t[i, "k"] <- 0L
    t
  }
  for (i in list(NA, c(1L, NA), c(TRUE, NA, FALSE), c(NA, 2))) {
    expect_error(assign_at(d, i), "missing values")
    expect_error(assign_at(ufo_lazy(d), i), "missing values are not allowed")
    expect_error(assign_at(ufo_lazy(d), ufo_lazy(i)), "missing values are not allowed")
  }
  expect_identical(ufo_materialize(assign_at(ufo_lazy(d), c(TRUE, FALSE, FALSE))), assign_at(d, c(TRUE, FALSE, FALSE)))
})
