# tables.R - the results of the benchmark as Markdown, for tools/bench/RESULTS.md: Rscript tables.R RESULTS.json
arguments <- commandArgs(TRUE)
if (length(arguments) != 1) stop("usage: Rscript tables.R RESULTS.json", call. = FALSE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "results.R"))
source(file.path(here, "markdown.R"))
results <- read_json(arguments[1])

say("Measured on ", format(as.Date(results$time %/% 86400, origin = "1970-01-01")), " with ufostore ", results$ufostore, ": ",
    machine_line(), ", ", megabytes(round(results$machine$memory_bytes / 2^20) * 2^20), " of memory, ", results$machine$file_system,
    ", transparent huge pages: ", results$machine$huge_pages, ", ", results$machine$build, ". Budget ",
    megabytes(results$budget_bytes), ", data ", megabytes(results$data_bytes), ", medians of ", results$rounds, " rounds.")
others <- vapply(results$cases, function(case) case$others_cores, 0)
if (max(others) > 0.1) {
  say("\n**Disturbed**: other processes used ", number(min(others)), " to ", number(max(others)),
      " cores during the cases. These figures show the shape, not the speed.")
}

say("\n## Goals\n")
head_row("case", "figure", "held against", "ratio", "wanted", "")
for (case in results$cases) {
  if (case$state != "ran") row(case$name, paste0(case$state, ": ", case$reason), "", "", "", "")
  keys <- vapply(case$series, function(s) s$key, "")
  shown <- function(key) {
    if (is.na(key)) return("")
    s <- case$series[[match(key, keys)]]
    paste0(number(s$median), " ", s$unit, " (", number(s$min), " to ", number(s$max), ")")
  }
  for (goal in if (case$state == "ran") case$goals) {
    row(case$name, paste0(goal$what, ": ", shown(goal$figure)), shown(goal$divisor), number(goal$ratio),
        paste(goal$relation, number(goal$target)), if (isTRUE(goal$met)) "met" else "**missed**")
  }
}

for (case in Filter(function(case) length(case$curves) > 0, results$cases)) {
  say("\n## ", case$name, ": ", case$title, "\n")
  if (!is.null(case$reason)) say(case$reason, "\n")
  lines <- curves(case)
  head_row(case$curves[[1]]$x_unit, vapply(case$curves, function(c) paste0(c$key, ", ", c$y_unit), ""))
  for (k in seq_along(lines[[1]]$x)) row(format(lines[[1]]$x[k]), vapply(lines, function(l) number(l$y[k]), ""))
}
