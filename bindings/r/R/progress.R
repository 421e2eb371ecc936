# Progress of work that takes longer than a second, on standard error, where somebody looks at it: a bar on a terminal and
# in consoles such as RStudio's; a line for every tenth in a file, in which a bar would be one long line.

wants_progress <- function() isTRUE(getOption("ufostore.progress", interactive()))

# show(done) and close(); NULL if nobody wants it. Of several that run inside of each other, the outermost is shown.
new_meter <- function(total) {
  if (!wants_progress() || isTRUE(progress_state$busy)) return(NULL)
  progress_state$busy <- TRUE
  started <- proc.time()[["elapsed"]]
  shown <- NULL
  list(
    show = function(done) {
      if (is.null(shown)) {
        if (proc.time()[["elapsed"]] - started < getOption("ufostore.progress_after", 1)) return(invisible())
        shown <<- if (shows_bars()) progress_bar(total) else progress_lines(total, started)
      }
      shown$show(done)
    },
    close = function() {
      progress_state$busy <- FALSE
      if (!is.null(shown)) shown$close()
    }
  )
}

progress_state <- new.env(parent = emptyenv())

# Not where standard error goes to a file, by the shell or by sink().
shows_bars <- function() sink.number("message") == 2 && (interactive() || isatty(stderr()))

progress_bar <- function(total) {
  bar <- txtProgressBar(0, total, style = 3, file = stderr())
  list(show = function(done) setTxtProgressBar(bar, done), close = function() close(bar))
}

progress_lines <- function(total, started) {
  tenths <- 0
  list(
    show = function(done) {
      reached <- floor(10 * done / total)
      if (reached <= tenths) return(invisible())
      tenths <<- reached
      cat("ufostore: ", 10 * reached, "% after ", round(proc.time()[["elapsed"]] - started), " s\n", sep = "", file = stderr())
    },
    close = function() NULL
  )
}

# How C code shows it: 0 not at all, 1 in one place of the screen, 2 in lines.
progress_form <- function(progress) if (!isTRUE(progress)) 0L else if (shows_bars()) 1L else 2L
