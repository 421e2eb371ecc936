# Adding elements to stored vectors, and rows to stored data frames. What is stored is known by its shape (see
# src/append.h), never by its elements; what fits to it is decided here, by the rules of c(), rbind() and cbind(),
# except that nothing is ever done to what is stored already.

ufo_append <- function(store, name, values) {
  pointer <- store_pointer(store)
  path <- store_path(store)
  name <- check_name(name, path)
  check_changeable(store, paste0("append to '", name, "'"))
  where <- list(path = path, object = name, what = paste0("'", name, "'"))
  check_no_column(store, name, where)
  values <- unlazy_deeply(values)
  for (attempt in seq_len(append_attempts_max)) {
    shape <- .Call(ufor_append_shape, pointer, name)
    if (is.null(shape)) next
    parts <- append_parts(shape, values, where)
    if (length(parts) == 0 || .Call(ufor_append, pointer, name, shape$id, shape$version, parts)) {
      return(invisible(store))
    }
  }
  raise_condition(
    "conflict", paste0("Cannot append to '", name, "': others change it faster than that"), path, name,
    "Nothing was stored. Try again."
  )
}

# Another process that appends to the same object makes an attempt fail, and with it one of its own succeeds.
append_attempts_max <- 1000L

refuse_append <- function(where, ...) {
  raise_usage("Cannot append to ", where$what, ": ", ..., path = where$path, object = where$object)
}

refuse_append_unsupported <- function(where, ...) {
  raise_unsupported("Cannot append to ", where$what, ": ", ..., path = where$path, object = where$object)
}

# One column of a data frame must not get longer than the others.
check_no_column <- function(store, name, where) {
  cuts <- gregexpr("[$]|\\[\\[", name)[[1]]
  if (cuts[[1]] < 0 || name %in% names(store)) return(invisible())
  for (cut in rev(cuts[cuts > 1])) {
    parent <- substr(name, 1, cut - 1)
    info <- tryCatch(ufo_info(store, parent), ufo_missing_error = function(problem) NULL)
    if (is.null(info)) next
    if ("data.frame" %in% info$class) {
      refuse_append(
        where, "it is a column of the data frame '", parent, "', whose columns have one length; append whole rows: ",
        "ufo_append(store, \"", parent, "\", rows)"
      )
    }
    return(invisible())
  }
}

# ---- what is to be done ----------------------------------------------------------------------------------------------

# Of the elements of `values`, those that are to be written, and the attributes that change: a list of parts.
append_parts <- function(shape, values, where) {
  stored <- shape$attributes
  if (!is.null(stored$R.S4)) refuse_append_unsupported(where, "it is an S4 object")
  if (shape$type == "list" && "data.frame" %in% stored$class) return(row_parts(shape, values, where))
  parts <- list(vector_part(shape, values, where))
  Filter(has_effect, parts)
}

new_part <- function(shape, values = NULL, map = NULL, attributes = NULL) {
  list(path = shape$path, type = shape$type, values = values, map = map, attributes = attributes)
}

has_effect <- function(part) length(part$values) > 0 || length(part$attributes) > 0

vector_part <- function(shape, values, where, in_table = FALSE) {
  check_vector_type(shape, where)
  stored <- shape$attributes
  if (is.null(values)) values <- vector(shape$type, 0) # as c() takes it
  if (!is.null(stored$tsp)) {
    refuse_append(where, "it is a time series; put a longer one: ufo_put(store, name, ts(c(x, values), start, frequency))")
  }
  if ("factor" %in% stored$class) return(factor_part(shape, values, where, in_table))
  if (!is.atomic(values) && !inherits(values, "POSIXlt")) {
    refuse_append(where, "its elements are of type ", shape$type, ", and the values are a ", typeof(values))
  }
  if (shape$type == "character") values <- suit_strings(values, stored, where)
  values <- suit_class(values, stored, where)
  values <- suit_type(values, shape, where)
  if (!is.null(stored$dim)) return(matrix_part(shape, values, where))
  new_part(shape, values, attributes = longer_names(shape, attr(values, "names"), length(values), where, in_table))
}

