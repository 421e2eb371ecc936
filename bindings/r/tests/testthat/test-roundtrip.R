# Every value comes back identical().

special <- list(
  logical = c(TRUE, FALSE, NA),
  integer = c(0L, 1L, -1L, NA, .Machine$integer.max, -.Machine$integer.max),
  double = c(0, -0, 1, NA, NaN, Inf, -Inf, .Machine$double.xmin, 4.9e-324, .Machine$double.xmax, pi),
  complex = complex(real = c(0, -0, NA, NaN, Inf, 1), imaginary = c(-0, 1, 2, NA, -Inf, NaN)),
  raw = as.raw(c(0, 1, 127, 128, 255)),
  character = c("", "a", NA, "caf\u00e9", "\u6570\u636e", "line\nbreak")
)

test_that("special values of every type are kept bit for bit", {
  for (type in names(special)) {
    expect_round_trip(special[[type]], info = type)
    # identical() takes all NaN, and both zeros, for the same: compare the bytes too.
    s <- new_store()
    s$x <- special[[type]]
    expect_identical(value_bytes(s$x), serialize(special[[type]], NULL), info = type)
  }
})

test_that("vectors of no elements and of one are kept", {
  for (type in names(special)) {
    expect_round_trip(special[[type]][0], info = type)
    expect_round_trip(special[[type]][1], info = type)
  }
  expect_round_trip(structure(integer(), class = "factor", levels = character()))
})

test_that("vectors of three chunks and more are kept", {
  sizes <- c(logical = 4, integer = 4, double = 8, complex = 16, raw = 1)
  for (type in names(sizes)) {
    x <- rep_len(special[[type]], three_chunks(sizes[[type]]))
    expect_round_trip(x, info = type)
    s <- new_store()
    s$x <- x
    expect_identical(value_bytes(s$x), serialize(x, NULL), info = type)
    expect_true(ufo_info(s, "x")$chunks >= 4)
  }
  expect_round_trip(noise(three_chunks(8)))
})

test_that("vectors larger than the budget are kept", {
  with_budget("16MB", {
    x <- noise(4e6)
    s <- new_store()
    s$x <- x
    expect_identical(s$x, x)
    expect_identical(s$x[c(4e6, 1, 2e6)], x[c(4e6, 1, 2e6)])
    expect_equal(sum(s$x), sum(x))
    expect_lte(ufo_stats()$resident, 16 * mb)
  })
})

test_that("sequences are stored without being made", {
  s <- new_store()
  x <- 1:3e7
  s$x <- x
  expect_identical(s$x[c(1, 3e7)], c(1L, 30000000L))
  expect_lt(ufo_info(s, "x")$stored_bytes, 1.2e6)
  s$y <- 1:3
  expect_identical(s$y, 1:3)
})

test_that("objects of base classes are kept", {
  expect_round_trip(factor(c("b", "a", NA, "b"), levels = c("a", "b", "unused")))
  expect_round_trip(factor(c("lo", "hi"), levels = c("lo", "hi"), ordered = TRUE))
  expect_round_trip(addNA(factor(c("a", NA))))
  expect_round_trip(as.Date(c("2026-11-23", NA)))
  expect_round_trip(as.POSIXct(c(0, 1e9, NA), origin = "1970-01-01", tz = "Europe/Berlin"))
  expect_round_trip(as.POSIXlt("2026-11-23 12:00:00", tz = "UTC"))
  expect_round_trip(as.difftime(c(1, 2.5), units = "hours"))
  expect_round_trip(ts(c(1, 2, 3), start = 2001, frequency = 4))
  expect_round_trip(table(c("a", "b", "a")))
  expect_round_trip(numeric_version("1.2.3"))
})

test_that("matrices, arrays and names are kept", {
  expect_round_trip(matrix(1:6, 2))
  expect_round_trip(matrix(c(1, 2, 3, 4), 2, dimnames = list(c("a", "b"), NULL)))
  expect_round_trip(array(1:24, c(2, 3, 4), dimnames = list(x = c("a", "b"), NULL, z = letters[1:4])))
  expect_round_trip(array(1:3, 3, dimnames = list(c("a", "b", "c"))))
  expect_round_trip(matrix(raw(), 0, 5))
  expect_round_trip(c(a = 1, b = 2, 3))
  expect_round_trip(setNames(1:3, c("a", NA, "\u00e4")))
  expect_round_trip(as.matrix(mtcars))
})

test_that("attributes of any type are kept, in their order", {
  x <- structure(
    1:3, units = "m", zero = NULL, flag = NA, count = c(1L, NA), ratio = c(-0, NaN, NA), bytes = as.raw(1:3),
    z = 1i, nested = list(a = 1, b = list("x")), f = quote(a + b), named = c(a = 1), `odd name` = "", n.a = "x"
  )
  expect_round_trip(x)
  s <- new_store()
  s$x <- x
  expect_identical(names(attributes(s$x)), names(attributes(x)))
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  bytes <- "\xff\xfe"
  Encoding(bytes) <- "bytes"
  s$y <- structure(1, latin = latin, bytes = bytes)
  expect_identical(Encoding(attr(s$y, "latin")), "latin1")
  expect_identical(Encoding(attr(s$y, "bytes")), "bytes")
  expect_round_trip(structure(1:10, note = strrep("long ", 1e5), many = as.character(1:1e5)))
  expect_round_trip(setNames(as.double(1:1e5), paste0("n", 1:1e5)))
  expect_round_trip(structure(1, R.type = "mine"))
  expect_round_trip(do.call(structure, setNames(list(1, 2), c(".Data", strrep("k", 300)))))
})

