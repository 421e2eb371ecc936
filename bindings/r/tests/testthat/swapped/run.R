# run.R SCRIPTS FIRST: runs the scripts named in the lines of the file SCRIPTS, from line FIRST on, each in an emptied
# global environment, and writes down on standard output what each expression did: what it printed, its errors and
# warnings, a digest of its value, and of each variable that it changed.
#
# The rest is said by environment variables, which scripts do not look at:
#   UFO_SWAP_FORM    a form of swap.R
#   UFO_SWAP_WHERE   "values": after each expression, all variables are replaced; "everywhere": constants in the code and
#                    what the makers of swap.R return, too; "inside": what they return to functions of R's own packages,
#                    too
#   UFO_SWAP_SCRATCH a folder for the store and other files that come and go, best in memory (default: tempdir())
#   UFO_SWAP_KEEP    a folder for the value of each expression, to look into a difference
#   UFO_SWAP_PACKAGE the scripts are test files of this package, run by testthat.R
# Above the base package, so that what the script defines or attaches is not found from here.
local({
  arguments <- commandArgs(trailingOnly = TRUE)
  where <- Sys.getenv("UFO_SWAP_WHERE")
  scripts <- readLines(arguments[1])
  first <- as.integer(arguments[2])
  keep <- Sys.getenv("UFO_SWAP_KEEP")
  here <- new.env(parent = baseenv())
  beside <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
  for (file in c("swap.R", "testthat.R")) sys.source(file.path(beside, file), here)
  suppressMessages(loadNamespace("ufostore"))
  swap <- here$new_swapper(Sys.getenv("UFO_SWAP_FORM"))
  masked <- where != "values"
  masks <- here$make_masks(swap)
  if (where == "inside") for (package in c("stats", "utils", "graphics", "grDevices")) here$mask_inside(package, masks$masks)
  scratch <- tempfile("digest", tmpdir = Sys.getenv("UFO_SWAP_SCRATCH", tempdir()))
  dir.create(scratch)
  on.exit(unlink(scratch, recursive = TRUE))
  device_file <- file.path(scratch, "plots.pdf")
  start_device <- function(...) grDevices::pdf(device_file, compress = FALSE)
  # Not to be seen by sink(), and whatever connections the script closes. R warns where it is a pipe.
  note <- function(...) suppressWarnings(cat(..., "\n", sep = "", file = "/dev/stdout", append = TRUE))

  # Attributes in one order: R's own depends on whether it could use a vector again for a result. Strings without a mark
  # of their encoding are UTF-8 here, and come back from a store with that mark.
  # Of functions, what they say: whether one was compiled depends on what ran before.
  canonical <- function(x) {
    if (typeof(x) == "closure") return(list(formals(x), body(x)))
    if (!(typeof(x) %in% c(here$atomic_types, "list"))) return(x)
    if (typeof(x) == "character" && any(unmarked <- Encoding(x) == "unknown" & validUTF8(x))) {
      with <- attributes(x)
      attributes(x) <- NULL
      x[unmarked] <- enc2utf8(x[unmarked])
      attributes(x) <- with
    }
    with <- attributes(x)
    is_s4 <- isS4(x)
    if (length(with) > 0 || typeof(x) == "list") attributes(x) <- NULL
    if (typeof(x) == "list") x <- lapply(x, canonical)
    else x <- c(x) # without R's note that a vector has room to grow
    if (length(with) == 0) return(x)
    parts <- lapply(unname(with), canonical)
    names(parts) <- names(with)
    list(x, parts[order(names(with), method = "radix")], is_s4)
  }

  # References are to be alike, and not followed.
  serialized <- function(value) {
    tryCatch(serialize(value, NULL, xdr = FALSE, version = 2L, refhook = function(e) "reference"),
             error = function(e) charToRaw("?"))
  }
  # Of what is so large that looking at it after each expression would take most of the time, some elements of each vector,
  # and of at most so many vectors.
  outline <- function(value, most = 20000) {
    if (unclass(utils::object.size(value)) < 2e7) return(value)
    part <- function(x) {
      if (!(typeof(x) %in% c(here$atomic_types, "list"))) return(if (is.environment(x)) NULL else x)
      most <<- most - 1
      if (most < 0) return(length(unclass(x)))
      with <- attributes(x)
      n <- length(unclass(x))
      x <- if (n <= 1e5) .subset(x, seq_len(n)) else .subset(x, round(seq(1, n, length.out = 1e4)))
      attributes(x) <- NULL
      list(n, if (is.list(x)) lapply(x, part) else x, lapply(with, part))
    }
    part(value)
  }
  # Lists of many vectors as they are, because canonical() takes long for them. A sequence may be longer than memory.
  bytes_of <- function(value) {
    size <- unclass(utils::object.size(value))
    if (size > 5e8) serialized(outline(value)) else if (typeof(value) == "list" && size > 1e7) serialized(value)
    else serialized(canonical(value))
  }
  digest <- function(value, bytes) {
    file <- file.path(scratch, "value")
    writeBin(bytes, file)
    paste(typeof(value), tryCatch(length(unclass(value)), error = function(e) "?"), unname(tools::md5sum(file)))
  }

  globals <- function() {
    all_names <- ls(globalenv(), all.names = TRUE, sorted = TRUE)
    values <- list()
    for (name in all_names) {
      if (bindingIsActive(as.name(name), globalenv())) next
      value <- get(name, globalenv())
      if (!missing(value) && (typeof(value) %in% here$atomic_types || typeof(value) == "list")) values[name] <- list(value)
    }
    values
  }

  # Those that changed: large lists are replaced part by part, and would otherwise be gone through after each expression.
  replace_globals <- function(changed) {
    for (name in names(values <- globals()[changed])) {
      if (bindingIsLocked(name, globalenv())) next
      if (where == "values" || name != ".Random.seed") assign(name, swap(values[[name]]), globalenv())
    }
  }

  package <- Sys.getenv("UFO_SWAP_PACKAGE")
  test <- if (nzchar(package)) here$new_test_runner(package, swap, if (masked) masks, where == "inside", note)
  attached <- search()
  settings <- options(warn = 1, digits = 7, keep.source = FALSE, device = start_device, width = 80, useFancyQuotes = FALSE,
                      ufostore.serialize = "value", browser = "false", pdfviewer = "false", pager = "cat",
                      menu.graphics = FALSE, example.ask = FALSE, demo.ask = FALSE, device.ask.default = FALSE,
                      timeout = 5)
  settings <- options()
  clean <- function() {
    while (sink.number() > 0) sink()
    tryCatch(grDevices::graphics.off(), error = function(e) NULL)
    if (file.exists(device_file)) {
      drawn <- readLines(device_file, warn = FALSE)
      drawn <- drawn[!grepl("CreationDate|ModDate", drawn, useBytes = TRUE)]
      writeLines(drawn, file.path(scratch, "drawn"), useBytes = TRUE)
      note("== drawn ", unname(tools::md5sum(file.path(scratch, "drawn"))))
      unlink(device_file)
    }
    for (name in setdiff(search(), attached)) try(detach(name, character.only = TRUE), silent = TRUE)
    rm(list = ls(globalenv(), all.names = TRUE), envir = globalenv())
    options(settings)
    Sys.setlocale("LC_ALL", "C.UTF-8")
    # As closeAllConnections() does, which collects garbage besides.
    sink(stderr(), type = "message")
    for (connection in setdiff(getAllConnections(), 0:2)) close(getConnection(connection))
    RNGkind("default", "default", "default")
    set.seed(1)
  }

  run <- function(script) {
    code <- tryCatch(parse(script, keep.source = FALSE, encoding = "UTF-8"), error = function(e) {
      note("cannot be parsed: ", conditionMessage(e))
      expression()
    })
    known <- list()
    # What the script sets them to is not for what is done between its expressions.
    between <- list(warn = 1, check.bounds = FALSE)
    within <- options(between)
    if (masked) attach(masks$masks, name = "makers", warn.conflicts = FALSE)
    for (i in seq_along(code)) {
      expression <- code[[i]]
      text <- deparse(expression, nlines = 1L)[1]
      note("@@ ", i, " ", substr(text, 1, 100))
      # What ends or stops the session, or waits for somebody.
      if (grepl("^(q|quit|browser|repeat|Sys.sleep|rm\\(list ?= ?ls)\\b", text)) next
      masks$restart()
      if (masked && !is.null(expression)) expression <- here$swap_constants(expression, swap)
      failed <- FALSE
      options(within)
      outcome <- tryCatch(withVisible(eval(expression, globalenv())), error = function(e) {
        note("Error: ", conditionMessage(e))
        failed <<- TRUE
      }, interrupt = function(e) failed <<- TRUE)
      if (!failed) {
        value <- outcome$value
        if (outcome$visible) {
          tryCatch(if (isS4(value)) methods::show(value) else eval(call("print", quote(value)), environment()), error = function(e) note("Error in print: ", conditionMessage(e)))
        }
        within <- options(between)
        note("== value ", digest(value, bytes_of(value)))
        if (nzchar(keep)) saveRDS(value, file.path(keep, sprintf("%s-%d.rds", basename(script), i)), version = 2L)
      }
      if (failed) within <- options(between)
      now <- globals()
      changed <- character()
      # What is the same before canonical() is so behind it, which takes time.
      for (name in names(now)) {
        bytes <- serialized(outline(now[[name]]))
        if (identical(known[[name]]$bytes, bytes)) next
        changed <- c(changed, name)
        canonical_bytes <- bytes_of(now[[name]])
        if (!identical(known[[name]]$canonical, canonical_bytes)) note("== ", name, " ", digest(now[[name]], canonical_bytes))
        known[[name]] <- list(bytes = bytes, canonical = canonical_bytes)
      }
      known <- known[names(now)]
      rm(now)
      replace_globals(changed)
    }
  }

  for (at in seq_along(scripts)) {
    if (at < first) next
    clean()
    note("@@@ ", at, " ", scripts[at])
    before <- attr(swap, "count")()
    if (is.null(test)) run(scripts[at]) else test(scripts[at])
    note("@@@ made ", attr(swap, "count")() - before)
  }
  clean()
  note("@@@ end ", attr(swap, "count")(), " views")
}, new.env(parent = baseenv()))
