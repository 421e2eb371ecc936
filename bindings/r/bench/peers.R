# peers.R - ufostore beside other R packages, as Markdown: Rscript peers.R [OPTIONS] [CASE...]
#
#   --quick            a small vector, one round: shows that everything runs, measures nothing
#   --rounds N         (3)    each round measures every peer once, one after the other
#   --size BYTES       (512M) of the vector of doubles, prices with two decimals
#   --budget BYTES     (128M) ufostore's memory budget
#   --only PEER,PEER   some of them, by their names in peer_list.R
#   --folder FOLDER    ($TMPDIR, else /var/tmp) where the files are; not a tmpfs
#   --prefix COMMAND   put before each process that is measured: "taskset -c 0", "systemd-run --scope -p MemoryMax=256M"
#
# Says on standard error what it measures, and prints the tables at the end. The cases are listed below. Each measurement is
# an R process of its own (peer_case.R), which first does the same to a small vector. What is used, and how, is in
# peer_list.R; a package that is not installed is shown as such.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "markdown.R"))
source(file.path(here, "peer_list.R"))

cases <- c(
  create = "store a vector", fill = "the same, piece by piece", open = "open, first element", sum = "open, sum",
  cold = "the same, not in the page cache", pick = "open, `x[i]` of 100,000 random `i`", run = "change 1 %, neighbours",
  spread = "change 1 %, each 100th", append = "append 1 %"
)
changing <- c("run", "spread", "append")

# ---- options ----

settings <- list(quick = FALSE, prefix = "", folder = Sys.getenv("TMPDIR", "/var/tmp"))
wanted <- character()
words <- commandArgs(TRUE)
usage <- function(...) {
  message("peers.R: ", ..., "; the head of the file explains it")
  quit(status = 2)
}
while (length(words) > 0) {
  option <- sub("^--", "", words[1])
  if (words[1] == "--quick") settings$quick <- TRUE
  else if (startsWith(words[1], "--") && option %in% c("rounds", "size", "budget", "folder", "prefix", "only")) {
    if (length(words) < 2) usage(words[1], " needs a value")
    settings[[option]] <- words[2]
    words <- words[-1]
  } else if (words[1] %in% names(cases)) wanted <- c(wanted, words[1])
  else usage("'", words[1], "' is no option and no case (", paste(names(cases), collapse = ", "), ")")
  words <- words[-1]
}
bytes <- function(given, quick, normal) {
  if (is.null(given)) return(if (settings$quick) quick else normal)
  unit <- c(K = 2^10, M = 2^20, G = 2^30)[sub("^[0-9]+", "", given)]
  if (!grepl("^[0-9]+[KMG]?$", given)) usage("'", given, "' is no size")
  as.numeric(sub("[KMG]$", "", given)) * if (is.na(unit)) 1 else unit
}
rounds <- if (is.null(settings$rounds)) if (settings$quick) 1 else 3 else suppressWarnings(as.integer(settings$rounds))
if (is.na(rounds) || rounds < 1) usage("'", settings$rounds, "' is no number of rounds")
n <- bytes(settings$size, 2^21, 2^29) %/% 8
budget <- bytes(settings$budget, 2^19, 2^27)
if (n < 1000) usage("the vector must have a thousand elements at least")
if (!is.null(settings$only)) {
  only <- strsplit(settings$only, ",")[[1]]
  if (!all(only %in% names(peers))) usage("--only takes ", paste(names(peers), collapse = ", "))
  peers <- peers[only]
}
wanted <- if (length(wanted) == 0) names(cases) else names(cases)[names(cases) %in% wanted]

folder <- tempfile("ufostore-peers.", settings$folder)
if (!dir.create(folder)) usage("cannot make a folder in ", settings$folder)

# ---- one measurement ----

