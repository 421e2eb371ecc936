# reopen.R - a new process: compares what was stored, sums the large vector, changes a thousand elements of it.
source(file.path(Sys.getenv("DEMO_SCRIPTS"), "common.R"))
opened <- seconds({ s <- ufo_open(store_path); x <- s$readings })
say("opened the store and `readings` in %.4f s", opened)

sets <- ls("package:datasets")
same <- vapply(sets, function(name) identical(s[[name]], get(name, "package:datasets")), NA)
check(all(same), "all %d data sets of R are identical() to the originals", sum(same))
check(is.character(s$words) && length(s$words) > 0, "the words are there: %s ...", paste(head(s$words, 5), collapse = " "))

then <- recall()
took <- seconds(total <- sum(x))
check(identical(total, then$total), "sum(readings) is %s, exactly as generated: %.1f s, %.2f GiB/s", big(total), took,
      elements * 8 / 2^30 / took)

set.seed(7)
where <- sort(sample(elements, 1000))
before <- x[where]
version <- ufo_info(s, "readings")$version
took <- seconds({
  x[where] <- -273
  ufo_transaction(s, s$readings <- x)
})
info <- ufo_info(s, "readings")
say("x[where] <- -273 for 1000 scattered elements, and one transaction: %.2f s, %s of %s chunks rewritten", took,
    big(info$chunks_changed), big(info$chunks))
check(info$version == version + 1, "`readings` is now version %s", info$version)
check(identical(s$readings[where], rep(-273, 1000)), "the thousand elements are stored")

# y is a copy: it costs what differs, not 4 GiB, and the stored vector never sees it.
took <- seconds({ y <- s$readings; y[1] <- 1e6 })
check(!identical(s$readings[1], 1e6), "y <- s$readings; y[1] <- 1e6 took %.4f s and left the store alone", took)

remember(total = total - sum(before) - 273 * 1000)
ufo_close(s)
