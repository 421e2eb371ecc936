# Histograms, whose counts are added up piece by piece.

hist.ufo_lazy <- function(x, breaks = "Sturges", plot = TRUE, right = TRUE, include.lowest = TRUE,
                          main = paste("Histogram of", xname), xlab = xname, ...) {
  xname <- paste(deparse(substitute(x), 500), collapse = "\n")
  if (!is.numeric(x) || !is.null(lazy_meta(x))) raise_unsupported("hist() works on numbers, not on ", lazy_type(x))
  n <- ufo_reduce(x, function(piece) sum(is.finite(piece)), `+`, 0)
  if (n == 0) raise_usage("hist() needs a finite number")
  ends <- range(x, finite = TRUE)
  if (identical(breaks, "Sturges")) breaks <- ceiling(log2(n) + 1)
  if (!is.numeric(breaks)) raise_unsupported("hist() of a lazy vector takes `breaks` that are numbers, or \"Sturges\"")
  if (length(breaks) == 1) breaks <- pretty(ends, breaks, min.n = 1)
  of_piece <- function(piece) hist(piece[is.finite(piece)], breaks, plot = FALSE, right = right, include.lowest = include.lowest)
  result <- of_piece(ends)
  counts <- ufo_reduce(x, function(piece) if (any(is.finite(piece))) as.double(of_piece(piece)$counts) else 0, `+`)
  result$counts <- as_count(counts)
  result$density <- counts / (n * diff(result$breaks))
  result$xname <- xname
  if (!plot) return(result)
  plot(result, main = main, xlab = xlab, ...)
  invisible(result)
}
