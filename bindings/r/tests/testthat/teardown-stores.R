# With UFO_TEST_KEEP, a folder: copies the stores that the tests leave there, for another reader to judge (in the source
# repository, tests/fault/reader_stores.sh). Not of a size that takes it long.
keep <- Sys.getenv("UFO_TEST_KEEP")
if (nzchar(keep)) {
  stores <- list.files(tempdir(), "\\.ufo$", full.names = TRUE)
  stores <- stores[file.size(stores) < 8 * 1024^2 & !dir.exists(stores)]
  file.copy(stores, file.path(keep, sprintf("r-%d.ufo", seq_along(stores))))
}
