kinds_of_strings <- list(
  mixed = function(n) any_vector("character", n),
  few = function(n) sample(c("Old town", "Harbour", "North hill", NA), n, TRUE),
  many = function(n) paste0("number ", sample(n), sample(c("", " and a long tail"), n, TRUE))[seq_len(n)],
  ascii = function(n) sample(c("b", "a", "B", "A", "_", "10", "9", "a long one of them"), n, TRUE)
)

test_that("a vector of strings is lazy, and goes back", {
  set.seed(51)
  with_small_pieces(for (kind in kinds_of_strings) for (n in c(0, 1, 511, 2000)) {
    x <- kind(n)
    lazy <- stored_lazy(x)
    expect_length(lazy, n)
    expect_identical(as.vector(lazy), x)
    expect_identical(ufo_materialize(ufo_lazy(x)), x)
    expect_identical(Encoding(as.vector(lazy)), Encoding(x))
    expect_identical(as.character(lazy), lazy)
    for (f in c("is.na", "anyNA", "rev", "unique", "duplicated", "is.numeric", "length")) expect_as_base(f, x, info = f)
    for (m in c(0, 1, 600, -3, -600)) {
      expect_as_base(function(x) head(x, m), x)
      expect_as_base(function(x) tail(x, m), x)
    }
    for (m in c(0, 5, n, n + 1, n + 700)) expect_as_base(function(x) `length<-`(x, m), x)
  })
})

test_that("parts of strings are those of base R, for subscripts of every kind", {
  set.seed(52)
  with_small_pieces(for (kind in c("mixed", "many")) for (n in c(0, 1, 1100)) {
    x <- kinds_of_strings[[kind]](n)
    all <- subscripts(n)
    for (i in names(all)) {
      expect_identical(outcome(stored_lazy(x)[all[[i]]])$value, outcome(x[all[[i]]])$value, info = paste(kind, n, i))
      expect_same_part(x, all[[i]], paste(kind, n, i))
    }
    lazy <- stored_lazy(x)
    expect_identical(as.vector(lazy[lazy == "a"]), x[x == "a"])
    # Parts of what is in scratch already, and of a part.
    made <- ufo_map(lazy, function(v) paste0(v, ", and more"))
    i <- sample(n, 600, TRUE)
    if (n > 1) expect_identical(as.vector(rev(made[c(i, i)])), rev(paste0(x, ", and more")[c(i, i)]))
    if (n > 1) expect_identical(lazy[[n]], x[[n]])
  })
})

test_that("strings are assigned as in base R, and the vector before stays as it was", {
  set.seed(53)
  values <- list("short", "a new string of some length", NA, c("one after", "the other"), 7L, 1.5, TRUE, latin1, character())
  with_small_pieces({
    for (n in c(0, 1, 1100)) {
      x <- kinds_of_strings$mixed(n)
      all <- subscripts(n)
      for (kind in setdiff(names(all), "text")) for (value in values[sample(length(values), 2)]) {
        expect_same_assignment(x, all[[kind]], value, paste(n, kind))
      }
    }
    for (type in c("logical", "integer", "double")) expect_same_assignment(any_vector(type, 1100), c(3, 900), "text of it", type)
    x <- kinds_of_strings$many(2000)
    lazy <- before <- stored_lazy(x)
    changed <- x
    for (i in 1:5) {
      at <- sample(2000, 700)
      new <- kinds_of_strings$many(700)
      lazy[at] <- if (i %% 2 == 0) new else ufo_lazy(new)
      changed[at] <- new
      expect_identical(as.vector(lazy), changed)
    }
    lazy[[1]] <- "first"
    expect_identical(lazy[[1]], "first")
    expect_identical(as.vector(before), x)
  })
})

test_that("much new text is assigned into stored strings", {
  set.seed(54)
  x <- kinds_of_strings$many(3000)
  lazy <- stored_lazy(x)
  with_small_pieces(for (i in 1:4) {
    at <- sample(3000, 1500)
    new <- paste0(strrep("y", 900), i, at) # more than is collected in memory
    lazy[at] <- new
    x[at] <- new
    copy <- lazy
    copy[5] <- "other"
    expect_identical(as.vector(lazy), x)
    expect_identical(copy[[5]], "other")
  })
  # As ordinary strings, too, and stored again.
  y <- ufo_unlazy(lazy)
  y[7] <- "in base R"
  x[7] <- "in base R"
  s <- new_store()
  s$y <- y
  s$lazy <- lazy
  expect_identical(ufo_materialize(s$y), x)
  expect_identical(unserialize(serialize(y, NULL)), x)
  ufo_close(s)
})

