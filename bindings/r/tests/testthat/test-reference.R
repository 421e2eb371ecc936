# What is serialized of a view: a reference where it can be followed, the values elsewhere.

sent <- function(x) unserialize(serialize(x, NULL))

test_that("a view is sent as a reference of some hundred bytes", {
  s <- new_store()
  types <- list(
    logical = rep_len(c(TRUE, NA), three_chunks(4)), integer = seq_len(three_chunks(4)), double = noise(three_chunks(8)),
    complex = complex(real = noise(three_chunks(16)), imaginary = 1), raw = as.raw(seq_len(three_chunks(1)) %% 256)
  )
  for (type in names(types)) {
    x <- structure(types[[type]], note = "n", class = "mine")
    s[[type]] <- x
    bytes <- serialize(s[[type]], NULL)
    expect_lt(length(bytes), 1000)
    back <- unserialize(bytes)
    expect_true(is_ufo(back), info = type)
    expect_identical(back, x, info = type)
  }
})

test_that("columns of a data frame, matrices and names are sent so, too", {
  s <- new_store()
  n <- three_chunks(8)
  frame <- data.frame(x = noise(n), f = factor(rep_len(c("a", "b"), n)), t = as.POSIXct("2026-01-01", tz = "UTC") + seq_len(n))
  s$frame <- frame
  s$m <- matrix(noise(6e4), 200)
  bytes <- serialize(list(s$frame, s$m), NULL)
  expect_lt(length(bytes), 8000)
  back <- unserialize(bytes)
  expect_identical(back, list(frame, matrix(noise(6e4), 200)))
  expect_true(all(vapply(back[[1]], is_ufo, NA)))
  expect_true(is_ufo(back[[2]]))
})

test_that("a worker maps what it is sent, and gives back what it is asked for", {
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  cluster <- parallel::makePSOCKcluster(2, rscript_libs = .libPaths())
  on.exit(parallel::stopCluster(cluster))
  sums <- parallel::clusterApply(cluster, list(1:10, 11:20), function(i, x) list(ufostore::is_ufo(x), sum(x[i])), s$x)
  expect_identical(sums, list(list(TRUE, sum(x[1:10])), list(TRUE, sum(x[11:20]))))
  # What a worker changes is its own, and comes back by value.
  changed <- parallel::clusterApply(cluster, 1:2, function(i, x) {
    x[1] <- i
    x
  }, s$x)
  expect_identical(changed, lapply(1:2, function(i) replace(x, 1, i)))
  expect_identical(s$x, x)
})

test_that("what was changed, or is not committed, travels by value", {
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  y <- s$x
  y[3] <- 0
  back <- sent(y)
  expect_false(is_ufo(back))
  expect_identical(back, replace(x, 3, 0))
  ufo_begin(s)
  s$pending <- x
  expect_false(is_ufo(sent(s$pending)))
  expect_identical(sent(s$pending), x)
  ufo_rollback(s)
})

test_that("an older version is found as long as it is kept, and by value else", {
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  ufo_snapshot(s, "then")
  then <- s$x
  s$x <- -x
  expect_identical(sent(then), x)
  expect_identical(sent(s$x), -x)
  s$frame <- data.frame(a = x)
  column <- s$frame$a
  s$frame <- data.frame(a = -x)
  expect_identical(sent(column), x)
})

test_that("a reference that leads nowhere fails, and says where it should have led", {
  path <- new_path()
  s <- new_store(path)
  x <- noise(three_chunks(8))
  s$x <- x
  file <- tempfile(fileext = ".rds")
  saveRDS(s$x, file)
  expect_identical(readRDS(file), x)
  s$x <- -x
  gc()
  s$y <- 1 # reclaims what nobody needs any more
  s$y <- 2
  version <- expect_error(readRDS(file), class = "ufo_missing_error")
  expect_match(conditionMessage(version), "ufostore.serialize", fixed = TRUE)
  saveRDS(s$x, file)
  s$x <- NULL
  s$x <- x
  expect_error(readRDS(file), class = "ufo_missing_error")
  saveRDS(s$x, file)
  ufo_close(s)
  file.rename(path, paste0(path, ".moved"))
  gone <- expect_error(readRDS(file), class = "ufo_missing_error")
  expect_match(conditionMessage(gone), path, fixed = TRUE)
  other <- new_store(path)
  other$x <- x
  replaced <- expect_error(readRDS(file), class = "ufo_missing_error")
  expect_match(conditionMessage(replaced), "another one", fixed = TRUE)
})

