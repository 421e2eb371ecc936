# Lazy vectors where columns are expected. A data frame cannot hold one: most of base R, and of other packages, would take
# the object for something else, sooner or later. So each way into one raises an error that tells what to do.

refuse_column <- function(...) {
  raise_unsupported(
    "A lazy vector cannot be a column of a data frame; ufo_unlazy(x) gives a stored or scratch vector, which can be one,",
    " and ufo_materialize(x) one in memory"
  )
}

as.data.frame.ufo_lazy <- refuse_column

# df$x <- lazy and its like have no method for the value, but ask for its rows.
dim.ufo_lazy <- function(x) {
  if (is_called_by(column_setters, within = 5)) refuse_column()
  NULL
}
column_setters <- list(base::`$<-.data.frame`, base::`[[<-.data.frame`, base::`[<-.data.frame`)

# ---- other packages ----------------------------------------------------------------------------------------------

type_of_lazy <- function(x, ...) paste("lazy", lazy_type(x))
summary_of_lazy <- function(x, ...) paste0(type_of_lazy(x), " [", format_count(length(x)), "]")

# Methods of generic functions that are there only once their package is loaded.
.onLoad <- function(libname, pkgname) {
  late <- list(
    vctrs = list(vec_proxy = refuse_column), # asked by tibble and dplyr of every column
    ggplot2 = list(scale_type = refuse_column, fortify = refuse_column),
    pillar = list(type_sum = type_of_lazy, obj_sum = summary_of_lazy)
  )
  for (package in names(late)) {
    local({
      methods <- late[[package]]
      home <- package
      register <- function(...) {
        for (generic in names(methods)) registerS3method(generic, "ufo_lazy", methods[[generic]], envir = asNamespace(home))
      }
      if (isNamespaceLoaded(home)) register() else setHook(packageEvent(home, "onLoad"), register)
    })
  }
}
