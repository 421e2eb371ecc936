# common.R - small words that the pieces of the main job share. The budget comes from the environment (UFOSTORE_MEMORY).
suppressPackageStartupMessages(library(ufostore))

store_path <- Sys.getenv("DEMO_STORE")
elements <- as.numeric(Sys.getenv("DEMO_ELEMENTS", 2^29)) # of 8 bytes: 4 GiB

say <- function(...) cat("  ", sprintf(...), "\n", sep = "")
check <- function(ok, ...) {
  cat(if (isTRUE(ok)) "  ok  " else "  NO  ", sprintf(...), "\n", sep = "")
  if (!isTRUE(ok)) quit(status = 1)
}
seconds <- function(expression) system.time(expression)[["elapsed"]]
big <- function(number) format(number, big.mark = ",", scientific = FALSE)

# Figures that a later process compares with go through a file of their own, not through the store.
remember <- function(...) saveRDS(list(...), Sys.getenv("DEMO_NOTES"))
recall <- function() readRDS(Sys.getenv("DEMO_NOTES"))
