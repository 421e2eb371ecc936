numbers <- c("logical", "integer", "double")

test_that("a lazy vector comes from a view or any vector, and goes back", {
  with_small_pieces({
    x <- as.numeric(1:2000)
    lazy <- stored_lazy(x)
    expect_true(inherits(lazy, "ufo_lazy"))
    expect_length(lazy, 2000)
    expect_true(is_ufo(lazy))
    expect_identical(as.vector(lazy), x)
    expect_identical(ufo_materialize(lazy), x)
    expect_true(is_ufo(ufo_unlazy(lazy)))
    expect_identical(ufo_lazy(lazy), lazy)
    expect_identical(ufo_materialize(ufo_lazy(1:3)), 1:3)
    f <- factor(rep(c("a", "b"), 1000))
    expect_identical(ufo_materialize(stored_lazy(f)), f)
    expect_identical(levels(stored_lazy(f)), c("a", "b"))
    expect_identical(ufo_unlazy(7), 7)
  })
})

test_that("what cannot be lazy is refused with the reason", {
  expect_error(ufo_lazy(c(a = 1)), "names", class = "ufo_unsupported_error")
  expect_error(ufo_lazy(matrix(1)), "matrix", class = "ufo_unsupported_error")
  expect_error(ufo_lazy(c(a = "a")), "names", class = "ufo_unsupported_error")
  expect_error(ufo_lazy(structure(list(1), class = "strange")), "list", class = "ufo_unsupported_error")
  expect_error(ufo_lazy(structure(1, class = "integer64")), "integer64", class = "ufo_unsupported_error")
})

test_that("binary operators give what base R gives, for random vectors", {
  set.seed(1)
  operators <- c("+", "-", "*", "/", "^", "%%", "%/%", "==", "!=", "<", "<=", ">", ">=", "&", "|")
  with_small_pieces(for (i in 1:80) {
    lengths <- sample(c(0, 1, 2, 3, 511, 512, 513, 700, 1024, 1500, 1999), 2)
    types <- sample(numbers, 2, TRUE)
    operator <- sample(operators, 1)
    info <- paste(i, operator, paste(types, lengths, collapse = " "))
    expect_as_base(operator, any_vector(types[1], lengths[1]), any_vector(types[2], lengths[2]), info = info)
  })
})

test_that("operators work on complex and raw vectors, and with texts, as in base R", {
  set.seed(2)
  with_small_pieces({
    for (operator in c("+", "*", "/", "==", "!=")) {
      expect_as_base(operator, any_vector("complex", 1100), any_vector("double", 1100))
    }
    for (operator in c("&", "|", "==", "<")) expect_as_base(operator, any_vector("raw", 1100), any_vector("raw", 550))
    expect_as_base("!", any_vector("raw", 1100))
    expect_as_base("<", any_vector("complex", 1100), 1)
    expect_as_base("==", 1:1500, "7")
    expect_as_base("+", 1:1500, "7")
    expect_as_base("+", 1:1500, NULL)
  })
})

test_that("unary operators, and operands that are ordinary vectors, work", {
  set.seed(3)
  with_small_pieces({
    for (type in numbers) for (operator in c("-", "+", "!")) expect_as_base(operator, any_vector(type, 1300))
    lazy <- stored_lazy(1:2000)
    expect_identical(as.vector(lazy + 1L), 2:2001)
    expect_identical(as.vector(1L - lazy), 1L - 1:2000)
    expect_identical(as.vector(lazy + 1:1000), 1:2000 + 1:1000)
    expect_identical(as.vector(lazy + c(a = 1L)), 2:2001)
    expect_error(lazy + matrix(1:2000), class = "ufo_unsupported_error")
    expect_error(lazy + list(1), class = "ufo_unsupported_error")
  })
})

