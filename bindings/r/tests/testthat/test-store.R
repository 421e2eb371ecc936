test_that("a store is opened, used by name and closed", {
  path <- new_path()
  s <- ufo_open(path)
  expect_s3_class(s, "ufo_store")
  expect_true(file.exists(path))
  expect_identical(names(s), character())
  expect_length(s, 0)
  s$b <- 1:3
  s[["a"]] <- "text"
  expect_identical(names(s), c("a", "b"))
  expect_length(s, 2)
  expect_true("a" %in% names(s))
  expect_identical(s$b, 1:3)
  expect_identical(s[["a"]], "text")
  s$b <- NULL
  expect_identical(names(s), "a")
  expect_null(s$b)
  expect_null(s[["b"]])
  s$b <- NULL
  expect_null(ufo_close(s))
  expect_null(ufo_close(s))
})

test_that("modes create, require and protect", {
  path <- new_path()
  expect_error(ufo_open(path, mode = "r"), class = "ufo_missing_error")
  expect_false(file.exists(path))
  s <- ufo_open(path, mode = "create")
  s$x <- 1
  ufo_close(s)
  expect_error(ufo_open(path, mode = "create"), class = "ufo_usage_error")
  r <- ufo_open(path, mode = "r")
  expect_identical(r$x, 1)
  expect_error(r$x <- 2, class = "ufo_usage_error")
  expect_error(ufo_begin(r), class = "ufo_usage_error")
  x <- r$x
  x[1] <- 5
  expect_identical(c(x, r$x), c(5, 1))
  ufo_close(r)
})

test_that("stores are references, and a file may be opened twice", {
  s <- new_store()
  alias <- s
  alias$x <- 1:3
  expect_identical(s$x, 1:3)
  second <- ufo_open(path_of(s))
  second$x[2] <- 9L
  expect_identical(s$x, c(1L, 9L, 3L))
  ufo_close(second)
  expect_identical(s$x, c(1L, 9L, 3L))
})

test_that("a path is made absolute when the store is opened", {
  folder <- tempfile("folder")
  dir.create(folder)
  old <- setwd(folder)
  on.exit(setwd(old))
  s <- ufo_open("relative.ufo")
  setwd(old)
  s$x <- 1
  expect_identical(s$x, 1)
  expect_true(startsWith(path_of(s), "/"))
  expect_true(file.exists(file.path(folder, "relative.ufo")))
})

test_that("a closed store says so", {
  s <- new_store()
  s$x <- 1:10
  x <- s$x
  ufo_close(s)
  expect_error(s$x, class = "ufo_usage_error", "closed")
  expect_error(s$x <- 1, class = "ufo_usage_error", "closed")
  expect_error(names(s), class = "ufo_usage_error")
  expect_error(ufo_info(s, "x"), class = "ufo_usage_error")
  expect_error(ufo_begin(s), class = "ufo_usage_error")
  expect_identical(x, 1:10)
  expect_output(print(s), "closed")
})

test_that("a store that was saved when it was closed stays so", {
  s <- new_store()
  ufo_close(s)
  copy <- unserialize(serialize(s, NULL))
  expect_error(copy$x, class = "ufo_usage_error", "closed")
})

test_that("a store is a list of its objects to those who ask for one", {
  s <- new_store()
  s$x <- as.numeric(1:10)
  s$df <- data.frame(a = 1:3)
  s[["odd name"]] <- "text"
  expect_identical(as.list(s), list(df = s$df, "odd name" = "text", x = s$x))
  expect_identical(lapply(s, class), list(df = "data.frame", "odd name" = "character", x = "numeric"))
  y <- 2
  expect_identical(with(s, sum(x) * y + nrow(df)), 113)
  expect_error(with(s, nothing), "not found")
  expect_identical(as.list(new_store()), structure(list(), names = character()))
})

test_that("printing shows a table and never the data", {
  s <- new_store()
  expect_output(print(s), "no objects")
  s$x <- as.double(1:1e5)
  s$f <- factor(c("a", "b"))
  s[["odd\nname\033[31m"]] <- 1
  out <- capture.output(print(s))
  expect_match(out[[1]], "ufo_store")
  expect_true(any(grepl("x +double +100,000", out)))
  expect_true(any(grepl("factor (integer)", out, fixed = TRUE)))
  expect_false(any(grepl("\033", out, fixed = TRUE)))
  expect_length(out, 5)
  for (i in 1:25) s[[paste0("n", i)]] <- i
  expect_output(print(s), "and 8 more")
})

