# Factors: made of a lazy vector, and with other levels. The work is done by base R on the levels alone.

# As factor().
ufo_factor <- function(x, levels = NULL, labels = levels, ordered = NULL) {
  x <- ufo_lazy(x)
  if (is.null(ordered)) ordered <- inherits_class(x, "ordered")
  if (is_lazy_factor(x) && is.null(levels)) {
    used <- count_groups(x, groups_of(x, "ufo_factor()")) > 0
    there <- factor(replace(each_level(x), !used, NA))
    levels <- levels(there)
    if (missing(labels)) labels <- levels
    return(recode(x, factor(there, levels, labels, ordered = ordered)))
  }
  if (is.null(levels)) {
    groups <- groups_of(x, "ufo_factor()", nan = TRUE)
    # factor() compares dates and the like as texts.
    levels <- if (is.null(lazy_meta(x))) groups$values else groups$labels
    if (missing(labels)) labels <- groups$labels
  }
  # What is missing is no level.
  if (missing(labels)) labels <- levels <- levels[is.na(match(levels, NA))]
  map_lazy(x, function(piece) factor(piece, levels, labels, ordered = ordered))
}

is_lazy_factor <- function(x) !is.null(lazy_meta(x)$levels)

# `changed` is a factor of one element for each of the levels of `x`: what it becomes.
recode <- function(x, changed) {
  codes <- as.integer(changed)
  if (identical(codes, seq_along(lazy_meta(x)$levels))) return(new_lazy(lazy_values(x), attributes(changed)))
  map_lazy(new_lazy(lazy_values(x)), function(piece) with_meta(codes[piece], attributes(changed)))
}

each_level <- function(x) with_meta(seq_along(lazy_meta(x)$levels), lazy_meta(x))

`levels<-.ufo_lazy` <- function(x, value) {
  if (!is_lazy_factor(x)) raise_unsupported("levels<- works on a lazy factor; ufo_factor() makes one")
  changed <- each_level(x)
  levels(changed) <- value
  recode(x, changed)
}

relevel.ufo_lazy <- function(x, ref, ...) {
  if (!is_lazy_factor(x)) raise_unsupported("relevel() works on a lazy factor; ufo_factor() makes one")
  recode(x, relevel(each_level(x), ref, ...))
}

droplevels.ufo_lazy <- function(x, ...) {
  if (!is_lazy_factor(x)) raise_unsupported("droplevels() works on a lazy factor; ufo_factor() makes one")
  used <- count_groups(x, groups_of(x, "droplevels()")) > 0
  recode(x, droplevels(replace(each_level(x), !used, NA), ...))
}