check_vector_type <- function(shape, where, instead = "ufo_put(store, name, c(ufo_get(store, name), values))") {
  if (shape$type %in% c("logical", "integer", "double", "complex", "raw", "character")) return(invisible())
  kind <- switch(
    shape$type, serialized = shape$attributes$R.type, list = "list (of which no data frame)", shape$type
  )
  refuse_append_unsupported(
    where, "it is of type ", kind, ", to which this version of ufostore cannot append; put the whole value: ",
    instead
  )
}

# ---- types and classes -----------------------------------------------------------------------------------------------

type_ranks <- c(logical = 1, integer = 2, double = 3, complex = 4)

# Values that c() would not turn the stored elements into another type for.
suit_type <- function(values, shape, where) {
  from <- typeof(values)
  to <- shape$type
  if (from == to || (to != "raw" && isTRUE(type_ranks[from] <= type_ranks[to]))) return(values)
  if (from == "double" && to == "integer" && has_hidden_type(shape$attributes$class)) {
    whole <- is_whole(values)
    if (whole) storage.mode(values) <- "integer"
    if (whole) return(values)
  }
  hint <- if (to %in% names(type_ranks) && from %in% names(type_ranks)) {
    paste0(
      "; append as.", to, "(values), or store it anew as ", from, ": store[[name]] <- as.", from, "(store[[name]])"
    )
  }
  refuse_append(where, "it is stored as ", to, ", and the values are of type ", from, hint)
}

# Classes of which nobody sees whether their numbers are integers.
has_hidden_type <- function(class) any(c("Date", "POSIXct", "difftime") %in% class)

is_whole <- function(values) {
  numbers <- as.double(values)
  all(is.na(numbers) | (numbers == trunc(numbers) & abs(numbers) <= .Machine$integer.max))
}

# Values as numbers that mean the same as what is stored, whose attributes are `stored`.
suit_class <- function(values, stored, where) {
  class <- stored$class
  own <- attr(values, "class")
  if (is.null(class)) {
    if (is.null(own)) return(values)
    refuse_append(
      where, "it has no class, and the values are of class ", quoted(own), "; append unclass(values), or what else ",
      "their numbers are to be"
    )
  }
  is_missing <- is.null(own) && is.logical(values) && all(is.na(values))
  if ("integer64" %in% class) {
    if (is_missing) return(replace(double(length(values)), seq_along(values), -0)) # the bits of NA_integer64_
    if (!"integer64" %in% own) refuse_append(where, "it is of class \"integer64\"; append bit64::as.integer64(values)")
    return(values)
  }
  if (is_missing) return(values)
  if ("POSIXct" %in% class) {
    if (inherits(values, "POSIXlt")) values <- as.POSIXct(values)
    if (!inherits(values, "POSIXct")) refuse_append(where, "it is of class \"POSIXct\"; append as.POSIXct(values)")
    return(values)
  }
  if ("Date" %in% class) {
    if (!inherits(values, "Date")) refuse_append(where, "it is of class \"Date\"; append as.Date(values)")
    return(values)
  }
  if ("difftime" %in% class) {
    if (!inherits(values, "difftime")) {
      refuse_append(where, "it is of class \"difftime\"; append as.difftime(values, units = \"", stored$units, "\")")
    }
    if (!identical(attr(values, "units"), stored$units)) units(values) <- stored$units
    return(values)
  }
  # What other classes mean is not known: they must agree in all that is not the elements themselves.
  placed <- c("names", "dim", "dimnames")
  mine <- attributes(values)
  mine <- mine[setdiff(names(mine), placed)]
  theirs <- stored[setdiff(names(stored), placed)]
  same <- setequal(names(mine), names(theirs)) && identical(mine[names(theirs)], theirs)
  if (!same) {
    refuse_append(where, "it is of class ", quoted(class), ", and the values do not have the same class and attributes")
  }
  values
}

# As rbind() does, and c() of this R does not: a factor among strings is its labels.
suit_strings <- function(values, stored, where) {
  if (is.factor(values) && is.null(stored$class)) values <- structure(as.character(values), names = names(values))
  if (is.logical(values) && is.null(attr(values, "class")) && all(is.na(values))) storage.mode(values) <- "character"
  if (is.character(values)) return(values)
  refuse_append(where, "it is stored as character, and the values are of type ", typeof(values), "; append as.character(values)")
}

quoted <- function(strings) paste0("\"", strings, "\"", collapse = ", ")

