# A script does the same on stored vectors as on ordinary ones. tools/rswap.R does this with other people's scripts.

# What swapped/run.R writes down, of one script.
transcript <- function(form, where, script) {
  list_file <- tempfile()
  writeLines(script, list_file)
  command <- file.path(R.home("bin"), "Rscript")
  variables <- c(paste0("R_LIBS=", paste(.libPaths(), collapse = ":")), "TZ=UTC", "LC_ALL=C.UTF-8",
                 paste0("UFO_SWAP_FORM=", form), paste0("UFO_SWAP_WHERE=", where))
  system2(command, c("--vanilla", file.path("swapped", "run.R"), list_file, 1), stdout = TRUE, stderr = TRUE, env = variables)
}

test_that("a script does the same on stored vectors", {
  skip_on_cran()
  script <- normalizePath(file.path("swapped", "small.R"))
  for (where in c("values", "everywhere")) {
    plain <- transcript("none", where, script)
    expect_match(plain[length(plain)], "^@@@ end 0 views")
    stored <- transcript("each", where, script)
    expect_match(stored[length(stored)], "^@@@ end [0-9]{2,} views")
    expect_identical(stored[-length(stored)], plain[-length(plain)], info = where)
  }
})
