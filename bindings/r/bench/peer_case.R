# peer_case.R - one process of peers.R: Rscript peer_case.R CASE PEER FOLDER BUDGET ROUND [DONE]
#
# Measures once and prints lines "KEY VALUE": seconds, peak (bytes: the most that was resident from the start of the clock),
# cpu and busy (seconds of all processors: of this process and its children, and of the machine, while the clock ran).
# Every value that was read is compared before anything is printed. The case `check` measures nothing, and compares what is
# stored with what ROUND rounds of the cases DONE should have left. Status 3: the package is not installed.
#
# FOLDER has data.bin (the raw doubles), facts.rds (their number and sum, which are picked) and the folders of the peers.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "peer_list.R"))
arguments <- commandArgs(TRUE)
case <- arguments[1]
peer <- peers[[arguments[2]]]
folder <- arguments[3]
budget <- as.numeric(arguments[4])
round <- as.numeric(arguments[5])
if (!is.null(peer$package) && !requireNamespace(peer$package, quietly = TRUE)) quit(status = 3)
# Its messages are not the output.
if (!is.null(peer$package)) suppressWarnings(suppressPackageStartupMessages(library(peer$package, character.only = TRUE)))
options(bigmemory.typecast.warning = FALSE)
if (identical(peer$package, "ufostore")) ufo_memory(budget)

raw <- file.path(folder, "data.bin")
facts <- readRDS(file.path(folder, "facts.rds"))

# ---- the clock ----

machine_busy <- function() {
  fields <- as.numeric(strsplit(sub("^cpu +", "", readLines("/proc/stat", 1)), " ")[[1]])
  sum(fields[c(1:3, 6:8)]) / 100 # not idle, not waiting for a disk
}
# What the kernel says of this process, in bytes.
status_of <- function(key) {
  line <- grep(paste0("^", key, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024
}
paused <- 0
# An expression that the clock does not count.
uncounted <- function(expression) {
  begin <- Sys.time()
  force(expression)
  paused <<- paused + as.numeric(Sys.time() - begin, units = "secs")
  expression
}
# While it runs, the file `pid` tells peers.R whom to watch.
clock <- function(expression) {
  gc(full = TRUE)
  # From here on the kernel keeps the peak anew; where it does not, the peak is that of the whole process.
  suppressWarnings(try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE))
  watched <- file.path(folder, "pid")
  cat(Sys.getpid(), file = watched)
  paused <<- 0
  used <- sum(proc.time()[-3])
  busy <- machine_busy()
  begin <- Sys.time()
  force(expression)
  seconds <- as.numeric(Sys.time() - begin, units = "secs") - paused
  result <<- c(seconds = seconds, peak = status_of("VmHWM"), cpu = sum(proc.time()[-3]) - used,
               busy = machine_busy() - busy)
  unlink(watched)
  expression
}

# ---- the cases: of the vector in `path`, n elements long, which `is` (a sum, and elements) ----

same <- function(is, ought, what) if (!identical(is, ought)) stop(peer$title, ": wrong values: ", what)
same_sum <- function(is, ought) {
  # Each adds up in an order of its own.
  if (isTRUE(abs(is - ought) <= abs(ought) * 1e-9)) return()
  stop(sprintf("%s: the sum is %.17g, not %.17g", peer$title, is, ought))
}
open_peer <- function(path) peer$open(if (is.null(peer$prepare)) path else prepared)

# A hundredth of the elements: neighbours, or each hundredth one. Every round stores others.
changed <- function(how, n) if (how == "run") n %/% 3 + seq_len(n %/% 100) else seq(50, n, by = 100)
new_values <- function(how, n, round) changed(how, n) %% 1000 + round + (if (how == "run") 0.25 else 0.5)
appended <- function(n, round) seq_len(n %/% 100) %% 1000 + round + 0.75

cases <- list(
  create = function(path, of) {
    x <- readBin(of$raw, "double", of$n)
    clock(peer$create(path, x))
  },
  fill = function(path, of) {
    file <- file(of$raw, "rb")
    on.exit(close(file))
    clock(peer$fill(path, of$n, function() uncounted(readBin(file, "double", PIECE))))
  },
  open = function(path, of) same(clock(peer$first(open_peer(path))), of$first, "the first element"),
  sum = function(path, of) same_sum(clock(peer$sum(open_peer(path))), of$sum),
  pick = function(path, of) same(as.vector(clock(peer$pick(open_peer(path), of$i))), of$picked, "x[i]"),
  run = function(path, of) clock(peer$update(open_peer(path), changed("run", of$n), new_values("run", of$n, round))),
  spread = function(path, of) {
    clock(peer$update(open_peer(path), changed("spread", of$n), new_values("spread", of$n, round)))
  },
  append = function(path, of) clock(peer$append(open_peer(path), appended(of$n, round)))
)
cases$cold <- cases$sum

# What is stored after `round` rounds of the cases `done`, by the sum, what was picked and what was changed.
check <- function(path, of, done) {
  x <- readBin(of$raw, "double", of$n)
  look <- of$i
  for (how in intersect(c("run", "spread"), done)) {
    i <- changed(how, of$n)
    x[i] <- new_values(how, of$n, round)
    look <- c(look, i, i[length(i)] + 1, i[1] - 1)
  }
  if ("append" %in% done) {
    for (k in seq_len(round)) x <- c(x, appended(of$n, k))
    look <- c(look, of$n:length(x))
  }
  look <- look[unique(round(seq(1, length(look), length.out = min(length(look), 2e5))))]
  same_sum(peer$sum(peer$open(path)), sum(x))
  same(as.vector(peer$pick(peer$open(path), look)), x[look], paste("after", paste(done, collapse = ", ")))
}

# ---- the same on small vectors first, so that nothing is measured that R or a package does once ----

warm_up <- function() {
  small <- tempfile()
  dir.create(small)
  x <- readBin(raw, "double", min(facts$n, 20000))
  writeBin(x, file.path(small, "data.bin"))
  of <- list(n = length(x), sum = sum(x), first = x[1], i = 10:1, picked = x[10:1], raw = file.path(small, "data.bin"))
  if (!is.null(peer$prepare)) prepared <<- peer$prepare(of$raw)
  else if (!case %in% c("create", "fill")) peer$create(file.path(small, "x"), x)
  cases[[case]](file.path(small, "x"), of)
}

path <- file.path(folder, arguments[2], "x")
of <- c(facts, raw = raw)
if (case == "check") {
  check(path, of, strsplit(arguments[6], ",")[[1]])
} else {
  for (k in 1:3) warm_up() # R compiles a function when it is called for the second time
  if (!is.null(peer$prepare)) prepared <- peer$prepare(raw)
  cases[[case]](path, of)
  cat(paste(names(result), sprintf("%.17g", result), collapse = "\n"), "\n")
}