# Codes: levels that are new come after those that are there.
factor_part <- function(shape, values, where, in_table) {
  levels <- shape$attributes$levels
  is_ordered <- "ordered" %in% shape$attributes$class
  names <- attr(values, "names")
  map <- NULL
  if (is.factor(values)) {
    theirs <- attr(values, "levels")
    new <- theirs[!(theirs %in% levels)]
    if (!identical(theirs, levels)) map <- match(theirs, c(levels, new))
    if (is_ordered && is.ordered(values) && is.unsorted(map)) {
      refuse_append(where, "its levels are ordered otherwise than those of the values")
    }
  } else if (is.character(values) || (is.logical(values) && all(is.na(values)))) {
    values <- as.character(values)
    new <- unique(values[!(values %in% levels) & !is.na(values)])
    values <- match(values, c(levels, new))
  } else {
    refuse_append(where, "it is a factor; append a factor or strings")
  }
  if (is_ordered && length(new) > 0) {
    refuse_append(
      where, "it is an ordered factor, which ", quoted(new), " would be new in, and nobody knows where; put it with ",
      "these levels first"
    )
  }
  attributes <- longer_names(shape, names, length(values), where, in_table)
  if (length(new) > 0) attributes <- c(attributes, list(levels = c(levels, new)))
  new_part(shape, values, map, attributes)
}

# ---- names and dimensions --------------------------------------------------------------------------------------------

# The names attribute after `count` more elements, as list(names =), or NULL if it stays.
longer_names <- function(shape, names, count, where, in_table) {
  stored <- shape$attributes$names
  if (count == 0 || (is.null(stored) && is.null(names))) return(NULL)
  if (!is.null(stored)) return(list(names = c(stored, if (is.null(names)) character(count) else names)))
  if (in_table) return(NULL)
  if (shape$length == 0) return(list(names = names))
  refuse_append(
    where, "it has no names, and the values have; append unname(values), or give names to what is stored first: ",
    "names(store$x) <- ..."
  )
}

# Columns, as cbind() would add them.
matrix_part <- function(shape, values, where) {
  stored <- shape$attributes
  dim <- stored$dim
  if (length(dim) != 2) {
    refuse_append(where, "it is an array of ", length(dim), " dimensions; to a matrix columns can be appended")
  }
  own <- dim(values)
  if (is.null(own)) own <- c(length(values), 1L)
  if (length(own) != 2 || own[[1]] != dim[[1]]) {
    refuse_append(
      where, "it is a matrix of ", dim[[1]], " rows, to which columns are appended: values must be a matrix of as many ",
      "rows, or one column"
    )
  }
  columns <- as.double(dim[[2]]) + own[[2]]
  if (columns > .Machine$integer.max) refuse_append(where, "it would have more columns than a matrix of R can have")
  if (own[[2]] == 0) return(new_part(shape))
  attributes <- list(dim = c(dim[[1]], as.integer(columns)))
  dimnames <- longer_dimnames(stored$dimnames, dim, dimnames(values), own, where)
  if (!is.null(dimnames)) attributes$dimnames <- dimnames
  new_part(shape, values, attributes = attributes)
}

longer_dimnames <- function(stored, dim, more, added, where) {
  rows <- stored[[1]]
  if (is.null(rows)) rows <- more[[1]]
  if (!is.null(rows) && !is.null(more[[1]]) && !identical(rows, more[[1]])) {
    refuse_append(where, "its rows have other names than those of the values; append unname(values) to add columns nevertheless")
  }
  columns <- NULL
  if (!is.null(stored[[2]]) || !is.null(more[[2]])) {
    filled <- function(names, count) if (is.null(names)) character(count) else names
    columns <- c(filled(stored[[2]], dim[[2]]), filled(more[[2]], added[[2]]))
  }
  if (is.null(rows) && is.null(columns)) return(NULL)
  result <- list(rows, columns)
  names(result) <- names(stored)
  result
}

# ---- rows ------------------------------------------------------------------------------------------------------------

