# Progress of work that takes longer than a second, on standard error, where somebody looks at it.

wants_progress <- function() isTRUE(getOption("ufostore.progress", interactive()))

# show(done) and close(); NULL if nobody wants it. Of several that run inside of each other, the outermost is shown.
new_meter <- function(total) {
  if (!wants_progress() || isTRUE(progress_state$busy)) return(NULL)
  progress_state$busy <- TRUE
  started <- proc.time()[["elapsed"]]
  bar <- NULL
  list(
    show = function(done) {
      if (is.null(bar)) {
        if (proc.time()[["elapsed"]] - started < getOption("ufostore.progress_after", 1)) return(invisible())
        bar <<- txtProgressBar(0, total, style = 3, file = stderr())
      }
      setTxtProgressBar(bar, done)
    },
    close = function() {
      progress_state$busy <- FALSE
      if (!is.null(bar)) close(bar)
    }
  )
}

progress_state <- new.env(parent = emptyenv())
