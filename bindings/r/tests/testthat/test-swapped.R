# A script does the same on stored vectors as on ordinary ones. tools/rswap.R does this with other people's scripts.

# What swapped/run.R writes down, of one script.
transcript <- function(form, where, script, package = "") {
  list_file <- tempfile()
  writeLines(script, list_file)
  command <- file.path(R.home("bin"), "Rscript")
  variables <- c(paste0("R_LIBS=", paste(.libPaths(), collapse = ":")), "TZ=UTC", "LC_ALL=C.UTF-8",
                 paste0("UFO_SWAP_FORM=", form), paste0("UFO_SWAP_WHERE=", where),
                 paste0("UFO_SWAP_PACKAGE=", package))
  run <- normalizePath(file.path("swapped", "run.R"))
  folder <- tempfile()
  dir.create(folder)
  old <- setwd(folder)
  on.exit(setwd(old))
  system2(command, c("--vanilla", run, list_file, 1), stdout = TRUE, stderr = TRUE, env = variables)
}

test_that("a script does the same on stored vectors", {
  skip_on_cran()
  script <- normalizePath(file.path("swapped", "small.R"))
  for (where in c("values", "everywhere")) {
    plain <- transcript("none", where, script)
    expect_match(plain[length(plain)], "^@@@ end 0 views")
    stored <- transcript("each", where, script)
    expect_match(stored[length(stored)], "^@@@ end [0-9]{2,} views")
    did <- function(lines) grep("^@@@ (made|end)", lines, value = TRUE, invert = TRUE)
    expect_identical(did(stored), did(plain), info = where)
  }
})

test_that("a test file of a package does the same on stored vectors, and knows nothing of it", {
  skip_on_cran()
  script <- normalizePath(file.path("swapped", "expectations.R"))
  outcomes <- function(lines) {
    begins <- grep("^@@ ", lines)
    tests <- c("expectations hold", "vectors are stored", "errors are written down")
    lapply(begins[match(tests, sub("^@@ [0-9]+ ", "", lines[begins]))], function(at) {
      after <- lines[seq(at + 1, length(lines))]
      after <- after[seq_len(which(startsWith(after, "@@"))[1] - 1)]
      sub("^== ([a-z]*).*", "\\1", after[startsWith(after, "== ")])
    })
  }
  plain <- transcript("none", "inside", script, "stats4")
  expect_match(plain[length(plain)], "^@@@ end 0 views")
  expect_identical(outcomes(plain), list(rep("success", 5), rep("failure", 5), "error"))
  stored <- transcript("edited", "inside", script, "stats4")
  expect_match(stored[length(stored)], "^@@@ end [0-9]{2,} views")
  expect_identical(outcomes(stored), list(rep("success", 5), c(rep("success", 4), "failure"), "error"))
})
