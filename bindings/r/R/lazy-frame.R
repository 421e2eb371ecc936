# Lazy data frames: tables whose columns, and results of whose rows, may be larger than memory.
#
# A lazy data frame is a list of lazy vectors of one length with the names of the columns, of class "ufo_lazy_frame". Its
# attributes are "rows", the number of rows, and "frame_class", the class of the data frame it stands for. It is no data
# frame to base R, for the reason for which a lazy vector is no vector (lazy.R); but it is a list, so that x$column,
# names(x), with() and sapply(x, mean) are base R's own.

frame_classes <- list("data.frame", c("tbl_df", "tbl", "data.frame"), c("data.table", "data.frame"))
frame_attributes <- c("names", "row.names", "class", ".internal.selfref")

frame_not_lazy_because <- function(x) {
  if (!(list(class(x)) %in% frame_classes)) return(paste0("it is of class ", deparse_short(class(x))))
  other <- setdiff(names(attributes(x)), frame_attributes)
  if (length(other) > 0) return(paste0("it has the attribute \"", other[[1]], "\""))
  if (is.character(attr(x, "row.names"))) {
    return("it has row names; `x <- cbind(name = rownames(x), x); rownames(x) <- NULL` makes them a column")
  }
  for (i in seq_along(x)) {
    column <- .subset2(x, i)
    problem <- if (is.data.frame(column)) "it is a data frame" else if (!is_lazy(column)) not_lazy_because(column)
    if (!is.null(problem)) return(paste0("of its column '", names(x)[[i]], "', ", problem, "; x[c(...)] takes only some columns"))
  }
  NULL
}

# Of a data frame that is fit for it. A data.table becomes an ordinary data frame: its marks are for data in memory.
lazy_frame_of <- function(x) {
  new_lazy_frame(
    lapply(seq_along(x), function(i) ufo_lazy(.subset2(x, i))), names(x), .row_names_info(x, 2L), frame_class_of(x)
  )
}

frame_class_of <- function(x) if (inherits(x, "tbl_df")) frame_classes[[2]] else "data.frame"

new_lazy_frame <- function(columns, names, rows, frame_class = "data.frame") {
  structure(unname(columns), names = as.character(names), rows = as.double(rows), frame_class = frame_class, class = "ufo_lazy_frame")
}

is_lazy_frame <- function(x) inherits(x, "ufo_lazy_frame")
frame_rows <- function(x) attr(x, "rows")
frame_columns <- function(x) lapply(seq_along(unclass(x)), function(i) .subset2(x, i))

# The same rows or others, of columns made by `compute` of each.
map_columns <- function(x, compute, rows = frame_rows(x)) {
  new_lazy_frame(lapply(frame_columns(x), compute), names(x), rows, attr(x, "frame_class"))
}

# An ordinary data frame of ordinary or stored columns.
make_data_frame <- function(columns, names, rows, class = "data.frame") {
  structure(unname(columns), names = names, row.names = .set_row_names(rows), class = class)
}

unlazy_frame <- function(x) {
  if (frame_rows(x) > .Machine$integer.max) {
    raise_unsupported("A data frame has up to 2,147,483,647 rows, and these are ", format_count(frame_rows(x)))
  }
  make_data_frame(lapply(frame_columns(x), ufo_unlazy), names(x), frame_rows(x), attr(x, "frame_class"))
}

# Rows first + 1 ... first + count, as a data frame in memory.
frame_piece <- function(x, first, count) {
  make_data_frame(
    lapply(frame_columns(x), lazy_piece, first, count), names(x), count, attr(x, "frame_class")
  )
}

# ---- what base R asks of any data frame ----------------------------------------------------------------------------

dim.ufo_lazy_frame <- function(x) {
  advise()
  size <- c(frame_rows(x), length(unclass(x)))
  if (size[[1]] <= .Machine$integer.max) as.integer(size) else size
}
dimnames.ufo_lazy_frame <- function(x) list(NULL, names(x))
`dimnames<-.ufo_lazy_frame` <- function(x, value) {
  if (!is.null(value[[1]])) raise_unsupported("A lazy data frame has no row names; make them a column")
  names(x) <- value[[2]]
  x
}
as.list.ufo_lazy_frame <- function(x, ...) structure(frame_columns(x), names = names(x))
as.data.frame.ufo_lazy_frame <- function(x, ...) structure(unlazy_frame(x), class = "data.frame")