test_that("an option makes R write the values", {
  s <- new_store()
  x <- structure(noise(three_chunks(8)), note = "n")
  s$x <- x
  file <- tempfile(fileext = ".rds")
  serializing("value", saveRDS(s$x, file))
  expect_identical(readRDS(file), x)
  expect_false(is_ufo(readRDS(file)))
  serializing("reference", expect_true(is_ufo(sent(s$x))))
  expect_error(serializing("both", serialize(s$x, NULL)), class = "ufo_usage_error")
})

test_that("what is put into a store needs no other one", {
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  view <- s$x
  model <- structure(list(data = view, f = local({
    inner <- view
    function() inner
  })), class = "model")
  attr(view, "twin") <- s$x
  path <- new_path()
  other <- new_store(path)
  other$model <- model
  other$with <- view
  ufo_close(s)
  ufo_close(other)
  unlink(path_of(s))
  rm(view, model)
  gc()
  other <- ufo_open(path)
  expect_identical(other$model$f()[], x)
  expect_identical(other$model$data[], x)
  expect_identical(attr(other$with, "twin")[], x)
  # After an error in the middle of a put, references are made again.
  expect_error(ufo_put(other, "bad", structure(1, a = quote(stop("no")), b = new.env()), chunk = -1))
  other$z <- x
  expect_true(is_ufo(sent(other$z)))
})

test_that("words that are no reference are refused", {
  s <- new_store()
  s$x <- noise(three_chunks(8))
  s$i <- seq_len(three_chunks(4))
  bytes <- serialize(s$x, NULL)
  swap <- function(from, to) {
    at <- grepRaw(from, bytes, fixed = TRUE)
    stopifnot(length(at) == 1, nchar(from) == nchar(to))
    replace(bytes, at - 1 + seq_len(nchar(to)), charToRaw(to))
  }
  expect_error(unserialize(swap("ufostore reference 1", "ufostore reference 9")), class = "ufo_unsupported_error")
  expect_error(unserialize(swap("ufostore reference 1", "something else, yes.")), class = "ufo_unsupported_error")
  # A class that the package has not is base R's to refuse: by an error, or since R 4.3 by a warning and no elements.
  expect_identical(
    tryCatch(unserialize(swap("ufo_double", "ufo_intege")), error = function(e) "refused", warning = function(w) "refused"),
    "refused"
  )
})

test_that("a reference outlives the handle through which it was got", {
  s <- new_store()
  x <- noise(three_chunks(8))
  s$x <- x
  view <- s$x
  ufo_close(s)
  expect_identical(sent(view), x)
  expect_true(is_ufo(sent(view)))
})

test_that("workers of future get references, of vectors that are larger than what it would send", {
  skip_if_not_installed("future")
  s <- new_store()
  ufo_create(s, "x", "double", length = 2e8)
  s$x[c(5, 2e8)] <- c(7, 8)
  x <- s$x
  d <- ufo_lazy(x)
  old <- options(future.globals.maxSize = Inf, future.rng.onMisuse = "ignore")
  plan <- future::plan(future::multisession, workers = 2, rscript_libs = .libPaths())
  on.exit({
    future::plan(plan)
    options(old)
  })
  sent <- future::future(list(length(x), x[c(5, 2e8)], Sys.getpid(), ufo_memory()), packages = "ufostore")
  lazy <- future::future(sum(d[c(5, 2e8)]), packages = "ufostore")
  got <- future::value(sent)
  expect_identical(got[1:2], list(200000000L, c(7, 8)))
  expect_false(got[[3]] == Sys.getpid())
  expect_identical(future::value(lazy), 15)
})

test_that("a store that is sent to a worker is read there, and not changed by accident", {
  path <- new_path()
  s <- new_store(path)
  s$x <- c(1, 2, 4)
  ufo_snapshot(s, "then")
  s$x <- c(1, 2, 5)
  cluster <- parallel::makePSOCKcluster(1, rscript_libs = .libPaths())
  on.exit(parallel::stopCluster(cluster))
  # A function of the global environment is all that is sent, and no library() is called there.
  on_worker <- function(f, ...) {
    environment(f) <- globalenv()
    parallel::clusterCall(cluster, f, ...)[[1]]
  }
  expect_identical(on_worker(function(s) sum(s$x), s), 8)
  expect_identical(on_worker(function(s) list(names(s), s[["x"]][2:3], format(s)), s),
                   list("x", c(2, 5), sub("read-write", "read-only", format(s), fixed = TRUE)))
  then <- ufo_open(path, snapshot = "then")
  expect_identical(on_worker(function(s) sum(s$x), then), 7)
  for (change in list(function(s) { s$y <- 1 }, function(s) { s$x <- NULL }, function(s) { s$x[2] <- 9 },
                      function(s) ufostore::ufo_begin(s), function(s) ufostore::ufo_compact(s),
                      function(s) ufostore::ufo_create(s, "y", "double", 10))) {
    tell <- function(s, change) tryCatch({ change(s); "changed" }, error = function(e) c(class(e)[1], conditionMessage(e)))
    environment(change) <- globalenv()
    told <- on_worker(tell, s, change)
    expect_identical(told[1], "ufo_usage_error", info = deparse(change)[2])
    expect_match(told[2], "which reads only.*ufo_open", info = deparse(change)[2])
  }
  expect_identical(list(names(s), s$x), list("x", c(1, 2, 5)))
  # One that sends it on, and gives it back.
  expect_identical(on_worker(function(s) { s$x; unserialize(serialize(s, NULL))$x }, s), c(1, 2, 5))
  expect_identical(on_worker(function(s) s, s)$x, c(1, 2, 5))
  ufo_close(then)
  expect_match(on_worker(function(s) tryCatch(s$x, error = conditionMessage), then), "is closed")
  ufo_close(s)
})

