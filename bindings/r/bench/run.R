# run.R - the R cases of the benchmark, as a table: Rscript run.R [OPTIONS of `ufostore bench`]
#
# They are part of `ufostore bench`, because what they are held against is measured by the same process in turn with
# them: a scan in C, the same data. This only finds the tool (UFOSTORE_BIN, else the PATH), tells it to run these cases
# with this R and its libraries, and passes the options on.
tool <- Sys.getenv("UFOSTORE_BIN", Sys.which("ufostore"))
if (!nzchar(tool)) stop("no ufostore: set UFOSTORE_BIN to the path of the command-line tool", call. = FALSE)
Sys.setenv(R_LIBS = paste(.libPaths(), collapse = ":"), PATH = paste0(R.home("bin"), ":", Sys.getenv("PATH")))
quit(status = system2(tool, c("bench", "r-sum", "r-loop", "r-index", shQuote(commandArgs(TRUE)))))
