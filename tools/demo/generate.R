# generate.R - writes a vector of 4 GiB through an ordinary R variable, with a budget of 256 MiB.
#
# Readings of a thermometer in sixteenths of a degree: a slow wave and noise. Sixteenths are exact in binary, so that
# sums are exact in any order, and the processes that follow can compare them with identical().
source(file.path(Sys.getenv("DEMO_SCRIPTS"), "common.R"))
s <- ufo_open(store_path)

made <- seconds(ufo_create(s, "readings", "double", length = elements))
say("created `readings`, %s zeros (%.0f GiB), in %.4f s", big(elements), elements * 8 / 2^30, made)

piece <- 2^18
set.seed(20)
noise <- sample.int(16L, piece, replace = TRUE)
total <- 0
took <- seconds(ufo_transaction(s, {
  x <- s$readings
  for (first in seq(0, elements - 1, by = piece)) {
    n <- min(piece, elements - first)
    values <- (trunc(160 * sin((first + seq_len(n)) * 1e-6)) + noise[seq_len(n)]) / 16
    total <- total + sum(values)
    x[first + seq_len(n)] <- values
  }
  s$readings <- x
}))
info <- ufo_info(s, "readings")
say("filled it through x[i] <- value and committed: %.1f s, %.2f GiB/s, %.2f GiB stored (%.1f to 1)", took,
    elements * 8 / 2^30 / took, info$stored_bytes / 2^30, elements * 8 / info$stored_bytes)
remember(total = total)
ufo_close(s)