test_that("an overflow of integers warns once", {
  with_small_pieces({
    lazy <- stored_lazy(rep(.Machine$integer.max, 2000))
    expect_warning(sum_of_two <- lazy + 1L, "NAs produced by integer overflow")
    expect_true(all(is.na(sum_of_two)))
    expect_identical(outcome(lazy + 1L)$warnings, "NAs produced by integer overflow")
    warnings <- 0
    withCallingHandlers(lazy + 1L, warning = function(w) {
      warnings <<- warnings + 1
      invokeRestart("muffleWarning")
    })
    expect_equal(warnings, 1)
  })
})

test_that("mathematical functions give what base R gives", {
  set.seed(4)
  functions <- c(
    "abs", "sign", "sqrt", "floor", "ceiling", "trunc", "round", "signif", "exp", "log", "expm1", "log1p", "cos", "sin",
    "tan", "cospi", "acos", "atan", "cosh", "tanh", "gamma", "lgamma", "digamma", "log2", "log10"
  )
  with_small_pieces({
    for (f in functions) for (type in numbers) expect_as_base(f, any_vector(type, 1200), info = paste(f, type))
    for (f in c("sqrt", "exp", "Mod", "Arg", "Re", "Im", "Conj", "round")) expect_as_base(f, any_vector("complex", 1200), info = f)
    expect_as_base(function(x) round(x, 1), any_vector("double", 1200))
    expect_as_base(function(x) signif(x, 2), any_vector("double", 1200))
    expect_as_base(function(x) log(x, 3), any_vector("double", 1200))
    expect_error(round(stored_lazy(c(1.5, 2.5)), 1:2), class = "ufo_unsupported_error")
  })
})

test_that("cumulative functions carry on from piece to piece", {
  set.seed(5)
  # Which it is after NA and NaN, "may depend on the R platform" (?NaN): on the compiler of R.
  missing_alike <- function(f) function(x) {
    result <- ufo_materialize(get(f)(x))
    replace(result, is.na(result), NA)
  }
  with_small_pieces({
    for (f in c("cumsum", "cumprod", "cummax", "cummin")) {
      for (type in numbers) {
        for (n in c(0, 1, 512, 1800)) {
          expect_as_base(f, any_vector(type, n, missing = FALSE), info = paste(f, type, n))
          expect_as_base(missing_alike(f), any_vector(type, n), info = paste(f, type, n, "NA"))
        }
      }
      expect_as_base(f, rnorm(70000), info = f)
      expect_as_base(f, c(NA, 1:2000), info = f)
      for (missing in c(NA, NaN)) expect_as_base(f, c(1, 700:0 / 2, missing, 600:1), info = paste(f, missing))
      expect_as_base(f, c(5L, 3L, NA, 1:2000), info = f)
      expect_error(get(f)(stored_lazy(as.raw(1:3))), class = "ufo_unsupported_error")
    }
    expect_as_base("cumsum", rep(c(1L, 2e9L, NA), c(600, 3, 700)))
  })
})

test_that("missing values are found", {
  set.seed(6)
  with_small_pieces(for (type in c(numbers, "complex", "raw")) {
    x <- any_vector(type, 1100)
    for (f in c("is.na", "is.nan", "is.finite", "is.infinite", "anyNA")) expect_as_base(f, x, info = paste(f, type))
    expect_as_base("anyNA", any_vector(type, 1100, missing = FALSE))
  })
})

test_that("summaries give what base R gives", {
  set.seed(7)
  with_small_pieces(for (type in numbers) for (missing in c(TRUE, FALSE)) {
    x <- any_vector(type, 1700, missing)
    for (f in c("sum", "prod", "min", "max", "range", "any", "all", "mean")) {
      expect_as_base(f, x, info = paste(f, type, missing))
      expect_as_base(function(x) get(f)(x, na.rm = TRUE), x, info = paste(f, type, missing, "na.rm"))
    }
    expect_as_base(function(x) range(x, finite = TRUE), x)
    expect_as_base(function(x, y) sum(x, 3, y), x, any_vector(type, 600, missing))
    expect_as_base(function(x, y) max(x, y), x, 7)
    for (f in c("sum", "prod", "min", "max", "range", "any", "all", "mean")) {
      expect_as_base(f, x[0], info = paste(f, type, "empty"))
    }
  })
})