# ---- rows and columns ------------------------------------------------------------------------------------------------

`[.ufo_lazy_frame` <- function(x, i, j, drop) {
  if (nargs() - (!missing(drop)) < 3) return(if (missing(i)) x else take_columns(x, i))
  if (!missing(j)) x <- take_columns(x, j)
  if (!missing(i)) x <- take_rows(x, i)
  if (missing(drop)) drop <- length(unclass(x)) == 1 && !("tbl_df" %in% attr(x, "frame_class"))
  if (check_flag(drop, "drop") && length(unclass(x)) == 1) .subset2(x, 1) else x
}

take_columns <- function(x, j) {
  if (is_lazy(j) || is_lazy_frame(j) || is.list(j) || is.matrix(j)) {
    raise_unsupported("Columns of a lazy data frame are chosen by names or numbers; rows by x[rows, ]")
  }
  at <- structure(seq_along(unclass(x)), names = names(x))[j]
  if (anyNA(at)) stop("undefined columns selected", call. = FALSE)
  new_lazy_frame(frame_columns(x)[at], make.unique(names(x)[at]), frame_rows(x), attr(x, "frame_class"))
}

take_rows <- function(x, i) {
  if (is.character(i)) raise_unsupported("A lazy data frame has no row names; choose rows by numbers or a condition")
  if (is_lazy_frame(i) || is.list(i) || is.matrix(i)) raise_unsupported("Rows of a lazy data frame are chosen by a vector")
  if (!is_lazy(i) && length(i) > piece_elements() && is.null(not_lazy_because(i))) i <- ufo_lazy(i)
  # One column of nothing to count with.
  if (length(unclass(x)) == 0) return(map_columns(x, identity, length(take(positions_of(frame_rows(x)), i))))
  columns <- lapply(frame_columns(x), take, i)
  new_lazy_frame(columns, names(x), length(columns[[1]]), attr(x, "frame_class"))
}

`[[.ufo_lazy_frame` <- function(x, ..., exact = TRUE) {
  at <- list(...)
  if (length(at) == 2) return(.subset2(x, at[[2]], exact = exact)[[at[[1]]]])
  .subset2(x, ..., exact = exact)
}

slice_frame <- function(x, first, count) map_columns(x, function(column) slice(column, first, count), count)

head.ufo_lazy_frame <- function(x, n = 6L, ...) slice_frame(x, 0, count_at_end(n, frame_rows(x)))

tail.ufo_lazy_frame <- function(x, n = 6L, ...) {
  count <- count_at_end(n, frame_rows(x))
  slice_frame(x, frame_rows(x) - count, count)
}

# ---- assigning -------------------------------------------------------------------------------------------------------

# A value as a column of `rows` elements, recycled as data frames do it.
as_column <- function(value, rows) {
  value <- ufo_lazy(value)
  n <- length(value)
  if (n == rows) return(value)
  if (n == 0 || n > rows || rows %% n != 0) {
    raise_usage(
      "A column of a lazy data frame of ", format_count(rows), " rows cannot be made of ", format_count(n), " elements"
    )
  }
  build_lazy(rows, operand_reader(value, expand = TRUE))
}

`[[<-.ufo_lazy_frame` <- function(x, i, ..., value) {
  if (nargs() > 3) raise_unsupported("x[[i, j]] <- value does not work on a lazy data frame; use x[i, j] <- value")
  rows <- frame_rows(x)
  if (!is.null(value)) value <- as_column(value, rows)
  columns <- as.list(x)
  columns[[i]] <- value
  names <- names(columns)
  names[names == ""] <- paste0("V", seq_along(names))[names == ""]
  new_lazy_frame(columns, names, rows, attr(x, "frame_class"))
}
`$<-.ufo_lazy_frame` <- function(x, name, value) `[[<-.ufo_lazy_frame`(x, name, value = value)