test_that("a store that was saved is opened for reading, or its path is named", {
  path <- new_path()
  s <- new_store(path)
  s$x <- 1:3
  file <- tempfile(fileext = ".rds")
  saveRDS(list(s, function() s$x), file)
  saved <- readRDS(file)
  expect_identical(saved[[1]]$x, 1:3)
  expect_identical(saved[[2]]()[2], 2L)
  expect_error(saved[[1]]$x <- 2, "reads only", class = "ufo_usage_error")
  # The same, put into a store.
  s$code <- list(f = function() s$x)
  expect_identical(s$code$f(), 1:3)
  ufo_close(s)
  expect_error(s$x, "is closed", class = "ufo_usage_error")
  expect_identical(saved[[1]]$x, 1:3)
  again <- readRDS(file)[[1]]
  ufo_close(saved[[1]])
  file.rename(path, moved <- paste0(path, ".moved"))
  expect_error(again$x, basename(path), fixed = TRUE, class = "ufo_missing_error")
  expect_error(again$x, "another session", class = "ufo_missing_error")
  expect_output(print(again), "(closed)", fixed = TRUE)
  other <- new_store(path)
  other$x <- 4:6
  ufo_close(other)
  expect_error(again$x, "another one is there", class = "ufo_missing_error")
  file.rename(moved, path)
  expect_identical(again$x, 1:3)
  ufo_close(again)
  for (fake in list(structure(list(), class = "ufo_store"), structure(new.env(), class = "ufo_store"))) {
    expect_error(fake$x, class = "ufo_usage_error")
  }
})

test_that("all.equal() tells handles of different stores apart, opened or not", {
  s <- new_store()
  other <- new_store()
  ufo_snapshot(s, "then")
  then <- ufo_open(path_of(s), snapshot = "then")
  expect_true(all.equal(s, sent(s)))
  expect_true(all.equal(then, sent(then)))
  expect_match(all.equal(sent(s), sent(other)), "another path")
  expect_match(all.equal(s, other), "another path")
  expect_identical(all.equal(s, then), "stores of another snapshot")
  expect_match(all.equal(s, 1), "not a store")
})

test_that("another package's pointer that is given the class of a store is refused", {
  # In a session of its own, for the one that takes it for a store crashes.
  out <- in_new_session(c(
    "x <- getDLLRegisteredRoutines('stats')$.Call[[1]]$address", "class(x) <- 'ufo_store'",
    "for (use in list(function() x$a, function() x$a <- 1, function() ufo_begin(x), function() ufo_commit(x)))",
    "  cat(tryCatch({ use(); 'taken' }, ufo_usage_error = function(problem) 'refused'), '')",
    "ufo_close(x)", "cat(format(x))"
  ))
  expect_match(out, "^refused refused refused refused .*closed")
})

test_that("where the package is missing a store that was saved is an error, and not NULL", {
  outside <- c(.Library, .Library.site)
  skip_if("ufostore" %in% rownames(installed.packages(outside)), "the package is in R's own library")
  s <- new_store()
  s$x <- 1:3
  file <- tempfile(fileext = ".rds")
  saveRDS(s, file)
  ufo_close(s)
  code <- sprintf("s <- suppressWarnings(readRDS(%s)); tryCatch(cat('got', s$x), error = function(e) cat('refused'))", deparse(file))
  script <- tempfile(fileext = ".R")
  writeLines(code, script)
  out <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = TRUE,
                 env = c("R_LIBS=", "R_LIBS_USER=/nowhere"))
  expect_identical(tail(out, 1), "refused")
})
