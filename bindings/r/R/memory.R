# The memory budget that all stored vectors of the session share, and its figures.

ufo_memory <- function(budget = NULL) {
  if (is.null(budget)) return(.Call(ufor_memory_budget, NULL))
  bytes <- check_budget(budget, "The memory budget")
  invisible(.Call(ufor_memory_budget, bytes))
}

# Called from C when the pool is made: the budget that was configured, in bytes; 0 for the default.
configured_memory <- function() {
  option <- getOption("ufostore.memory")
  if (!is.null(option)) return(check_budget(option, "The option ufostore.memory"))
  variable <- Sys.getenv("UFOSTORE_MEMORY")
  if (nzchar(variable)) return(check_budget(variable, "The environment variable UFOSTORE_MEMORY"))
  0
}

check_budget <- function(budget, what) {
  bytes <- check_size(budget, what)
  if (bytes < .Call(ufor_memory_least)) gc(full = TRUE) # vectors that nothing refers to count, too
  least <- .Call(ufor_memory_least)
  if (bytes < least) {
    raise_usage(
      what, " must be at least \"", least / 1024, "KB\", to hold two chunks of the vectors in use, not ",
      deparse_short(budget)
    )
  }
  bytes
}

ufo_stats <- function() structure(.Call(ufor_memory_stats), class = "ufo_stats")

print.ufo_stats <- function(x, ...) {
  sizes <- c("budget", "resident", "resident_peak", "dirty", "pinned", "staged", "scratch", "filled")
  values <- vapply(
    names(x), function(name) if (name %in% sizes) format_size(x[[name]]) else format_count(x[[name]]), ""
  )
  cat("<ufo_stats>\n")
  cat(paste0("  ", format(paste0(gsub("_", " ", names(x)), ":")), " ", values), sep = "\n")
  invisible(x)
}
