# Without a sanitizer that this session may run with: pgrep can hang in it.
processes_below <- function() {
  suppressWarnings(system2("pgrep", c("-P", Sys.getpid(), "-x", "R"), stdout = TRUE, env = "LD_PRELOAD="))
}

test_that("pieces are worked on by several processes, with the same results in the same order", {
  with_small_pieces({
    x <- stored_lazy(as.numeric(1:5000))
    expect_identical(ufo_apply(x, range, cores = 2), ufo_apply(x, range))
    expect_identical(as.vector(ufo_map(x, sqrt, cores = 2)), sqrt(1:5000))
    expect_identical(ufo_reduce(x, function(v) v[1], c, cores = 2), ufo_reduce(x, function(v) v[1], c))
    pids <- unique(unlist(ufo_apply(x, function(v) Sys.getpid(), cores = 2)))
    expect_false(Sys.getpid() %in% pids)
    expect_gt(length(pids), 1)
  })
})

test_that("an error of one process is the error of all, with its class", {
  with_small_pieces({
    x <- stored_lazy(as.numeric(1:3000))
    fail <- function(v) if (v[1] > 1000) stop(structure(class = c("my_error", "error", "condition"), list(message = "of mine", call = NULL))) else 1
    expect_error(ufo_apply(x, fail, cores = 2), "of mine", class = "my_error")
    expect_error(ufo_map(x, function(v) 1, cores = 2), "must give a vector of 512", class = "ufo_usage_error")
  })
})

test_that("a process that is killed is an error that names what it worked on", {
  with_small_pieces({
    x <- stored_lazy(as.numeric(1:3000))
    killed <- function(v) if (v[1] > 512) tools::pskill(Sys.getpid(), tools::SIGKILL) else 1
    error <- expect_error(ufo_apply(x, killed, cores = 2), "elements 513 to 1,024", class = "ufo_full_error")
    expect_match(conditionMessage(error), "Fewer `cores`", fixed = TRUE)
    expect_warning(try(ufo_apply(x, killed, cores = 2), silent = TRUE), NA)
  })
})

test_that("an interrupt ends it, and leaves no process behind", {
  skip_on_cran()
  with_small_pieces({
    x <- stored_lazy(as.numeric(1:3000))
    for (cores in 1:2) {
      system(paste0("(sleep 1; kill -INT ", Sys.getpid(), ") > /dev/null 2>&1 &"))
      outcome <- tryCatch(ufo_apply(x, function(v) Sys.sleep(60), cores = cores), interrupt = function(i) "stopped")
      expect_identical(outcome, "stopped")
    }
    for (i in 1:50) if (length(processes_below()) > 0) Sys.sleep(0.1)
    expect_length(processes_below(), 0)
    expect_length(ufo_apply(x, length, cores = 2), 6)
  })
})
