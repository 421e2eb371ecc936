# Covariances and correlations of any number of columns, in one pass. For each pair of columns there are the number of rows,
# the means, and the sums of squares and of products of what differs from the means; those of a piece are added to those of
# the pieces before with the right change of the means (Chan, Golub and LeVeque 1983), so that nothing is lost where the
# means are large.

uses <- c("everything", "all.obs", "complete.obs", "na.or.complete", "pairwise.complete.obs")

ufo_cov <- function(x, y = NULL, use = "everything", method = "pearson") second_moments(x, y, use, method, "ufo_cov()", FALSE)
ufo_cor <- function(x, y = NULL, use = "everything", method = c("pearson", "spearman")) {
  method <- check_choice(method, c("pearson", "spearman"), "The method")
  second_moments(x, y, use, method, "ufo_cor()", TRUE)
}

second_moments <- function(x, y, use, method, what, is_cor) {
  if (identical(method, "spearman")) {
    if (use != "everything") raise_unsupported(what, " of ranks takes no other `use` than \"everything\": leave out missing values first")
    rank_of <- function(column) ufo_rank(column, na.last = "keep")
    x <- if (is.list(x)) map_columns(ufo_lazy(x), rank_of) else rank_of(x)
    if (!is.null(y)) y <- if (is.list(y)) map_columns(ufo_lazy(y), rank_of) else rank_of(y)
  } else if (!identical(method, "pearson")) {
    raise_unsupported(what, " has no method ", deparse_short(method))
  }
  use <- uses[pmatch(use, uses, nomatch = 0)]
  if (length(use) != 1) stop("invalid 'use' argument", call. = FALSE)
  columns <- c(number_columns(x, what), if (!is.null(y)) number_columns(y, what))
  if (is.null(y) && !is.list(x)) stop("supply both 'x' and 'y' or a matrix-like 'x'", call. = FALSE)
  n <- unique(vapply(columns, length, 0))
  if (length(n) != 1) stop("incompatible dimensions", call. = FALSE)
  if (n == 0 && use %in% c("all.obs", "pairwise.complete.obs")) stop("'x' is empty", call. = FALSE)
  moments <- moments_of(columns, n, use)
  values <- if (is_cor) correlations(moments) else moments$products / (moments$rows - 1)
  enough <- moments$rows >= (if (use == "everything") max(2, n) else 2)
  values[!enough] <- NA
  constant <- enough & (moments$squares <= 0 | t(moments$squares) <= 0)
  # Base R does not look at a column beside itself.
  if (is.null(y) && use != "pairwise.complete.obs") diag(constant) <- FALSE
  in_x <- seq_len(if (is.list(x)) length(unclass(x)) else 1)
  in_y <- if (is.null(y)) in_x else setdiff(seq_along(columns), in_x)
  if (is_cor && is.null(y) && use != "pairwise.complete.obs" && (if (use == "everything") n else moments$rows[[1]]) > 1) diag(values) <- 1
  if (is_cor && any(constant[in_x, in_y], na.rm = TRUE)) warning("the standard deviation is zero", call. = FALSE)
  if (!is.list(x) && !is.list(y)) return(values[[1, 2]])
  matrix(values[in_x, in_y], length(in_x), dimnames = list(if (is.list(x)) names(x), if (is.null(y)) names(x) else if (is.list(y)) names(y)))
}

number_columns <- function(x, what) {
  x <- ufo_lazy(x)
  columns <- if (is_lazy_frame(x)) frame_columns(x) else list(x)
  for (column in columns) {
    if (!is.null(lazy_meta(column)) || !(typeof(lazy_values(column)) %in% c("logical", "integer", "double"))) {
      raise_unsupported(what, " works on columns of numbers, not on ", lazy_type(column))
    }
  }
  columns
}

# list(rows, means, squares, products), matrices: the second index says with which other column the pair is. What is
# missing does not count.
moments_of <- function(columns, n, use) {
  p <- length(columns)
  zeros <- matrix(0, p, p)
  all <- list(rows = zeros, means = zeros, squares = zeros, products = zeros)
  # Means are kept as differences from a first one, in which they have more digits.
  origin <- rep(NA_real_, p)
  each_piece(n, function(first, count) {
    piece <- vapply(columns, function(column) as.double(lazy_piece(column, first, count)), numeric(count))
    dim(piece) <- c(count, p)
    there <- !is.na(piece)
    if (!all(there)) {
      if (use == "all.obs") stop("missing observations in cov/cor", call. = FALSE)
      if (use %in% c("complete.obs", "na.or.complete")) {
        complete <- rowSums(there) == p
        piece <- piece[complete, , drop = FALSE]
        there <- there[complete, , drop = FALSE]
      }
    }
    if (nrow(piece) == 0) return()
    means <- colMeans(piece, na.rm = TRUE)
    origin[is.na(origin)] <<- means[is.na(origin)]
    shifted <- is.finite(origin)
    piece[, shifted] <- sweep(piece[, shifted, drop = FALSE], 2, origin[shifted])
    all <<- add_moments(all, moments_of_piece(piece, there))
  }, size = max(1, (4 * piece_elements()) %/% max(4, p)))
  if (use == "complete.obs" && any(all$rows == 0)) stop("no complete element pairs", call. = FALSE)
  all
}

moments_of_piece <- function(piece, there) {
  about <- colSums(replace(piece, !there, 0)) / pmax(1, colSums(there))
  piece <- sweep(piece, 2, about)
  if (all(there)) {
    rows <- matrix(nrow(piece), ncol(piece), ncol(piece))
    off <- matrix(colMeans(piece), ncol(piece), ncol(piece))
    products <- crossprod(piece)
    squares <- matrix(diag(products), ncol(piece), ncol(piece))
  } else {
    piece[!there] <- 0
    there <- there + 0
    rows <- crossprod(there)
    off <- crossprod(piece, there) / pmax(1, rows)
    products <- crossprod(piece)
    squares <- crossprod(piece^2, there)
  }
  list(rows = rows, means = about + off, squares = squares - rows * off^2, products = products - rows * off * t(off))
}

add_moments <- function(a, b) {
  rows <- a$rows + b$rows
  apart <- b$means - a$means
  apart[a$rows == 0 | b$rows == 0] <- 0
  share <- ifelse(rows > 0, b$rows / pmax(1, rows), 0)
  both <- a$rows * share
  list(
    rows = rows, means = ifelse(a$rows == 0, b$means, a$means + apart * share), squares = a$squares + b$squares + both * apart^2,
    products = a$products + b$products + both * apart * t(apart)
  )
}

correlations <- function(moments) {
  deviation <- sqrt(pmax(moments$squares, 0))
  deviations <- deviation * t(deviation)
  values <- moments$products / deviations
  values[] <- pmax(-1, pmin(1, values))
  values[deviations == 0] <- NA
  values
}
