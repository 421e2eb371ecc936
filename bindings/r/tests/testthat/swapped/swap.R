# swap.R - vectors of a running script replaced by stored ones, and what a script does written down.
#
# A vector is put into a store and taken back, so what the script goes on with is a view. It is the same value to R,
# hence whatever the script prints, warns about, returns or leaves behind must be the same as without.

atomic_types <- c("logical", "integer", "double", "complex", "character", "raw")

# new_swapper(FORM): a function that gives an object with all its plain vectors replaced, and, as its attribute "count",
# one that says how many were. The forms:
#   none     nothing is replaced
#   view     as got from the store
#   chunks   the same, of the smallest chunks
#   edited   what was stored had another first element, which was then assigned in the view
#   plain    ordinary vectors before the memory of a view
#   each     all of them in turn
new_swapper <- function(form) {
  # Taken apart and put together again they are all the same, so that what only this does is no difference.
  if (form == "none") return(structure(walker(identity, function(x) FALSE), count = function() 0))
  path <- tempfile("swapped-", tmpdir = Sys.getenv("UFO_SWAP_SCRATCH", tempdir()), fileext = ".ufo")
  store <- ufostore::ufo_open(path, mode = "create")
  reg.finalizer(environment(), function(e) unlink(path), onexit = TRUE)
  made <- 0
  # Fewer plain ones, because whether a vector is one of them takes long to say where there are very many.
  turn <- c(rep(c("view", "edited", "chunks"), 4), if (getRversion() < "4.5") "plain")

  stored <- function(x) {
    how <- if (form == "each") turn[made %% length(turn) + 1] else form
    # Names come round again, so a view's object is often replaced while the view is in use.
    name <- paste0("x", made %% 500)
    first <- NULL
    if (how == "edited" && length(x) > 0) {
      first <- .subset(x, 1L)
      x <- set_first(x, other_value(first))
    }
    ufostore::ufo_put(store, name, x, chunk = if (how == "chunks") "4KB", conflict = "replace")
    y <- ufostore::ufo_get(store, name, form = if (how == "plain" && !is.character(x)) "plain" else "altrep")
    if (!is.null(first)) y <- set_first(y, first)
    made <<- made + 1
    y
  }

  structure(walker(stored, ufostore::is_ufo), count = function() made)
}

# Of a list at most `most` vectors are replaced: some hold a whole manual.
walker <- function(stored, is_stored, most = 2000) {
  left <- most
  swap <- function(x, depth = 0) {
    if (depth == 0) left <<- most
    if (typeof(x) %in% atomic_types) {
      # Compact sequences take up no memory, and may be of any length.
      if (left <= 0 || is_stored(x) || length(unclass(x)) > 5e5) return(x)
      left <<- left - 1
      if (all_data(unname(attributes(x)))) return(stored(x))
      y <- stored(as.vector(unclass(x)))
      attributes(y) <- attributes(x)
      return(if (isS4(x)) asS4(y) else y)
    }
    if (typeof(x) != "list" || isS4(x) || depth > 4 || left <= 0 || inherits(x, "srcref")) return(x)
    y <- lapply(unclass(x), swap, depth + 1)
    attributes(y) <- attributes(x)
    y
  }
}

# Sets the first element and leaves all attributes.
set_first <- function(x, value) {
  kept <- attributes(x)
  is_s4 <- isS4(x)
  x <- unclass(x)
  x[[1L]] <- value
  attributes(x) <- kept
  if (is_s4) asS4(x) else x
}

other_value <- function(x) {
  switch(typeof(x), logical = !isTRUE(x), raw = xor(x, as.raw(1)), character = if (is.na(x)) "?" else NA_character_,
         as.vector(if (is.na(x)) 1 else NA, typeof(x)))
}

# Is this what a store can give back as it was? Environments would come back as others.
all_data <- function(x) {
  if (isS4(x) || !(is.null(x) || typeof(x) %in% c(atomic_types, "list"))) return(FALSE)
  inside <- attributes(x)
  names(inside) <- NULL
  (typeof(x) != "list" || all(vapply(unclass(x), all_data, NA))) && (is.null(inside) || all(vapply(inside, all_data, NA)))
}

