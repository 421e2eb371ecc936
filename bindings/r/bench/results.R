# results.R - reading what `ufostore bench --json` printed; base R only. Sourced by plot.R and tables.R.

# JSON as nested lists. Each token becomes one of R; nothing but list() is called. Strings come in with JSON's escapes,
# which are R's, too.
read_json <- function(path) {
  text <- paste(readLines(path, encoding = "UTF-8"), collapse = " ")
  pattern <- '"(?:[^"\\\\]|\\\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[{}\\[\\],:]'
  tokens <- regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1]]
  words <- c("{" = "list(", "[" = "list(", "}" = ")", "]" = ")", ":" = "=", "true" = "TRUE", "false" = "FALSE",
             "null" = "NA")
  known <- tokens %in% names(words)
  tokens[known] <- words[tokens[known]]
  eval(parse(text = paste(tokens, collapse = " "), keep.source = FALSE), envir = baseenv())
}

# The case of that name, NULL if it did not run. `results`, as read_json() gives them, is the caller's.
find_case <- function(name) Find(function(case) case$name == name && case$state == "ran", results$cases)
curves <- function(case) {
  all <- lapply(case$curves, function(c) list(x = unlist(c$x), y = unlist(c$y)))
  setNames(all, vapply(case$curves, function(c) c$key, ""))
}
megabytes <- function(bytes) paste(format(bytes / 2^20, trim = TRUE), "MiB")
machine_line <- function() with(results$machine, paste0(processor, ", ", cores, " cores, ", kernel))
