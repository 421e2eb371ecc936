# testthat.R - the test files of a package that are written with testthat, on stored vectors.

# A reporter that writes down each test with the outcome of each of its expectations, and what else it said.
new_note_reporter <- function(note, restart) {
  count <- 0
  begin <- function(name) {
    count <<- count + 1
    note("@@ ", count, " ", substr(gsub("\n", " ", paste(name, collapse = " ")), 1, 100))
    restart()
  }
  reporter <- testthat::Reporter$new()
  set <- function(name, f) {
    unlockBinding(name, reporter)
    assign(name, f, reporter)
  }
  set("start_test", function(context, test) begin(test))
  set("end_test", function(context, test) begin("outside of tests"))
  set("add_result", function(context, test, result) {
    outcome <- sub("^expectation_", "", class(result)[1])
    if (outcome == "success") return(note("== success"))
    note("== ", outcome, ": ", substr(gsub("\n", "\n   ", paste(conditionMessage(result), collapse = " ")), 1, 2000))
  })
  reporter
}

# Code with its constants replaced and with what is assigned replaced, too, but for code that is itself what a test is
# about.
swap_test_code <- function(code, swap) {
  if (typeof(code) %in% atomic_types) return(swap(code))
  if (!is.call(code)) return(code)
  name <- if (is.symbol(code[[1L]])) as.character(code[[1L]]) else ""
  if (name %in% verbatim) return(code)
  parts <- switch(name, `function` = 3L, test_that = seq_along(code)[-(1:2)], seq_along(code))
  for (i in parts) {
    if (!is.null(code[[i]]) && !identical(code[[i]], quote(expr = ))) code[[i]] <- swap_test_code(code[[i]], swap)
  }
  is_assignment <- name %in% c("<-", "=") && length(code) == 3L && is.symbol(code[[2L]])
  if (is_assignment && is.call(code[[3L]]) && !identical(code[[3L]][[1L]], quote(`function`))) {
    code[[3L]] <- call("swapped", code[[3L]])
  }
  code
}

verbatim <- c("quote", "bquote", "substitute", "expression", "expr", "exprs", "quo", "quos", "enexpr", "library", "~",
              "expect_snapshot", "expect_snapshot_output", "expect_snapshot_error", "expect_snapshot_warning")

# new_test_runner(PACKAGE, SWAP, MASKS, INSIDE, NOTE): a function that runs a test file of an installed package. `masks` is
# what make_masks() returned, or NULL; if `inside`, the package's own functions use them, too. The file is run where the
# session is, in a copy of the package's folder of tests, in which it is overwritten.
new_test_runner <- function(package, swap, masks, inside, note) {
  suppressPackageStartupMessages(library(testthat))
  suppressPackageStartupMessages(library(package, character.only = TRUE))
  space <- asNamespace(package)
  fitting <- new.env()
  restart <- function() invisible()
  if (!is.null(masks)) {
    # Not those that the package has functions of its own for.
    for (name in ls(masks$masks, all.names = TRUE)) {
      own <- get0(name, space, mode = "function")
      if (any(vapply(names(makers), function(from) identical(own, get0(name, asNamespace(from), inherits = FALSE)), NA))) {
        assign(name, masks$masks[[name]], fitting)
      }
    }
    restart <- masks$restart
    if (inside) mask_inside(package, fitting)
  }
  function(script) {
    file <- basename(script)
    # In the environment, not above it: the one above, a copy of the namespace, is where tests define classes.
    env <- list2env(as.list(fitting, all.names = TRUE), testthat::test_env(package))
    env$swapped <- swap
    env$run_swapped <- function() {
      to <- parent.frame()
      for (code in parse(script, keep.source = FALSE, encoding = "UTF-8")) eval(swap_test_code(code, swap), to)
    }
    writeLines("run_swapped()", file)
    reporter <- new_note_reporter(note, restart)
    tryCatch(
      testthat::test_file(file, reporter, package = package, env = env, load_package = "installed", stop_on_failure = FALSE),
      error = function(e) note("Error: ", conditionMessage(e))
    )
  }
}