row_parts <- function(shape, rows, where) {
  stored <- shape$attributes
  grouping <- intersect(c("grouped_df", "rowwise_df"), stored$class)
  if (length(grouping) > 0) {
    refuse_append(where, "it is of class \"", grouping[[1]], "\"; store it ungrouped: store[[name]] <- dplyr::ungroup(...)")
  }
  if (!is.list(rows)) {
    refuse_append(where, "it is a data frame; append a data frame, or a list of its columns, not ", deparse_short(rows))
  }
  inside <- lapply(stored$names, function(name) {
    where$what <- paste0("column '", name, "' of ", where$what)
    where
  })
  before <- if (length(shape$columns) > 0) shape$columns[[1]]$length else 0
  Map(check_column, shape$columns, before, inside)
  places <- match_columns(as.character(stored$names), rows, where)
  rows_names <- if (is.data.frame(rows)) .row_names_info(rows, 0L)
  columns <- unclass(rows)[places]
  count <- count_rows(columns, stored$names, where)
  if (before + count > .Machine$integer.max) {
    refuse_append(where, "it would have more rows than a data frame of R can have, which are 2^31 - 1")
  }
  parts <- Map(vector_part, shape$columns, columns, inside, in_table = TRUE)
  if (count == 0) return(list())
  attributes <- list(row.names = longer_row_names(stored$row.names, rows_names, before, count, where))
  # What data.table keeps of the order of rows, which new ones are not in.
  attributes[intersect(c("sorted", "index"), names(stored))] <- list(NULL)
  c(list(new_part(shape, attributes = attributes)), unname(Filter(has_effect, parts)))
}

# A column that can get longer, as the data frame is.
check_column <- function(column, rows, where) {
  if (column$type == "list") refuse_append_unsupported(where, "it is a list or a data frame itself; put the whole data frame")
  check_vector_type(column, where, "ufo_put(store, name, rbind(ufo_get(store, name), rows))")
  if (!is.null(column$attributes$dim)) refuse_append_unsupported(where, "it is a matrix; put the whole data frame")
  if (column$length != rows) refuse_append_unsupported(where, "its length is not the number of rows")
}

# Which column of `rows` goes to which of `columns`.
match_columns <- function(columns, rows, where) {
  given <- names(rows)
  if (identical(columns, given)) return(seq_along(columns))
  if (anyDuplicated(columns) || anyDuplicated(given)) {
    refuse_append(where, "names of columns are not unique: the columns must be given in the order of those that are stored")
  }
  missing <- setdiff(columns, given)
  extra <- setdiff(given, columns)
  if (length(missing) == 0 && length(extra) == 0 && length(given) == length(columns)) return(match(columns, given))
  refuse_append(
    where, "the columns must be ", shortened(columns),
    if (length(missing) > 0) paste0("; missing: ", shortened(missing)),
    if (length(extra) > 0) paste0("; not in it: ", shortened(extra)),
    if (length(given) == 0 && length(rows) > 0) "; those given have no names"
  )
}

shortened <- function(names, most = 10L) {
  paste0(quoted(names[seq_len(min(most, length(names)))]), if (length(names) > most) ", ...")
}

count_rows <- function(columns, names, where) {
  counts <- vapply(columns, length, 0)
  if (length(counts) == 0) refuse_append(where, "it has no columns")
  if (all(counts == counts[[1]])) return(counts[[1]])
  odd <- which(counts != counts[[1]])[[1]]
  refuse_append(
    where, "the columns have different lengths: \"", names[[1]], "\" has ", counts[[1]], " elements, \"", names[[odd]],
    "\" has ", counts[[odd]]
  )
}

# The row.names attribute, as R keeps it: c(NA, -n) if they are only numbers.
longer_row_names <- function(stored, more, before, count, where) {
  if (before == 0) return(if (is.character(more)) more else c(NA_integer_, -as.integer(count)))
  is_compact <- is.null(stored) || (is.numeric(stored) && length(stored) == 2 && is.na(stored[[1]]))
  if (is.character(stored)) {
    if (!is.character(more)) {
      refuse_append(where, "its rows have names, and those to append have none; set row.names(rows)")
    }
    names <- c(stored, more)
    twice <- names[anyDuplicated(names)]
    if (length(twice) > 0) refuse_append(where, "there would be two rows of the name \"", twice, "\"")
    return(names)
  }
  if (is.character(more)) {
    refuse_append(where, "its rows have no names, and those to append have; append them without: row.names(rows) <- NULL")
  }
  if (is_compact) return(c(NA_integer_, -as.integer(before + count)))
  last <- max(before, stored)
  if (last + count > .Machine$integer.max) refuse_append(where, "its rows are numbered up to ", last)
  c(as.integer(stored), as.integer(seq(last + 1, length.out = count)))
}
