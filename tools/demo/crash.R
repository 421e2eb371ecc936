# crash.R - commits five times, then waits in the middle of a sixth transaction, changed chunks staged, to be killed.
source(file.path(Sys.getenv("DEMO_SCRIPTS"), "common.R"))
progress <- Sys.getenv("DEMO_PROGRESS")
s <- ufo_open(store_path)
for (k in 1:5) {
  ufo_transaction(s, {
    s$counter <- k
    s$squares <- (1:(1000 * k))^2
  })
  cat("committed", k, "\n", file = progress, append = TRUE)
}
ufo_begin(s)
s$counter <- 6
x <- s$readings
for (first in seq(1, elements / 8, by = 2^18)) x[first:(first + 2^18 - 1)] <- 0
s$readings <- x
s$words <- NULL
cat("in the middle\n", file = progress, append = TRUE)
Sys.sleep(600)