test_that("what the store knows of a vector is not read again", {
  x <- c(3, NA, 5, rep(4, 1000))
  lazy <- stored_lazy(x)
  before <- ufo_stats()$fills
  expect_identical(max(lazy, na.rm = TRUE), 5)
  expect_identical(range(lazy, na.rm = TRUE), c(3, 5))
  expect_true(anyNA(lazy))
  expect_false(anyNA(stored_lazy(1:3000)))
  expect_identical(min(stored_lazy(3:3000)), 3L)
  expect_identical(ufo_stats()$fills, before)
  expect_identical(max(lazy), NA_real_)
})

test_that("var and sd are those of base R", {
  set.seed(8)
  with_small_pieces(for (type in numbers) {
    x <- any_vector(type, 1700, missing = FALSE)
    x[is.infinite(x)] <- 1
    expect_identical(ufo_var(stored_lazy(x)), var(x))
    expect_identical(ufo_sd(stored_lazy(x)), sd(x))
    x[5] <- NA
    expect_identical(ufo_sd(stored_lazy(x)), sd(x))
    expect_identical(ufo_sd(stored_lazy(x), na.rm = TRUE), sd(x, na.rm = TRUE))
  })
})

test_that("ufo_ifelse is ifelse", {
  set.seed(9)
  with_small_pieces(for (i in 1:20) {
    n <- sample(c(0, 1, 600, 1500), 1)
    test <- any_vector("logical", n)
    yes <- any_vector(sample(numbers, 1), sample(c(1, 2, 1500), 1))
    no <- any_vector(sample(numbers, 1), sample(c(1, 2, 1500), 1))
    expect_identical(
      ufo_materialize(ufo_ifelse(stored_lazy(test), stored_lazy(yes), no)), ifelse(test, yes, no), info = as.character(i)
    )
  })
  with_small_pieces({
    # All bits of a missing complex number.
    test <- any_vector("logical", 1500)
    z <- any_vector("complex", 1500)
    bits <- function(x) serialize(x, NULL)
    for (yes in list(1i, z)) for (no in list(2, rev(z))) {
      expect_identical(bits(as.vector(ufo_ifelse(any_lazy(test), yes, no))), bits(ifelse(test, yes, no)))
    }
  })
  with_small_pieces(expect_identical(as.vector(ufo_ifelse(rep(TRUE, 600), 1L, 2.5)), rep(1L, 600)))
})

test_that("conversions keep what base R keeps", {
  set.seed(10)
  with_small_pieces({
    for (type in c(numbers, "complex", "raw")) {
      for (f in c("as.logical", "as.integer", "as.double", "as.numeric", "as.complex")) {
        expect_as_base(f, any_vector(type, 1100), info = paste(f, type))
      }
    }
    expect_as_base("as.raw", 0:300)
    expect_as_base("as.integer", factor(rep(c("b", "a"), 600)))
    expect_as_base("as.character", c(1.5, NA, 3))
  })
})

test_that("factors, dates and times keep their class and their rules", {
  with_small_pieces({
    f <- factor(rep(c("b", "a", NA), 500))
    day <- as.Date("2026-01-01") + 0:1499
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:1499
    expect_as_base(function(x) x == "a", f)
    for (operator in c("+", "<", "&", "%%")) {
      expect_as_base(operator, f, 1, info = operator)
      expect_as_base(operator, f, rev(f), info = operator)
    }
    for (operator in c("!", "-")) expect_as_base(operator, f, info = operator)
    expect_as_base("==", f, factor(rep(c("z", "a", NA), 500)))
    expect_as_base("<", factor(f, ordered = TRUE), "z")
    expect_as_base("is.na", f)
    expect_as_base("sum", f, same_message = FALSE)
    expect_as_base(function(x) x + 7, day)
    expect_as_base(function(x, y) x - y, day, rev(day))
    expect_as_base(function(x, y) x < y, day, rev(day))
    expect_as_base(range, day)
    expect_as_base("mean", day)
    expect_as_base("max", time)
    expect_as_base(function(x) x + 60, time)
    expect_as_base("sum", day, same_message = FALSE)
    expect_as_base("sqrt", day, same_message = FALSE)
  })
})