test_that("names of any script and up to 480 bytes are kept", {
  s <- new_store()
  long <- strrep("n", 480)
  for (name in c("a b", "caf\u00e9", "\u6570\u636e", "with/slash", "$dollar", "1", long)) {
    s[[name]] <- name
    expect_identical(s[[name]], name)
  }
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  expect_identical(s[[latin]], "caf\u00e9")
  expect_error(s[[strrep("n", 481)]] <- 1, class = "ufo_usage_error")
  s[[long]] <- 1 # of strings, the paths to words and text would be longer than names: not every reader has those
  expect_error(s[[""]] <- 1, class = "ufo_usage_error")
  expect_error(s[[NA_character_]] <- 1, class = "ufo_usage_error")
  expect_error(s[[1]], class = "ufo_usage_error")
  expect_error(s[[c("a", "b")]], class = "ufo_usage_error")
})

test_that("names that are no valid text are refused, in all functions", {
  s <- new_store()
  s$x <- 1
  invalid <- "\xe9\xff"
  unknown <- utf8 <- bytes <- invalid
  Encoding(utf8) <- "UTF-8"
  Encoding(bytes) <- "bytes"
  names <- list(utf8, bytes, "\xc3\xa9")
  Encoding(names[[3]]) <- "bytes"
  if (l10n_info()[["UTF-8"]]) names <- c(names, unknown, as.name(unknown))
  for (name in names) {
    expect_error(s[[name]] <- 1, class = "ufo_usage_error", "valid text")
    expect_error(s[[name]] <- NULL, class = "ufo_usage_error", "valid text")
    expect_error(s[[name]], class = "ufo_usage_error", "valid text")
    expect_error(ufo_info(s, name), class = "ufo_usage_error", "valid text")
    expect_error(ufo_create(s, name, "double"), class = "ufo_usage_error", "valid text")
  }
  expect_identical(names(s), "x")
})

test_that("a store has a summary", {
  s <- new_store()
  expect_identical(dim(summary(s)), c(0L, 5L))
  s$x <- c(1, 2)
  s$f <- factor("a")
  table <- summary(s)
  expect_s3_class(table, "data.frame")
  expect_named(table, c("name", "type", "length", "stored_bytes", "version"))
  expect_identical(table$name, c("f", "x"))
  expect_identical(table$type, c("factor (integer)", "double"))
  expect_identical(table$length, c(1, 2))
  ufo_close(s)
  expect_error(summary(s), class = "ufo_usage_error", "closed")
})

test_that("str() shows any store, also inside other objects", {
  s <- new_store()
  expect_output(str(s), "read-write), 0 objects$")
  s$x <- 1
  expect_output(str(s), ", 1 object: \"x\"$")
  for (i in 1:20) s[[paste0("n\n", i)]] <- i
  out <- capture.output(str(list(a = 1, s = s)))
  expect_length(out, 3)
  expect_match(out[[3]], "21 objects: .*, \\.\\.\\.$")
  ufo_close(s)
  expect_output(str(s), "(closed)", fixed = TRUE)
  expect_output(str(list(s, 2)), "closed.*\n.*num 2")
  expect_error(length(s), class = "ufo_usage_error", "closed")
})

test_that("printing takes a number of objects", {
  s <- new_store()
  for (i in 1:25) s[[paste0("n", i)]] <- i
  expect_length(capture.output(print(s, n = Inf)), 27)
  expect_length(capture.output(print(s, n = 3)), 6)
  expect_length(capture.output(print(s, n = 0)), 2)
  for (n in list(-1, NA, "2", c(1, 2), NULL)) expect_error(print(s, n = n), class = "ufo_usage_error")
})

test_that("completion offers the names", {
  s <- new_store()
  s$alpha <- 1
  s$beta <- 2
  expect_identical(utils::.DollarNames(s, "^al"), "alpha")
})
