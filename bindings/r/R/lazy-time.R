# Dates, times and durations: conversions and parts, by base R's own functions on each piece.

as.Date.ufo_lazy <- function(x, ...) {
  advise()
  check_texts_of_time(x, "as.Date()", ...)
  map_lazy(x, function(piece) as.Date(piece, ...))
}

as.POSIXct.ufo_lazy <- function(x, ...) {
  advise()
  if (is_time(x)) return(x)
  check_texts_of_time(x, "as.POSIXct()", ...)
  map_lazy(x, function(piece) as.POSIXct(piece, ...))
}

# Base R finds out the format from the first text that is not missing.
check_texts_of_time <- function(x, what, format, ...) {
  is_text <- typeof(lazy_values(x)) == "character" || is_lazy_factor(x)
  if (is_text && missing(format) && length(x) > piece_elements()) {
    raise_unsupported(what, " of a long lazy vector of texts needs to be told a `format`")
  }
}

months.ufo_lazy <- function(x, abbreviate = FALSE) map_lazy(x, function(piece) months(piece, abbreviate))
weekdays.ufo_lazy <- function(x, abbreviate = FALSE) map_lazy(x, function(piece) weekdays(piece, abbreviate))
quarters.ufo_lazy <- function(x, ...) map_lazy(x, quarters)
as.POSIXlt.ufo_lazy <- refuse("as.POSIXlt()", "use format(x, \"%H\") and its like, or ufo_map(x, function(v) as.POSIXlt(v)$hour)")
julian.ufo_lazy <- refuse("julian()", "use as.numeric(x)")

units.ufo_lazy <- function(x) lazy_meta(x)$units
`units<-.ufo_lazy` <- function(x, value) {
  if (!inherits_class(x, "difftime")) raise_unsupported("units<- works on a lazy difftime vector, not on ", lazy_type(x))
  map_lazy(x, function(piece) {
    units(piece) <- value
    piece
  })
}