test_that("an ordinary vector of a class of base R beside a lazy one is an operand", {
  day <- as.Date("2026-01-01") + 0:1499
  time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:1499
  ordinary <- list(
    day, day[1], time, time[1], as.difftime(1:1500, units = "hours"), as.difftime(2, units = "days"),
    factor(rep(c("b", "a", NA), 500)), factor(rep("b", 1500), levels = c("a", "b"), ordered = TRUE)
  )
  beside <- c(ordinary, list(1:1500, 3.5))
  with_small_pieces(for (x in ordinary) for (y in beside) for (operator in c("+", "-", "==", "<")) {
    info <- paste(class(x)[1], length(x), operator, class(y)[1], length(y))
    compute <- get(operator)
    meaningless <- is.object(y) && (is.factor(x) || is.factor(y)) && !identical(class(x), class(y))
    for (swapped in c(FALSE, TRUE)) {
      call <- if (swapped) function(a, b) compute(b, a) else compute
      got <- outcome(call(ufo_lazy(y), x))
      expected <- if (!meaningless) outcome(call(y, x))
      if (is.null(expected) || inherits(expected$value, "failure")) {
        expect_s3_class(got$value, "failure")
        if (meaningless) expect_match(got$value[[1]], "does not go together", info = info)
      } else {
        expect_identical(got, expected, info = info)
      }
    }
  })
})

test_that("what has no method is refused instead of reading the vector whole", {
  x <- stored_lazy(as.numeric(1:2000))
  for (code in expression(
    order(x), which(x > 1), lapply(x, identity), sapply(x, identity), data.frame(x), match(1, x), match(x, 1), x %in% 1, var(x),
    ifelse(x > 1, 1, 2), factor(x), names(x) <- "a", dim(x) <- c(2, 1000), x$a, all.equal(x, x), cor(x, x),
    for (i in x) 1, scale(x), x %*% x, table(x)
  )) expect_error(eval(code), info = deparse(code))
  # It takes what split() takes.
  expect_identical(tapply(x, rep(1:2, 1000), sum), tapply(as.numeric(1:2000), rep(1:2, 1000), sum))
})

test_that("results can be stored, in lists too, and got lazily", {
  with_small_pieces({
    s <- new_store()
    s$x <- 1:3000
    x <- ufo_lazy(s$x)
    s$y <- x * 2
    s$f <- ufo_lazy(factor(rep(c("u", "v"), 600)))
    s$d <- list(a = x + 1L, b = "text", c = list(x > 5L))
    expect_identical(ufo_materialize(s$y), 1:3000 * 2)
    expect_identical(ufo_materialize(s$f), factor(rep(c("u", "v"), 600)))
    expect_identical(ufo_materialize(s$d), list(a = 2:3001, b = "text", c = list(1:3000 > 5L)))
    old <- options(ufostore.lazy = TRUE)
    on.exit(options(old))
    expect_true(inherits(s$x, "ufo_lazy"))
    expect_true(inherits(ufo_get(s, "f"), "ufo_lazy"))
    s$m <- matrix(1:4, 2)
    expect_identical(ufo_materialize(s$m), matrix(1:4, 2))
    s$x <- s$x + 1L
    expect_identical(as.vector(s$x), 2:3001)
    ufo_close(s)
  })
})

test_that("printing reads the first piece alone", {
  x <- stored_lazy(as.numeric(1:100000))
  before <- ufo_stats()$fills
  text <- capture.output(print(x))
  expect_match(text[1], "<ufo_lazy> double, 100,000 elements")
  expect_match(capture.output(str(x)), "double \\[1:100,000\\] 1 2 3 4 5 ...")
  expect_identical(format(x, n = 3), c("1", "2", "3", "..."))
  expect_lte(ufo_stats()$fills - before, 2)
  expect_match(capture.output(print(stored_lazy(factor(c("u", "v")))))[1], "factor")
})

