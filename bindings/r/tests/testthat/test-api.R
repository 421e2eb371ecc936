# What the built package takes from R.

# "NAME" or "NAME before VERSION".
allowed_names <- function() {
  lines <- readLines("api.txt")
  lines <- lines[!grepl("^(#|$)", lines)]
  last <- sub("^[^ ]+( before )?", "", lines)
  sub(" .*", "", lines)[last == "" | getRversion() < ifelse(last == "", "0", last)]
}

# The names that the package's shared object leaves to others to define and R defines.
imported_names <- function() {
  nm <- Sys.which("nm")
  skip_if(nm == "", "nm, of binutils, is not there")
  symbols <- function(which, file) sub(".* ", "", system2(nm, c("-D", which, shQuote(file)), stdout = TRUE))
  shared <- file.path(R.home("lib"), "libR.so")
  r <- if (file.exists(shared)) shared else file.path(R.home("bin"), "exec", "R")
  intersect(
    symbols("--undefined-only", getLoadedDLLs()[["ufostore"]][["path"]]), symbols("--defined-only", r)
  )
}

test_that("the package takes nothing from R that is not in the list of what it may take", {
  imported <- imported_names()
  expect_true("Rf_allocVector" %in% imported)
  expect_identical(setdiff(imported, allowed_names()), character())
})

test_that("nothing is taken that this R calls no part of its interface", {
  expect_identical(intersect(imported_names(), tools:::nonAPI), character())
})

# Both list what "Writing R Extensions" and the headers say; before 4.6 some of it was in no list.
test_that("everything that is taken is in this R's own lists of its interface", {
  lists <- c("funAPI", "varAPI")
  skip_if_not(all(vapply(lists, exists, NA, envir = asNamespace("tools"))), "this R has no list of its whole interface")
  interface <- unlist(lapply(lists, function(list) get(list, asNamespace("tools"))()$name))
  expect_identical(setdiff(sub("^Rf_", "", imported_names()), sub("^Rf_", "", interface)), character())
})