`[<-.ufo_lazy_frame` <- function(x, i, j, value) {
  if (nargs() < 4) {
    if (missing(i)) columns <- names(x)
    else if (is_lazy(i) || is_lazy_frame(i) || is.matrix(i)) {
      raise_unsupported("x[condition] <- value does not work on a lazy data frame; use x[rows, columns] <- value")
    } else columns <- i
    all_rows <- TRUE
  } else {
    columns <- if (missing(j)) names(x) else j
    all_rows <- missing(i)
    if (!all_rows && anyNA(i)) stop("missing values are not allowed in subscripted assignments of data frames", call. = FALSE)
  }
  if (!is.character(columns)) columns <- names(take_columns(x, columns))
  values <- if (is.list(value)) as.list(value) else list(value)
  if (length(values) != 1 && length(values) != length(columns)) {
    raise_usage(format_count(length(values)), " columns cannot be assigned to ", format_count(length(columns)))
  }
  if (!is.list(value) && length(columns) > 1 && length(value) > 1) {
    raise_unsupported("One vector is not spread over several columns of a lazy data frame; assign a list of columns")
  }
  for (k in seq_along(columns)) {
    new <- values[[if (length(values) == 1) 1 else k]]
    if (all_rows) {
      x[[columns[[k]]]] <- new
      next
    }
    column <- .subset2(x, columns[[k]])
    if (is.null(column)) raise_unsupported("There is no column '", columns[[k]], "' to assign into; make it by x$", columns[[k]], " <- value")
    column[i] <- new
    if (length(column) != frame_rows(x)) raise_unsupported("Assigning behind the last row of a lazy data frame does not work; use rbind()")
    x[[columns[[k]]]] <- column
  }
  x
}

# ---- by conditions and expressions -----------------------------------------------------------------------------------

subset.ufo_lazy_frame <- function(x, subset, select, drop = FALSE, ...) {
  rows <- if (missing(subset)) NULL else eval(substitute(subset), as.list(x), lazy_scope(parent.frame()))
  if (!is.null(rows) && !(is.logical(rows) || (is_lazy(rows) && typeof(lazy_values(rows)) == "logical"))) {
    stop("'subset' must be logical", call. = FALSE)
  }
  if (!missing(select)) {
    numbers <- as.list(structure(seq_along(unclass(x)), names = names(x)))
    x <- take_columns(x, eval(substitute(select), numbers, parent.frame()))
  }
  if (!is.null(rows)) x <- take_rows(x, rows & !is.na(rows))
  if (drop && length(unclass(x)) == 1) .subset2(x, 1) else x
}

transform.ufo_lazy_frame <- function(`_data`, ...) {
  values <- eval(substitute(list(...)), as.list(`_data`), lazy_scope(parent.frame()))
  for (name in names(values)) `_data`[[name]] <- values[[name]]
  # Here, in cbind() and in merge(), base R makes a data frame of a tibble.
  if (length(values) > 0) attr(`_data`, "frame_class") <- "data.frame"
  `_data`
}

with.ufo_lazy_frame <- function(data, expr, ...) eval(substitute(expr), as.list(data), lazy_scope(parent.frame()))

within.ufo_lazy_frame <- function(data, expr, ...) {
  frame <- evalq(environment(), as.list(data), lazy_scope(parent.frame()))
  eval(substitute(expr), frame)
  # In this order, what was made last comes first, as in within() of data frames.
  left <- Filter(Negate(is.null), as.list(frame, all.names = TRUE))
  for (name in names(left)) data[[name]] <- left[[name]]
  for (name in setdiff(names(data), names(left))) data[[name]] <- NULL
  data
}

anyNA.ufo_lazy_frame <- function(x, recursive = FALSE) any(vapply(frame_columns(x), anyNA, NA))

droplevels.ufo_lazy_frame <- function(x, ...) map_columns(x, function(column) if (is_lazy_factor(column)) droplevels(column, ...) else column)

na.omit.ufo_lazy_frame <- function(object, ...) {
  there <- lapply(Filter(anyNA, frame_columns(object)), function(column) !is.na(column))
  if (length(there) == 0) object else take_rows(object, Reduce(`&`, there))
}

# ---- put together ----------------------------------------------------------------------------------------------------

rbind.ufo_lazy_frame <- function(...) {
  parts <- lapply(Filter(Negate(is.null), unname(list(...))), ufo_lazy)
  names <- names(parts[[1]])
  for (part in parts) {
    if (!is_lazy_frame(part)) raise_usage("rbind() of lazy data frames takes data frames")
    if (!setequal(names(part), names) || length(names(part)) != length(names)) {
      raise_usage("rbind() of lazy data frames takes tables with the same columns: ", toString(names))
    }
  }
  columns <- lapply(names, function(name) do.call(c, lapply(parts, function(part) .subset2(part, name))))
  new_lazy_frame(columns, names, sum(vapply(parts, frame_rows, 0)), attr(parts[[1]], "frame_class"))
}

