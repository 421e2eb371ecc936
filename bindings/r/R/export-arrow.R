# Parquet and feather files by way of arrow. Columns are given their types here, by their class: arrow's own choice cuts
# parts of seconds off, and makes a type of its own of each class that it does not know.

export_parquet_arrow <- function(table, temporary, target) {
  write_arrow(table, temporary, target, function(sink, schema) {
    writer <- arrow::ParquetFileWriter$create(schema, sink, arrow::ParquetWriterProperties$create(names(schema)))
    list(write = function(rows) writer$WriteTable(rows, max(1L, rows$num_rows)), close = function() writer$Close())
  })
}

export_feather_arrow <- function(table, temporary, target) {
  write_arrow(table, temporary, target, function(sink, schema) {
    writer <- arrow::RecordBatchFileWriter$create(sink, schema)
    list(write = function(rows) writer$write(rows), close = function() writer$close())
  })
}

# open(sink, schema) gives the functions write(rows) and close().
write_arrow <- function(table, temporary, target, open) {
  sink <- arrow::FileOutputStream$create(temporary)
  is_open <- TRUE
  on.exit(if (is_open) try(sink$close(), silent = TRUE))
  writer <- NULL
  each_block(table, function(block) {
    columns <- Map(arrow_column, block, table$names, MoreArgs = list(target = target))
    names <- paste0("c", seq_along(columns)) # any may be an argument of the function
    rows <- do.call(arrow::arrow_table, structure(columns, names = names))
    names(rows) <- enc2utf8(table$names)
    written_to(target, {
      if (is.null(writer)) writer <<- open(sink, rows$schema)
      writer$write(rows)
    })
    free_arrow_memory()
  }, import_block_bytes)
  written_to(target, {
    writer$close()
    is_open <- FALSE
    sink$close()
  })
}

# The errors of other packages, with the file.
written_to <- function(target, code) {
  tryCatch(code, error = function(problem) {
    if (inherits(problem, "ufo_error")) stop(problem)
    raise_condition(
      "io", paste0("Cannot write '", target, "': ", sub("[.]?\n.*", "", conditionMessage(problem))),
      hint = "Check the disk, and whether it has room, then try again."
    )
  })
}

arrow_column <- function(part, name, target) {
  array <- function(x, ...) {
    tryCatch(arrow::ChunkedArray$create(x, ...), error = function(problem) {
      raise_unsupported("Cannot export to '", target, "': column '", name, "': ", sub("[.]?\n.*", "", conditionMessage(problem)))
    })
  }
  # Counted from 1970, or from midnight, in millionths.
  counted <- function(seconds, type) {
    if (any(is.infinite(seconds))) raise_unsupported("Cannot export to '", target, "': column '", name, "' has infinite times")
    array(round(na_of_nan(as.double(seconds)) * 1e6))$cast(arrow::int64())$cast(type)
  }
  class <- if (is.factor(part)) "factor" else intersect(attr(part, "class"), c("Date", "POSIXct", "hms", "difftime", "integer64"))
  if (length(class) == 0) {
    part <- plain_part(part, name, target)
    return(array(part))
  }
  switch(
    class[[1]],
    factor = array(plain_factor(part)),
    Date = array(whole_days(part), type = arrow::date32()),
    POSIXct = counted(part, arrow::timestamp("us", zone_of(part))),
    hms = {
      seconds <- as.double(unclass(part))
      if (any(seconds < 0 | seconds >= 86400, na.rm = TRUE)) {
        raise_unsupported(
          "Cannot export to '", target, "': column '", name, "' has times of the day below 0 or beyond 24 hours; make it as.difftime()"
        )
      }
      counted(seconds, arrow::time64("us"))
    },
    difftime = {
      units(part) <- "secs"
      counted(unclass(part), arrow::duration("us"))
    },
    integer64 = array(structure(unclass(part), class = "integer64"), type = arrow::int64())
  )
}

na_of_nan <- function(x) {
  x[is.nan(x)] <- NA
  x
}

# Instants without a zone would be taken for the time of some clock.
zone_of <- function(part) {
  zone <- attr(part, "tzone")
  if (length(zone) == 0 || !nzchar(zone[[1]])) "UTC" else zone[[1]]
}

# A vector without attributes. Classes that nobody has told as.character() of are written as what is under them.
plain_part <- function(part, name, target) {
  if (any(vapply(attr(part, "class"), has_own_text, NA))) part <- as.character(part)
  attributes(part) <- NULL
  if (is.complex(part)) {
    raise_unsupported(
      "Cannot export to '", target, "': column '", name, "' is complex, which is no type of such files; export Re() and Im() of it"
    )
  }
  if (is.character(part)) enc2utf8(part) else part
}

# Only what is a factor's own. A missing level is a missing value.
plain_factor <- function(part) {
  levels <- enc2utf8(as.character(attr(part, "levels")))
  kept <- levels[!is.na(levels)]
  codes <- as.integer(unclass(part))
  if (length(kept) < length(levels)) codes <- match(levels, kept)[codes]
  structure(codes, levels = kept, class = c(if (is.ordered(part)) "ordered", "factor"))
}
