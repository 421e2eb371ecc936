# The memory budget that all stored vectors of the session share, and its figures.

ufo_memory <- function(budget = NULL) {
  if (is.null(budget)) return(.Call(ufor_memory_budget, NULL))
  bytes <- check_size(budget, "The memory budget")
  if (bytes < 1) raise_usage("The memory budget must be more than nothing")
  invisible(.Call(ufor_memory_budget, bytes))
}

# Called from C when the pool is made: the budget that was configured, in bytes; 0 for the default.
configured_memory <- function() {
  option <- getOption("ufostore.memory")
  if (!is.null(option)) return(check_size(option, "The option ufostore.memory"))
  variable <- Sys.getenv("UFOSTORE_MEMORY")
  if (nzchar(variable)) return(check_size(variable, "The environment variable UFOSTORE_MEMORY"))
  0
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