# An expression with its constants replaced. Formal arguments of functions stay as they are.
swap_constants <- function(code, swap) {
  if (typeof(code) %in% atomic_types) return(swap(code))
  if (!is.call(code)) return(code)
  parts <- if (identical(code[[1L]], quote(`function`))) 3L else seq_along(code)
  for (i in parts) {
    if (!is.null(code[[i]]) && !identical(code[[i]], quote(expr = ))) code[[i]] <- swap_constants(code[[i]], swap)
  }
  code
}

# Functions that make vectors, whose results are replaced, too, wherever a script calls them.
makers <- list(
  base = c(
    "c", ":", "seq", "seq.int", "seq_len", "seq_along", "rep", "rep.int", "rep_len", "numeric", "double", "integer",
    "logical", "character", "complex", "raw", "as.numeric", "as.double", "as.integer", "as.logical", "as.character",
    "as.complex", "as.raw", "as.vector", "matrix", "array", "factor", "as.factor", "data.frame", "as.data.frame", "as.matrix",
    "cbind", "rbind", "list", "sample", "sample.int", "rev", "sort", "order", "unlist", "paste", "paste0", "sapply",
    "vapply", "lapply", "outer", "diag", "t", "nchar", "substr", "sub", "gsub", "strsplit", "toupper", "tolower", "cut",
    "as.Date", "as.POSIXct", "is.na", "which", "cumsum", "table", "round", "exp", "log", "sqrt", "abs", "unique", "names",
    "structure", "expand.grid", "merge", "apply", "tapply", "split", "crossprod", "solve", "+", "-", "*", "/", "^", "==",
    "<", ">", "<=", ">=", "!=", "&", "|", "!", "%in%", "%%", "%/%", "%*%"
  ),
  stats = c(
    "rnorm", "runif", "rexp", "rpois", "rbinom", "rgamma", "rbeta", "rt", "rchisq", "rweibull", "ts", "aggregate",
    "model.matrix", "dist", "fitted", "resid", "residuals", "coef", "predict", "quantile", "na.omit"
  ),
  utils = c("read.table", "read.csv", "head", "tail", "stack", "type.convert")
)

# Replaces at most `most` results between two calls of restart().
make_masks <- function(swap, most = 500) {
  masks <- new.env()
  home <- new.env(parent = asNamespace("methods"))
  left <- most
  home$swapped <- function(x) {
    if (left <= 0) return(x)
    # What putting and getting a vector calls may be masked, too.
    before <- left
    left <<- 0
    on.exit(left <<- before - 1)
    swap(x)
  }
  for (package in names(makers)) for (name in makers[[package]]) {
    original <- call("::", as.name(package), as.name(name))
    masks[[name]] <- eval(bquote(function(...) swapped(.(original)(...))), home)
  }
  list(masks = masks, restart = function() left <<- most)
}

# Functions that were replaced, because compiled code of a package may hold them without protection.
replaced <- list()

# Makes the functions of a package use the masks. Where they are kept in several places they are changed in each.
mask_inside <- function(package, masks) {
  space <- asNamespace(package)
  within <- list2env(as.list(masks), parent = space)
  places <- list(space, as.environment(paste0("package:", package)), space$.__S3MethodsTable__.,
                 get(".__S3MethodsTable__.", baseenv()))
  for (place in places) for (name in ls(place, all.names = TRUE)) {
    f <- place[[name]]
    if (typeof(f) != "closure" || !identical(environment(f), space) || calls_by_name(body(f))) next
    replaced[[length(replaced) + 1]] <<- f
    # Made anew, because compiled code has the functions of base R built in.
    f <- replace_closure(f, within)
    if (locked <- bindingIsLocked(name, place)) unlockBinding(name, place)
    assign(name, f, place)
    if (locked) lockBinding(name, place)
  }
}

replace_closure <- function(f, env) {
  made <- as.function.default(c(formals(f), list(body(f))), env)
  attributes(made) <- attributes(f)
  if (isS4(f)) asS4(made) else made
}

# Does code call compiled code by a name? R would not find it without the namespace.
calls_by_name <- function(code) {
  if (!is.call(code) || !any(c(".Call", ".External", ".External2", ".C", ".Fortran") %in% all.names(code))) return(FALSE)
  if (is.symbol(code[[1L]]) && as.character(code[[1L]]) %in% c(".Call", ".External", ".External2", ".C", ".Fortran") &&
    length(code) > 1L && is.character(code[[2L]])) return(TRUE)
  for (part in as.list(code)) if (!missing(part) && calls_by_name(part)) return(TRUE)
  FALSE
}
