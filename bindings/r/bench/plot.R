# plot.R - draws the results of the benchmark: Rscript plot.R RESULTS.json [FOLDER] [svg|png]
#
#   ufostore bench --json > results.json
#
# Writes to FOLDER (.):
#   throughput   scans against the size of the data, across the budget          (from the case grow-size)
#   latency      percentiles of the time of a page fault, with the reference     (from the case random)
#   goals        every ratio against what it should reach
# A picture whose case is not in the results is left out. Base R only.

arguments <- commandArgs(TRUE)
if (length(arguments) < 1) stop("usage: Rscript plot.R RESULTS.json [FOLDER] [svg|png]", call. = FALSE)
folder <- if (length(arguments) > 1) arguments[2] else "."
format <- if (length(arguments) > 2) match.arg(arguments[3], c("svg", "png")) else "svg"

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "results.R"))
results <- read_json(arguments[1])
open_picture <- function(name, height = 5) {
  path <- file.path(folder, paste0(name, ".", format))
  if (format == "svg") svg(path, width = 8, height = height)
  else png(path, width = 8, height = height, units = "in", res = 120)
  par(mar = c(4.5, 4.5, 3.5, 1), las = 1, family = "sans")
  message(path)
}
# Told apart without colour, too.
styles <- data.frame(
  key = c("ufostore", "ufostore_again", "handler", "handler_again", "decode"),
  colour = c("#0072B2", "#0072B2", "#D55E00", "#D55E00", "#555555"), line = c(1, 2, 1, 2, 3), point = c(16, 1, 17, 2, NA),
  label = c("ufostore, first scan", "ufostore, second scan", "reference handler, first scan",
            "reference handler, second scan", "decoding alone, one thread"),
  row.names = 1
)
draw <- function(lines) {
  for (key in names(lines)) {
    style <- styles[key, ]
    lines(lines[[key]]$x, lines[[key]]$y, type = "o", col = style$colour, lty = style$line, pch = style$point, lwd = 2)
  }
}
explain <- function(place, keys, labels = styles[keys, "label"]) {
  legend(place, labels, col = styles[keys, "colour"], lty = styles[keys, "line"], pch = styles[keys, "point"], lwd = 2,
         bty = "n", cex = 0.9)
}

if (!is.null(case <- find_case("grow-size"))) {
  lines <- curves(case)
  open_picture("throughput")
  x <- lines[[1]]$x
  plot(range(x), c(0, max(vapply(lines, function(l) max(l$y), 0))), type = "n", log = "x", xaxt = "n", bty = "l",
       xlab = "size of the data / memory budget", ylab = "GB/s of values", main = "Sum of a stored vector through a pointer")
  mtext(paste0(machine_line(), "; budget ", megabytes(results$budget_bytes / 4)), cex = 0.8)
  axis(1, x, ifelse(x < 1, paste0("1/", 1 / x), x))
  abline(v = 1, col = "grey70", lty = 2)
  draw(lines)
  explain("topright", names(lines))
  invisible(dev.off())
}

if (!is.null(case <- find_case("random"))) {
  lines <- curves(case)
  # Percentiles on the scale of what is left above them: 50, 90, 99, 99.9 are as far from each other.
  lines <- lapply(lines, function(l) {
    inside <- l$x > 0 & l$x < 100
    list(x = -log10(1 - l$x[inside] / 100), y = l$y[inside])
  })
  shown <- c(10, 50, 90, 99, 99.9, 99.99)
  open_picture("latency")
  plot(c(0, max(vapply(lines, function(l) max(l$x), 0))), range(unlist(lapply(lines, function(l) l$y))), type = "n",
       log = "y", xaxt = "n", bty = "l", xlab = "percentile", ylab = "microseconds",
       main = "First touch of a chunk of 64 KiB, in random order")
  mtext(machine_line(), cex = 0.8)
  axis(1, -log10(1 - shown / 100), shown)
  draw(lines)
  explain("topleft", names(lines), c(ufostore = "ufostore", handler = "reference handler")[names(lines)])
  invisible(dev.off())
}

goals <- do.call(rbind, lapply(results$cases, function(case) {
  do.call(rbind, lapply(case$goals, function(goal) {
    if (case$state != "ran" || is.na(goal$ratio)) return(NULL)
    # Right of 1 is good, whichever way the goal goes.
    reached <- if (goal$relation == "at most") goal$target / goal$ratio else goal$ratio / goal$target
    data.frame(label = paste0(case$name, ": ", goal$what), reached = reached)
  }))
}))
if (!is.null(goals)) {
  goals <- goals[rev(seq_len(nrow(goals))), ]
  open_picture("goals", height = 1.8 + 0.24 * nrow(goals))
  par(mar = c(4.5, 22, 3.5, 2))
  plot(goals$reached, seq_len(nrow(goals)), log = "x", yaxt = "n", ylab = "", bty = "n", pch = 16, cex = 1.3,
       col = ifelse(goals$reached >= 1, "#0072B2", "#D55E00"), xlim = range(goals$reached, 1),
       xlab = "reached / wanted (from 1 on: met)", main = "Goals")
  mtext(machine_line(), cex = 0.8)
  segments(1, seq_len(nrow(goals)), goals$reached, col = "grey80")
  abline(v = 1)
  axis(2, seq_len(nrow(goals)), goals$label, tick = FALSE, cex.axis = 0.75)
  invisible(dev.off())
}