test_that("operands of other classes may be ordinary vectors, on either side", {
  with_small_pieces({
    day <- as.Date("2026-01-01") + 0:699
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:699 * 3600
    span <- as.difftime(1:700, units = "mins")
    f <- factor(rep(c("b", "a"), 350))
    o <- factor(rep(c("b", "a"), 350), ordered = TRUE)
    both <- function(operator, x, y) {
      expected <- outcome(get(operator)(x, y))
      expect_identical(outcome(get(operator)(any_lazy(x), y)), expected, info = operator)
      expect_identical(outcome(get(operator)(x, any_lazy(y))), expected, info = operator)
      expect_identical(outcome(get(operator)(any_lazy(x), any_lazy(y))), expected, info = operator)
    }
    for (operator in c("<", "==", "!=", ">=")) {
      both(operator, day, as.Date("2026-05-05"))
      both(operator, as.Date("2026-05-05"), day)
      both(operator, time, time[[5]])
      both(operator, rev(time), time)
      both(operator, span, span[2])
      both(operator, o, "a")
      both(operator, o, rev(o))
      both(operator, day, "2026-05-05")
      both(operator, 20500, day)
      both(operator, time, "2026-01-05")
    }
    for (operator in c("==", "!=")) {
      both(operator, f, rev(f))
      both(operator, f, f[2])
      both(operator, "a", f)
    }
    both("-", day, day[3])
    both("-", day, rev(day))
    both("+", day, 1:7)
    both("+", 7, day)
    both("+", day, as.difftime(3, units = "days"))
    both("+", as.difftime(3, units = "days"), day)
    both("-", time, time[[5]])
    both("-", time, 60)
    both("+", time, span)
    both("*", span, 2)
    both("/", span, span)
    both("*", rep(3, 700), span)
    expect_output(print(any_lazy(day) > as.Date("2026-05-05")), "<ufo_lazy> logical")
    expect_output(show(any_lazy(day)), "<ufo_lazy> Date")
  })
})

test_that("base R's functions that begin with another operand never give values of their own", {
  x <- stored_lazy(as.numeric(1:2000))
  day <- as.Date("2026-01-01")
  for (code in expression(
    c(day, x), c(day, ufo_lazy(day)), c(as.POSIXct(day), ufo_lazy(as.POSIXct(day))), max(day, x), range(1, x), sum(1, x), any(FALSE, x), day %in% x, (1:5)[x], if (x) 1,
    seq(1, x), rep(1, x), cut(1:3, x), replace(1:5, x, 0), sort(c(1, x)),
    structure(1, class = "strange") + x, x + structure(1, class = "strange"), toupper(x), nchar(x),
    substr(x, 1, 2), grepl("a", x), sprintf("%f", x), strsplit(x, "a"), nlevels(factor(x)), matrix(1, 2, 2) + x
  )) expect_error(suppressWarnings(eval(code)), info = deparse(code))
})

test_that("lazy vectors stay what they are when they are shown as code", {
  x <- ufo_lazy(1:5)
  df <- ufo_lazy(data.frame(a = 1:3))
  deparse(x)
  deparse(df)
  try(do.call(stop, list(x)), silent = TRUE)
  capture.output(dput(x))
  expect_true(inherits(x, "ufo_lazy"))
  expect_identical(ufo_materialize(x + 1L), 2:6)
  expect_identical(ufo_materialize(df$a), 1:3)
  day <- as.Date("2026-01-01")
  expect_identical(ufo_materialize(day + x), day + 1:5)
})

test_that("lazy vectors stay what they are when a function sets attributes of what it is given", {
  x <- ufo_lazy(as.numeric(1:5))
  spoil <- function(x) {
    attr(x, "tsp") <- c(1, 5, 1)
    class(x) <- "ts"
    attributes(x) <- list(class = "other")
  }
  spoil(x)
  for (code in expression(stats::filter(x, 1:2), ts(x), structure(x, class = "ts"), unclass(x))) suppressWarnings(try(eval(code), silent = TRUE))
  expect_identical(names(attributes(x)), c("vector", "class"))
  expect_identical(ufo_materialize(x + 1), as.numeric(2:6))
})

