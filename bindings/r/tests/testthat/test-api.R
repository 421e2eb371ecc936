# What the built package takes from R.

# "NAME" or "NAME before VERSION".
allowed_names <- function() {
  lines <- readLines("api.txt")
  lines <- lines[!grepl("^(#|$)", lines)]
  last <- sub("^[^ ]+( before )?", "", lines)
  sub(" .*", "", lines)[last == "" | getRversion() < ifelse(last == "", "0", last)]
}

# The names that the package's shared object leaves to others to define, without those of the C library, which have
# versions, of the compiler, and of LMDB, LZ4 and xxHash.
imported_names <- function() {
  nm <- Sys.which("nm")
  skip_if(nm == "", "nm, of binutils, is not there")
  lines <- system2(nm, c("-D", "--undefined-only", shQuote(getLoadedDLLs()[["ufostore"]][["path"]])), stdout = TRUE)
  names <- sub("^ *[A-Za-z] ", "", lines)
  names[!grepl("@|^_|^mdb_|^LZ4|^XXH", names)]
}

test_that("the package takes nothing from R that is not in the list of what it may take", {
  imported <- imported_names()
  expect_true("Rf_allocVector" %in% imported)
  expect_identical(setdiff(imported, allowed_names()), character())
})

test_that("nothing is taken that this R calls no part of its interface", {
  expect_identical(intersect(imported_names(), tools:::nonAPI), character())
})
