# Pictures of all elements: histograms, whose counts are added up piece by piece, and boxes, which need quantiles.

check_drawn <- function(x, what) {
  if (!is.numeric(x) || !is.null(lazy_meta(x))) raise_unsupported(what, " works on numbers, not on ", lazy_type(x))
}

hist.ufo_lazy <- function(x, breaks = "Sturges", plot = TRUE, right = TRUE, include.lowest = TRUE,
                          main = paste("Histogram of", xname), xlab = xname, ...) {
  xname <- paste(deparse(substitute(x), 500), collapse = "\n")
  check_drawn(x, "hist()")
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

# What boxplot.stats() says of each vector, as boxplot() draws it. What is beyond the whiskers is drawn point by point.
boxplot.ufo_lazy <- function(x, ..., range = 1.5, names, outline = TRUE, plot = TRUE, col = "lightgray",
                             pars = list(boxwex = 0.8, staplewex = 0.5, outwex = 0.5)) {
  arguments <- list(...)
  named <- if (is.null(base::names(arguments))) rep(FALSE, length(arguments)) else base::names(arguments) != ""
  groups <- lapply(c(list(x), unname(arguments[!named])), box_of, check_whiskers(range), outline)
  columns <- function(field) do.call(cbind, lapply(groups, `[[`, field))
  outside <- lapply(groups, `[[`, "out")
  result <- list(
    stats = columns("stats"), n = vapply(groups, `[[`, 0, "n"), conf = columns("conf"), out = unlist(outside),
    group = rep(as.numeric(seq_along(groups)), lengths(outside)),
    # As boxplot() has it: none where something else is said by name.
    names = if (!missing(names)) names else if (any(named)) character(length(groups)) else as.character(seq_along(groups))
  )
  if (!plot) return(result)
  if (is.null(pars$boxfill)) pars$boxfill <- col
  do.call(bxp, c(list(result, outline = outline, pars = pars), arguments[named]), quote = TRUE)
  invisible(result)
}

check_whiskers <- function(range) {
  if (is.numeric(range) && length(range) == 1 && !is.na(range) && range >= 0) return(range)
  raise_usage("range must be a number that is not negative, not ", deparse_short(range))
}

points_max <- 1e5
box_of <- function(x, whiskers, outline) {
  x <- ufo_lazy(x)
  check_drawn(x, "boxplot()")
  stats <- as.numeric(ufo_materialize(fivenum(x, na.rm = TRUE)))
  n <- ufo_reduce(x, function(piece) as.double(sum(!is.na(piece))), `+`, 0)
  reach <- stats[[4]] - stats[[2]]
  out <- numeric()
  if (whiskers > 0) {
    low <- stats[[2]] - whiskers * reach
    high <- stats[[4]] + whiskers * reach
    is_out <- function(piece) if (is.na(reach)) !is.na(piece) & !is.finite(piece) else !is.na(piece) & (piece < low | piece > high)
    count <- ufo_reduce(x, function(piece) as.double(sum(is_out(piece))), `+`, 0)
    if (count > 0) {
      inside <- ufo_reduce(x, function(piece) {
        piece <- piece[!is.na(piece) & !is_out(piece)]
        if (length(piece) == 0) c(Inf, -Inf) else range(piece)
      }, function(a, b) c(min(a[1], b[1]), max(a[2], b[2])))
      if (inside[[1]] <= inside[[2]]) stats[c(1, 5)] <- inside
    }
    if (count > points_max && outline) {
      raise_unsupported(format_count(count), " elements are beyond the whiskers, too many to draw or give back one by one; ",
        "outline = FALSE leaves them out")
    }
    if (outline && count > 0) out <- as.numeric(ufo_materialize(x[ufo_map(x, is_out)]))
  }
  list(stats = stats, n = n, conf = stats[[3]] + c(-1.58, 1.58) * reach / sqrt(n), out = out)
}

# ggplot2 asks by this for a data frame; its columns are as they are, stored or spilled.
fortify.ufo_lazy_frame <- function(model, data, ...) unlazy_frame(model)