read_values <- function(lines) {
  parts <- strsplit(trimws(lines), " ")
  setNames(as.numeric(vapply(parts, `[`, "", 2)), vapply(parts, `[`, "", 1))
}
# The lines of a file that may be gone by now: none.
lines_if_there <- function(path) {
  connection <- file(path)
  on.exit(close(connection))
  suppressWarnings(tryCatch(readLines(connection), error = function(e) character()))
}
# What of a process is its own, and not pages of files that the kernel can drop; NA when it has ended.
own_memory <- function(pid) {
  sizes <- grep("^Rss(Anon|Shmem):", lines_if_there(file.path("/proc", pid, "status")), value = TRUE)
  if (length(sizes) == 0) NA else sum(as.numeric(gsub("[^0-9]", "", sizes))) * 1024
}
# Runs peer_case.R and watches its memory meanwhile: the values that it prints, or, as a string, why there are none.
run_case <- function(case, peer, round, done = character()) {
  in_folder <- function(name) file.path(folder, name)
  command <- paste(settings$prefix, file.path(R.home("bin"), "Rscript"), "--no-save --no-restore",
                   paste(shQuote(c(file.path(here, "peer_case.R"), case, peer, folder, sprintf("%.0f", budget), round,
                                   paste(done, collapse = ","))), collapse = " "))
  unlink(in_folder(c("pid", "ended")))
  quoted <- function(name) shQuote(in_folder(name))
  system(paste0("{ ", command, " >", quoted("out"), " 2>", quoted("err"), "; echo $? >", quoted("ending"),
                "; mv ", quoted("ending"), " ", quoted("ended"), "; } &"))
  own <- 0
  while (!file.exists(in_folder("ended"))) {
    Sys.sleep(0.01)
    pid <- lines_if_there(in_folder("pid"))
    if (length(pid) == 1) own <- max(own, own_memory(pid), na.rm = TRUE)
  }
  status <- as.integer(readLines(in_folder("ended")))
  if (status == 3) return("not installed")
  if (status != 0) {
    said <- setdiff(trimws(readLines(in_folder("err"))), c("", "Execution halted"))
    failures <<- c(failures, paste0(titles[[peer]], ", ", case, ": ", paste(tail(said, 2), collapse = " ")))
    return("**failed**")
  }
  if (case == "check") return(NULL)
  c(read_values(grep("^[a-z]+ [0-9.e+-]+ *$", readLines(in_folder("out")), value = TRUE)), own = own)
}
failures <- character()
duration <- function(seconds) if (seconds >= 0.9995) paste(number(seconds), "s") else paste(number(seconds * 1e3), "ms")

absent <- vapply(peers, function(p) !is.null(p$package) && !nzchar(system.file(package = p$package)), NA)
titles <- vapply(names(peers), function(peer) {
  p <- peers[[peer]]
  version <- if (!is.null(p$package) && !absent[[peer]]) paste0(" ", utils::packageVersion(p$package))
  paste0(p$title, version, p$variant)
}, "")

# Nothing of the peer's files in the page cache: dd tells the kernel so when it ends (POSIX_FADV_DONTNEED).
drop_page_cache <- function(peer) {
  files <- list.files(file.path(folder, peer), full.names = TRUE)
  if (length(files) == 0) return("nothing was stored")
  for (f in files) {
    system2("dd", c(paste0("of=", shQuote(f)), "oflag=nocache conv=notrunc,fdatasync count=0 status=none"), stderr = FALSE)
  }
  if (!nzchar(Sys.which("fincore"))) return("no fincore to check the page cache")
  left <- as.numeric(system2("fincore", c("-n -b -o RES", shQuote(files)), stdout = TRUE))
  if (sum(left) <= max(2^16, sum(file.size(files)) / 100)) "" else "the page cache cannot be dropped"
}

empty_folder <- function(peer) {
  unlink(file.path(folder, peer), recursive = TRUE)
  dir.create(file.path(folder, peer))
}

# ---- all of them ----

make_data <- function() {
  set.seed(1)
  out <- file(file.path(folder, "data.bin"), "wb")
  price <- function(n) sample.int(10000, n, TRUE) - 1
  for (p in pieces(n)) {
    k <- p[2] - p[1] + 1
    writeBin((price(k) + price(k) + price(k)) / 100, out)
  }
  close(out)
  x <- readBin(file.path(folder, "data.bin"), "double", n)
  i <- sample.int(n, min(n, 1e5))
  saveRDS(list(n = n, sum = sum(x), first = x[1], i = i, picked = x[i]), file.path(folder, "facts.rds"))
}

results <- array(list(), c(length(peers), length(cases)), list(names(peers), names(cases)))
on_disk <- setNames(rep(NA_real_, length(peers)), names(peers))

can_do <- function(peer, case) {
  p <- peers[[peer]]
  needs <- switch(case, run = , spread = "update", open = "first", cold = "sum", case)
  if (absent[[peer]]) return("not installed")
  if (is.null(p$prepare) || !case %in% c("open", "cold")) {
    if (is.function(p[[needs]])) TRUE else p[[needs]]
  } else "not stored"
}
is_stored <- function(peer) is.function(peers[[peer]]$create)

measure <- function(case) {
  for (round in seq_len(rounds)) for (peer in names(peers)) {
    able <- can_do(peer, case)
    before <- results[[peer, case]]
    if (!isTRUE(able) || is.character(before)) {
      results[[peer, case]] <<- if (isTRUE(able)) before else able
      next
    }
    if (case %in% c("create", "fill")) empty_folder(peer)
    if (case == "cold" && nzchar(why <- drop_page_cache(peer))) {
      results[[peer, case]] <<- why
      next
    }
    values <- run_case(case, peer, round)
    results[[peer, case]] <<- if (is.character(values)) values else rbind(before, values)
    told <- if (is.character(values)) values else duration(values[["seconds"]])
    message(case, " ", round, ": ", titles[[peer]], ", ", told)
    if (case == "create") on_disk[[peer]] <<- sum(file.size(list.files(file.path(folder, peer), full.names = TRUE)))
  }
}
# In new processes: is what the rounds should have left there?
verify <- function(case, done) {
  for (peer in names(peers)) {
    if (!is.matrix(results[[peer, case]]) || !is_stored(peer)) next
    problem <- run_case("check", peer, rounds, done)
    if (!is.null(problem)) results[[peer, case]] <<- problem
  }
}