test_that("strings are compared and converted as in base R", {
  set.seed(55)
  with_small_pieces(for (kind in kinds_of_strings) {
    x <- kind(1500)
    y <- kind(1500)
    for (f in c("==", "!=", "<", ">=")) {
      expect_as_base(f, x, y, info = f)
      expect_as_base(f, x, "a", info = f)
      expect_as_base(f, y, rev(x)[1:500], info = f)
      expect_as_base(f, x, 7, info = f)
      expect_as_base(f, 1:1500, y, info = f)
    }
    for (f in c("+", "&", "%%")) expect_as_base(f, x, y, info = f)
    for (f in c("abs", "cumall", "-", "!", "exp")) if (exists(f)) expect_as_base(f, x, info = f)
    for (f in c("as.integer", "as.double", "as.logical", "as.complex")) expect_as_base(f, x, info = f)
    for (f in c("is.nan", "is.finite", "is.infinite")) if (f != "is.nan") expect_as_base(f, x, info = f)
    expect_as_base("c", x, y, "z")
    expect_as_base("c", 1:600 / 7, x)
    table <- unique(x)[1:3]
    expect_identical(as.vector(ufo_match(stored_lazy(x), table, 0L) > 0L), x %in% table)
    expect_identical(as.vector(ufo_match(stored_lazy(x), stored_lazy(y))), match(x, y))
    expect_identical(as.vector(ufo_ifelse(stored_lazy(x == "a"), stored_lazy(x), "else")), ifelse(x == "a", x, "else"))
  })
})

test_that("other types become strings as in base R", {
  set.seed(56)
  with_small_pieces({
    for (type in c("logical", "integer", "double", "complex", "raw")) expect_as_base("as.character", any_vector(type, 1300), info = type)
    expect_as_base("as.character", factor(rep(c("b", "a", NA), 500)))
    expect_as_base("as.character", as.Date("2026-01-01") + 0:1299)
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:1299 * 3600.5
    expect_as_base(function(x) as.character(x, format = "%d.%m. %H:%M:%S"), time)
    expect_error(as.character(any_lazy(time)), "format", class = "ufo_unsupported_error")
    expect_identical(paste(ufo_lazy(1:3), "x"), c("1 x", "2 x", "3 x"))
    expect_identical(paste0(ufo_lazy(factor("b")), "x"), "bx")
    expect_error(paste(any_lazy(1:1300)), "ufo_map", class = "ufo_unsupported_error")
  })
})

test_that("extremes and summaries of strings are those of base R", {
  set.seed(57)
  with_small_pieces(for (kind in kinds_of_strings) for (n in c(0, 1, 1700)) {
    x <- kind(n)
    for (f in c("min", "max", "range")) {
      expect_as_base(f, x, info = f)
      expect_as_base(function(x) get(f)(x, na.rm = TRUE), x, info = f)
      if (n != 1) expect_as_base(function(x, y) get(f)(x, y, "Z", na.rm = TRUE), x, 3:700, info = f)
    }
    expect_as_base(function(x) max(x, na.rm = TRUE), rep(NA_character_, n))
    for (f in c("sum", "prod", "any", "all")) expect_as_base(f, x, info = f)
    expect_identical(unclass(summary(any_lazy(x))), unclass(summary(x))) # from R 4.6 on it counts characters, too
  })
  for (f in list(median, quantile, cumsum, ufo_var, cut, function(x) ufo_find_interval(x, 1))) {
    expect_error(suppressWarnings(f(any_lazy(c("a", "b")))))
  }
})

# Collation as the session has it; where R has ICU, also that of a language, which the order of characters does not give.
in_each_order <- function(code) {
  code <- substitute(code)
  eval(code, parent.frame())
  if (!capabilities("ICU")) return()
  icuSetCollate(locale = "en_US")
  on.exit(icuSetCollate(locale = "none"))
  eval(code, parent.frame())
}

test_that("strings are sorted as base R sorts them: by the locale, or by the characters", {
  set.seed(58)
  in_each_order(with_small_pieces(for (kind in names(kinds_of_strings)) for (n in c(0, 1, 600, 4000)) {
    x <- kinds_of_strings[[kind]](n)
    lazy <- any_lazy(x)
    for (decreasing in c(TRUE, FALSE)) for (method in c("auto", "radix")) for (na.last in c(TRUE, NA)) {
      info <- paste(kind, n, decreasing, method, na.last)
      expect_identical(
        as.vector(ufo_order(lazy, decreasing = decreasing, na.last = na.last, method = method)), order(x, decreasing = decreasing, na.last = na.last, method = method), info = info
      )
      expect_identical(
        as.vector(sort(lazy, decreasing, na.last, method = method)), sort(x, decreasing, na.last, method = method), info = info
      )
    }
  }))
})

test_that("more runs of strings are sorted than are merged at once", {
  set.seed(59)
  old <- options(ufostore.piece = 256, ufostore.progress = FALSE) # 32 elements
  on.exit(options(old))
  x <- paste("a string of the number", sample(700, 3000, TRUE)) # 94 runs
  expect_identical(as.vector(sort(ufo_lazy(x))), sort(x))
  expect_identical(as.vector(ufo_order(ufo_lazy(x))), order(x))
  expect_identical(as.vector(ufo_order(ufo_lazy(x), decreasing = TRUE)), order(x, decreasing = TRUE))
  expect_identical(as.vector(unique(ufo_lazy(x))), unique(x))
})