cbind.ufo_lazy_frame <- function(..., deparse.level = 1) {
  parts <- list(...)
  first <- Find(is_lazy_frame, parts)
  all <- new_lazy_frame(list(), character(), frame_rows(first))
  for (k in seq_along(parts)) {
    part <- parts[[k]]
    if (is.data.frame(part)) part <- ufo_lazy(part)
    if (is_lazy_frame(part)) {
      if (frame_rows(part) != frame_rows(all)) raise_usage("cbind() of lazy data frames takes tables of as many rows each")
      for (name in names(part)) all <- add_column(all, name, .subset2(part, name))
    } else {
      name <- names(parts)[k]
      if (is.null(name) || name == "") raise_usage("cbind() of lazy data frames takes names for vectors: cbind(x, name = vector)")
      all <- add_column(all, name, part)
    }
  }
  all
}

# A new column, also where there is one of that name, as cbind() has it.
add_column <- function(x, name, value) {
  new_lazy_frame(
    c(frame_columns(x), list(as_column(value, frame_rows(x)))), c(names(x), name), frame_rows(x), attr(x, "frame_class")
  )
}

# ---- showing it ------------------------------------------------------------------------------------------------------

frame_title <- function(x) {
  columns <- length(unclass(x))
  paste0(
    format_count(frame_rows(x)), if (frame_rows(x) == 1) " row of " else " rows of ", columns,
    if (columns == 1) " column" else " columns"
  )
}

print.ufo_lazy_frame <- function(x, n = 10L, ...) {
  n <- min(check_count(n, "The number of rows to show"), frame_rows(x))
  cat("<ufo_lazy_frame> ", frame_title(x), "\n", sep = "")
  if (length(unclass(x)) > 0) {
    shown <- frame_piece(x, 0, n)
    class(shown) <- "data.frame"
    print(shown, ...)
  }
  if (n > 0 && n < frame_rows(x)) {
    cat("... and ", format_count(frame_rows(x) - n), " more rows: ufo_materialize() gives them all\n", sep = "")
  }
  invisible(x)
}

str.ufo_lazy_frame <- function(object, ...) {
  cat("<ufo_lazy_frame> ", frame_title(object), "\n", sep = "")
  titles <- format(names(object))
  for (k in seq_along(titles)) {
    cat(" $ ", titles[[k]], ":", sep = "")
    str(.subset2(object, k), ...)
  }
  invisible()
}

# The table that summary() of a data frame is, from the summaries of lazy vectors.
summary.ufo_lazy_frame <- function(object, ...) summary.data.frame(object, ...)

# ---- what is refused -------------------------------------------------------------------------------------------------

refuse_frame <- function(what, instead) refuse(what, instead, "a lazy data frame")

Ops.ufo_lazy_frame <- function(e1, e2) {
  raise_unsupported(.Generic, " does not work on a lazy data frame; use it on its columns: x$name")
}
Math.ufo_lazy_frame <- function(x, ...) raise_unsupported(.Generic, "() does not work on a lazy data frame; use it on its columns: x$name")
Summary.ufo_lazy_frame <- function(..., na.rm = FALSE) {
  raise_unsupported(.Generic, "() does not work on a lazy data frame; use it on its columns: sapply(x, ", .Generic, ")")
}
as.matrix.ufo_lazy_frame <- refuse_frame("as.matrix()", "as.matrix(ufo_unlazy(x)) makes one in memory")
is.na.ufo_lazy_frame <- refuse_frame(
  "is.na()", "use it on the columns: is.na(x$name); ufo_complete_cases(x) tells of rows, sapply(x, anyNA) of columns"
)
mean.ufo_lazy_frame <- refuse_frame("mean()", "use sapply(x, mean)")
sort.ufo_lazy_frame <- refuse_frame("sort()", "use x[ufo_order(x[c(\"first\", \"second\")]), ]")
xtfrm.ufo_lazy_frame <- refuse_frame("order()", "use ufo_order()")
rev.ufo_lazy_frame <- refuse_frame("rev()", "use x[seq(nrow(x), 1), ]")
t.ufo_lazy_frame <- refuse_frame("t()", "t(ufo_unlazy(x)) makes a matrix in memory")
`dim<-.ufo_lazy_frame` <- function(x, value) raise_unsupported("dim<- does not work on a lazy data frame")
`length<-.ufo_lazy_frame` <- function(x, value) raise_unsupported("length<- does not work on a lazy data frame; use x[1:n] or head(x, n)")