test_that("data frames are kept, with their row names as they are", {
  expect_round_trip(iris)
  expect_round_trip(mtcars)
  expect_round_trip(data.frame())
  expect_round_trip(data.frame(a = integer(), b = character()))
  frame <- data.frame(i = 1:3, d = c(1, NA, 3), l = c(TRUE, NA, FALSE), s = c("a", NA, "b"), c = 1i * 1:3)
  frame$list <- list(1, "a", NULL)
  frame$matrix <- matrix(1:6, 3)
  frame$time <- as.POSIXct("2026-01-01", tz = "UTC") + 1:3
  expect_round_trip(frame)
  s <- new_store()
  s$frame <- frame
  expect_identical(.row_names_info(s$frame), .row_names_info(frame))
  expect_identical(serialize(attributes(s$frame), NULL), serialize(attributes(frame), NULL))
  wide <- as.data.frame(matrix(1:1000, 2))
  expect_round_trip(wide)
})

test_that("lists of any nesting are kept", {
  expect_round_trip(list())
  expect_round_trip(list(NULL, 1, "a", list(), list(list(2L, NULL))))
  expect_round_trip(list(a = 1, b = list(c = 2, d = list(e = "x"))))
  expect_round_trip(structure(list(1, 2), class = "mine", names = c("a", NA)))
  expect_round_trip(list(quote(x), quote(f(x, y = 2)), expression(a, b), as.name("s"), sum))
  deep <- 1
  for (i in 1:40) deep <- list(deep)
  expect_round_trip(deep)
  expect_round_trip(as.list(1:1000))
  expect_round_trip(as.list(1:1001))
  expect_round_trip(rep(list(1:1000, as.double(1:1000)), 501))
  expect_round_trip(pairlist(a = 1, b = 2))
})

test_that("every other object is kept", {
  expect_round_trip(as.character(1:1e5))
  expect_round_trip(parse(text = "function(x, y = 2) x + y", keep.source = FALSE)[[1]])
  expect_round_trip(as.name("symbol"))
  expect_round_trip(expression(a + b, c))
  expect_round_trip(stats::as.formula("y ~ x + z", env = globalenv()))
  expect_round_trip(globalenv())
  s <- new_store()
  ufo_put(s, "null", NULL)
  expect_true("null" %in% names(s))
  expect_null(ufo_get(s, "null"))
  s$f <- function(x, y = 2) x * y
  expect_identical(s$f(3), 6)
  environment <- new.env()
  environment$value <- 1:10
  s$environment <- environment
  expect_identical(s$environment$value, 1:10)
  fit <- lm(mpg ~ wt, mtcars)
  s$fit <- fit
  expect_equal(coef(s$fit), coef(fit))
  expect_equal(predict(s$fit, mtcars), predict(fit, mtcars))
})

test_that("S4 objects are kept", {
  where <- globalenv()
  methods::setClass("UfoPoint", methods::representation(x = "numeric", y = "numeric"), where = where)
  methods::setClass("UfoNumber", contains = "numeric", methods::representation(unit = "character"), where = where)
  methods::setClass("UfoList", contains = "list", methods::representation(note = "character"), where = where)
  on.exit(for (class in c("UfoPoint", "UfoNumber", "UfoList")) methods::removeClass(class, where = where))
  expect_round_trip(methods::new("UfoPoint", x = 1, y = 2))
  expect_round_trip(methods::new("UfoNumber", c(1, 2, 3), unit = "m"))
  expect_round_trip(methods::new("UfoList", list(1, "a"), note = "n"))
})

test_that("what shares an environment still does", {
  counter <- function() {
    n <- 0
    list(add = function() n <<- n + 1, get = function() n)
  }
  s <- new_store()
  s$counter <- counter()
  copy <- s$counter
  copy$add()
  copy$add()
  expect_identical(copy$get(), 2)
})

test_that("the data sets of R are kept", {
  s <- new_store()
  sets <- utils::data(package = "datasets")$results[, "Item"]
  sets <- intersect(sets, ls("package:datasets"))
  ufo_transaction(s, for (name in sets) s[[name]] <- get(name, "package:datasets"))
  expect_identical(sort(names(s)), sort(sets))
  for (name in sets) expect_true(identical(s[[name]], get(name, "package:datasets")), info = name)
})

test_that("lists under names of any length are kept", {
  s <- new_store()
  for (length in c(299, 301, 480)) {
    name <- strrep("n", length)
    s[[name]] <- iris
    expect_identical(s[[name]], iris)
  }
})

test_that("time series come back whatever became of their times and dimensions", {
  a <- structure(matrix(1:6 / 2, 3), tsp = c(2001, 2003, 1), class = c("mts", "ts"))
  b <- structure(a + a, tsp = NULL, dim = NULL, class = NULL)
  attributes(b) <- NULL
  attr(b, "tsp") <- c(1, 6, 1)
  dim(b) <- c(3, 2) # times of six rows, of which there are three
  expect_round_trip(b)
  # Arithmetic gives times first, then dimensions; so do sweep(), scale() and acf().
  x <- sweep(EuStockMarkets, 2, colMeans(EuStockMarkets))
  expect_lt(match("tsp", names(attributes(x))), match("dim", names(attributes(x))))
  expect_round_trip(x)
  grown <- unclass(ts(1:10, start = 1990, frequency = 4))
  grown[12] <- 1L
  expect_round_trip(grown)
  expect_round_trip(ts.union(mdeaths, fdeaths))
  expect_round_trip(list(grown, x))
  s <- new_store()
  s$x <- x
  y <- s$x
  y[2, 1] <- 0
  s$x <- y
  x[2, 1] <- 0
  expect_identical(s$x, x)
})