test_that("a lazy vector that is assigned into an ordinary one gives its values, as in base R", {
  into <- function(x, value) {
    x[2:4] <- value
    x
  }
  for (value in list(c(2, NA, 3), 4:6, c("a", NA, "b"), factor(c("z", "y", "z")), as.Date("2026-01-01") + 0:2)) {
    for (x in list(1:5, letters[1:5], c(1.5, 2, 3, 4, 5))) expect_identical(into(x, ufo_lazy(value)), into(x, value))
    expect_identical(as.vector(ufo_lazy(value)), as.vector(value))
  }
  expect_identical(ifelse(c(TRUE, FALSE), ufo_lazy(c(1.5, 2)), 0), c(1.5, 0))
})

test_that("dates and times are written as they are told to be", {
  with_small_pieces({
    time <- as.POSIXct("2026-01-01", tz = "UTC") + 0:1999 * 1777
    expect_identical(as.vector(format(stored_lazy(time), "%H:%M")), format(time, "%H:%M"))
    expect_identical(as.vector(format(ufo_lazy(as.Date(time)), format = "%Y-%m")), format(as.Date(time), "%Y-%m"))
  })
})

test_that("box plots are those of base R", {
  set.seed(8)
  some <- list(c(rexp(3000), NA, 40), 1:2000, rep(2L, 600), c(NA, 1, Inf, Inf, Inf, -Inf), c(NaN, NA), c(3, rnorm(900), -Inf))
  with_small_pieces(for (x in some) for (range in c(0, 1.5, 3)) {
    expect_equal(boxplot(any_lazy(x), range = range, plot = FALSE), boxplot(x, range = range, plot = FALSE), tolerance = 1e-15)
  })
  expect_equal(
    boxplot(ufo_lazy(c(1:9, 50)), 1:7, names = c("a", "b"), plot = FALSE),
    boxplot(c(1:9, 50), 1:7, names = c("a", "b"), plot = FALSE)
  )
  draw <- function(x) {
    file <- tempfile(fileext = ".svg")
    grDevices::postscript(file)
    result <- withVisible(boxplot(x, c(1, 4, 5), col = "red", main = "both", horizontal = TRUE))
    grDevices::dev.off()
    list(result, readLines(file))
  }
  expect_equal(draw(ufo_lazy(c(1:9, 50))), draw(c(1:9, 50)))
  expect_error(boxplot(ufo_lazy("a")), class = "ufo_unsupported_error")
  expect_error(boxplot(ufo_lazy(1), range = -1), class = "ufo_usage_error")
  many <- ufo_lazy(rep(c(1, 1, 1, 1, 1, 1, 9), 2e5))
  expect_error(boxplot(many, plot = FALSE), "outline = FALSE", class = "ufo_unsupported_error")
  expect_identical(boxplot(many, outline = FALSE, plot = FALSE)$stats[, 1], rep(1, 5))
})

test_that("histograms are those of base R", {
  with_small_pieces(for (x in list(c(rexp(3000), NA, Inf), 1:2000, rep(2L, 600))) {
    lazy <- any_lazy(x)
    x <- x[is.finite(x)]
    for (breaks in list("Sturges", 7, seq(-1, 2001, 2), c(0, 1, 5, 3000))) for (right in c(TRUE, FALSE)) {
      expected <- hist(x, breaks, right = right, plot = FALSE)
      got <- hist(lazy, breaks, right = right, plot = FALSE)
      expected$xname <- "lazy"
      expect_equal(got, expected, tolerance = 1e-15)
      expect_identical(got$counts, expected$counts)
    }
  })
  grDevices::pdf(NULL)
  expect_s3_class(hist(ufo_lazy(c(1, 2, 3))), "histogram")
  grDevices::dev.off()
  expect_error(hist(ufo_lazy(factor("a"))), class = "ufo_unsupported_error")
  expect_error(hist(ufo_lazy(1:3), breaks = 2:3), "not counted")
  expect_error(plot(ufo_lazy(1:3)), "sample", class = "ufo_unsupported_error")
})