test_that("tables and groups of strings are those of base R", {
  set.seed(60)
  in_each_order(with_small_pieces({
    for (kind in c("mixed", "few", "ascii")) {
      x <- kinds_of_strings[[kind]](1700)
      expected <- table(x, useNA = "ifany")
      names(dimnames(expected)) <- ""
      expect_identical(ufo_table(any_lazy(x), useNA = "ifany"), expected)
      number <- rnorm(1700)
      expect_identical(ufo_tapply(any_lazy(number), any_lazy(x), mean), tapply(number, x, mean))
      expect_identical(ufo_tapply(any_lazy(x), any_lazy(rep(1:4, 425)), function(v) v[2]), tapply(x, rep(1:4, 425), function(v) v[2]))
      levels <- levels(factor(x))
      expect_identical(ufo_materialize(ufo_map(any_lazy(x), factor, levels = levels)), factor(x))
    }
  }))
})

test_that("ufo_map makes strings of anything, and anything of strings", {
  set.seed(61)
  with_small_pieces({
    x <- kinds_of_strings$many(1700)
    expect_identical(as.vector(ufo_map(any_lazy(x), toupper)), toupper(x))
    expect_identical(as.vector(ufo_map(any_lazy(x), nchar)), nchar(x))
    expect_identical(as.vector(ufo_map(1:1700, format, width = 9)), format(1:1700, width = 9))
    expect_identical(as.vector(ufo_map(any_lazy(x), paste, any_lazy(1:1700), sep = "/")), paste(x, 1:1700, sep = "/"))
    expect_identical(as.vector(ufo_map(any_lazy(x), function(v, n) substr(v, 1, n), n = 3, cores = 2)), substr(x, 1, 3))
    expect_identical(as.vector(ufo_map(1:1700, function(v) if (v[1] > 600) v else as.character(v), type = "character")), as.character(1:1700))
    expect_error(ufo_map(rep(1L, 600), as.raw, type = "character"), class = "ufo_usage_error")
    expect_identical(ufo_reduce(any_lazy(x), nchar, function(a, b) c(sum(a), sum(b)))[[2]] > 0, TRUE)
  })
})

test_that("strings are printed as such, and only what is shown is read", {
  x <- paste("a long string, number", 1:100000)
  lazy <- stored_lazy(x)
  before <- ufo_stats()$fills
  text <- capture.output(print(lazy))
  expect_match(text[[1]], "<ufo_lazy> character, 100,000 elements")
  expect_match(text[[2]], "\"a long string, number 1\"", fixed = TRUE)
  expect_match(capture.output(str(lazy)), "character [1:100,000] \"a long string, number 1\" ", fixed = TRUE)
  expect_identical(format(lazy, n = 2), c(x[1:2], "..."))
  expect_lte(ufo_stats()$fills - before, 4)
})

test_that("strings are sorted by the locale as base R does it, whatever their values", {
  set.seed(61)
  # Many different, few, some that fill whole buckets, and some that are told apart only at their ends.
  vectors <- list(
    different = sprintf("%s-%x", sample(c("user", "Item", "\u00e9t\u00e9"), 9000, TRUE), sample(1e8, 9000)),
    heavy = sample(c(rep("same", 60), letters, LETTERS), 9000, TRUE), one = rep("x", 3000), alternating = rep(c("b", "a"), 3000),
    long = paste0(strrep("prefix ", 20), sample(4000)), encodings = sample(some_strings, 6000, TRUE), sorted = sprintf("%06d", 1:5000),
    same_place = sample(c("co-op", "coop", "CO-OP", "e\u0301", "\u00e9"), 5000, TRUE)
  )
  with_small_pieces(for (name in names(vectors)) for (decreasing in c(FALSE, TRUE)) {
    x <- vectors[[name]]
    info <- paste(name, decreasing)
    expect_identical(as.vector(ufo_order(any_lazy(x), decreasing = decreasing)), order(x, decreasing = decreasing, method = "shell"), info = info)
    expect_identical(as.vector(sort(any_lazy(x), decreasing)), sort(x, decreasing), info = info)
  })
  # In memory, too, buckets are divided.
  x <- vectors$different
  for (decreasing in c(FALSE, TRUE)) {
    expect_identical(as.vector(ufo_order(ufo_lazy(x), decreasing = decreasing)), order(x, decreasing = decreasing, method = "shell"))
  }
})

test_that("strings that are no text have the place in the locale that base R gives them", {
  set.seed(62)
  x <- sample(c(NA, "\xe9", "a\xe8", "-", "\u00e9", "Z", "\xe9z", letters), 3000, TRUE)
  in_each_order(with_small_pieces(for (decreasing in c(FALSE, TRUE)) {
    expect_identical(as.vector(ufo_order(any_lazy(x), decreasing = decreasing)), order(x, decreasing = decreasing, method = "shell"))
    expect_identical(as.vector(sort(any_lazy(x), decreasing)), sort(x, decreasing))
    expect_equal(as.vector(ufo_rank(any_lazy(x))), rank(x, "keep"))
  }))
})