main <- function() {
  on.exit(unlink(folder, recursive = TRUE))
  make_data()
  if (!"create" %in% wanted && !identical(wanted, "fill")) {
    for (peer in names(peers)) {
      empty_folder(peer)
      problem <- if (isTRUE(can_do(peer, "create"))) run_case("create", peer, 1)
      if (is.character(problem)) results[peer, ] <<- problem
    }
  }
  done <- character()
  for (case in setdiff(wanted, "fill")) {
    measure(case)
    if (case %in% changing) done <- c(done, case)
    if (case %in% changing || (case == "create" && !all(c("sum", "pick") %in% wanted))) verify(case, done)
  }
  if ("fill" %in% wanted) {
    measure("fill")
    verify("fill", character())
  }
}

# ---- the tables ----

column <- function(values, name) values[, name]
time_cell <- function(values) {
  if (!is.matrix(values)) return(if (is.null(values)) "" else values)
  t <- column(values, "seconds")
  in_unit <- if (median(t) >= 0.9995) t else t * 1e3
  spread <- if (length(t) > 1) paste0(" (", number(min(in_unit)), " to ", number(max(in_unit)), ")")
  paste0(duration(median(t)), spread)
}
mebibytes <- function(bytes) number(bytes / 2^20)
memory_cell <- function(values) {
  if (!is.matrix(values)) return("")
  own <- max(column(values, "own")) # 0: it was over before anybody looked
  paste0(mebibytes(max(column(values, "peak"))), if (own > 0) paste0(" (", mebibytes(own), ")"))
}
print_tables <- function() {
  all <- do.call(rbind, Filter(is.matrix, results[, wanted]))
  processor <- sub("^[^:]*: ", "", grep("model name", readLines("/proc/cpuinfo"), value = TRUE)[1])
  say("Measured on ", format(Sys.Date()), ": ", processor, ", ", parallel::detectCores(), " cores, Linux ",
      Sys.info()[["release"]], ", R ", format(getRversion()), ". ", mebibytes(n * 8),
      " MiB of prices, ufostore's budget ", mebibytes(budget), " MiB, medians of ", rounds, if (rounds == 1) " round" else " rounds", " (least to most).")
  if (!is.null(all)) {
    elsewhere <- (all[, "busy"] - all[, "cpu"]) / all[, "seconds"]
    elsewhere <- pmax(0, elsewhere[all[, "seconds"] > 0.2]) # what is shorter is shorter than the kernel counts
    if (any(elsewhere > 0.1)) {
      say("\n**Disturbed**: other processes used ", number(median(elsewhere)), " cores in the median measurement, and ",
          number(max(elsewhere)), " at most.")
    }
  }
  say("\n### Time\n")
  head_row("", if ("create" %in% wanted) "size on disk, MiB", cases[wanted])
  for (k in names(peers)) {
    row(titles[[k]], if ("create" %in% wanted) mebibytes(on_disk[[k]]), vapply(results[k, wanted], time_cell, ""))
  }
  present <- vapply(others, function(p) nzchar(system.file(package = p)), NA)
  say("\nNot measured: ", paste0(others, ifelse(present, " (not known here)", " (not installed)"), collapse = ", "), ".")

  say("\n### Where ufostore is not the fastest\n")
  head_row("case", "fastest store", "ufostore / it", "a vector in memory", "ufostore / it")
  for (case in wanted) {
    times <- vapply(results[, case], function(r) if (is.matrix(r)) median(column(r, "seconds")) else NA_real_, 0)
    stores <- times[setdiff(names(times), "memory")]
    if (is.na(times["ufostore"]) || names(which.min(stores)) == "ufostore") next
    best <- which.min(stores)
    memory <- times["memory"]
    ratio <- function(time) if (is.na(time)) "" else number(times[["ufostore"]] / time)
    row(cases[[case]], paste0(titles[[names(best)]], "; ", duration(stores[[best]])), ratio(stores[[best]]),
        if (is.na(memory)) "" else duration(memory), ratio(memory))
  }

  say("\n### Peak memory of the process, MiB\n\nIn brackets what is its own; the rest are pages of files, which the kernel ",
      "can drop. R itself takes some 50.\n")
  head_row("", cases[wanted])
  for (k in names(peers)) row(titles[[k]], vapply(results[k, wanted], memory_cell, ""))

  say("\n### How each was used\n")
  for (k in names(peers)) say("- ", titles[[k]], ": ", peers[[k]]$how, ".")
  for (problem in failures) say("\n**Failed**: ", problem)
}

main()
print_tables()
quit(status = if (length(failures) > 0) 1 else 0)
