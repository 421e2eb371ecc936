# Parquet and feather files by way of arrow. What a column becomes depends on its type in the file alone, never on the
# values of one block, as arrow's own conversion does for integers of 64 bits. Types that R has no vectors for are
# refused before anything is read.

import_parquet_arrow <- function(store, file, name) {
  reader <- reading("parquet", file, arrow::ParquetFileReader$create(file))
  schema <- reading("parquet", file, reader$GetSchema())
  take <- column_takers(schema, "parquet", file)
  rows <- reading("parquet", file, as.double(reader$num_rows))
  if (rows > .Machine$integer.max) raise_unsupported("Cannot import '", file, "': a data frame of R has at most 2^31 - 1 rows")
  runs <- runs_of_groups(reader$num_row_groups, rows)
  # Without nested columns, each column of the file is one of the table.
  read <- function(run, i) {
    free_arrow_memory()
    reading("parquet", file, reader$ReadRowGroups(run, i - 1L)[[1]])
  }
  take <- Map(function(take, i) with_levels_of_all(take, schema$field(i - 1L)$type, length(runs), function(k) read(runs[[k]], i)),
    take, seq_along(take))
  put_columns(store, name, names(schema), rows, function(i) {
    function(put) {
      one <- function(column) taking(names(schema)[[i]], "parquet", file, take[[i]](column))
      if (length(runs) == 0) put(one(empty_column(schema, i)), 0)
      for (run in runs) {
        column <- NULL # which is a block already
        column <- read(run, i)
        each_part(column$length(), block_rows(1), function(first, count) {
          put(one(column$Slice(first, count)), count)
        })
      }
    }
  })
}

# The numbers of row groups, from 0, in runs of at least one and of about a block of one column.
runs_of_groups <- function(groups, rows) {
  if (groups == 0) return(list())
  size <- max(1, floor(block_rows(1) / max(1, rows / groups)))
  numbers <- seq_len(groups) - 1L
  unname(split(numbers, numbers %/% size))
}

import_feather_arrow <- function(store, file, name) {
  is_first_version <- identical(readBin(file, "raw", 4), charToRaw("FEA1"))
  table <- if (is_first_version) reading("feather", file, arrow::read_feather(file, as_data_frame = FALSE))
  reader <- if (!is_first_version) {
    reading("feather", file, arrow::RecordBatchFileReader$create(arrow::ReadableFile$create(file)))
  }
  schema <- if (is_first_version) table$schema else reader$schema
  take <- column_takers(schema, "feather", file)
  batches <- if (is_first_version) 1 else reader$num_record_batches
  frame <- function(columns) {
    as_frame(lapply(seq_along(take), function(i) taking(names(schema)[[i]], "feather", file, take[[i]](columns(i)))), names(schema))
  }
  put_pieces(store, name, batches, function(put) {
    if (batches == 0) put(frame(function(i) empty_column(schema, i)), 0)
    for (number in seq_len(batches)) {
      batch <- NULL
      free_arrow_memory()
      batch <- if (is_first_version) table else reading("feather", file, reader$get_batch(number - 1L))
      each_part(batch$num_rows, block_rows(length(take)), function(first, count) {
        put(frame(function(i) batch$column(i - 1L)$Slice(first, count)), number - 1 + (first + count) / max(1, batch$num_rows))
      })
    }
  })
}

# R does not know how much memory the objects of arrow have, and leaves those that it has done with.
free_arrow_memory <- function() {
  if (arrow::default_memory_pool()$bytes_allocated > 2 * import_block_bytes) gc()
}

empty_column <- function(schema, i) arrow::ChunkedArray$create(type = schema$field(i - 1L)$type)

# ---- types -----------------------------------------------------------------------------------------------------------

# One function for each column, from what arrow reads to a vector of R.
column_takers <- function(schema, format, file) {
  takers <- lapply(seq_along(names(schema)), function(i) column_taker(schema$field(i - 1L)$type))
  refused <- which(vapply(takers, is.null, NA))
  if (length(refused) > 0) {
    refuse_no_vector(file, vapply(refused, function(i) {
      paste0(names(schema)[[i]], "' of type '", schema$field(i - 1L)$type$ToString())
    }, ""), format)
  }
  takers
}

# The errors of one column, with the file.
taking <- function(column, format, file, code) {
  tryCatch(code, error = function(problem) {
    if (inherits(problem, "ufo_error")) stop(problem)
    raise_unsupported(
      "Cannot import '", file, "': column '", column, "': ", sub("[.]?\n.*", "", conditionMessage(problem)),
      "; write the ", format, " file without it, or with the column as text"
    )
  })
}

# NULL: there is none.
column_taker <- function(type) {
  if (inherits(type, "DictionaryType")) {
    if (type$value_type$name %in% c("utf8", "large_utf8")) return(take_factor)
    take <- column_taker(type$value_type)
    return(if (!is.null(take)) function(values) take(values$cast(type$value_type)))
  }
  cast_first <- function(to) function(values) as_whole(values$cast(to))
  switch(
    type$name,
    bool =, int8 =, uint8 =, int16 =, uint16 =, int32 =, float =, double =, utf8 =, large_utf8 =, date32 = as_whole,
    time32 =, time64 = function(values) structure(take_seconds(values, type), class = c("hms", "difftime"), units = "secs"),
    duration = function(values) structure(take_seconds(values, type), class = "difftime", units = "secs"),
    int64 = take_integer64,
    # Those of 2^63 and more are an error.
    uint64 = function(values) take_integer64(values$cast(arrow::int64())),
    uint32 = cast_first(arrow::float64()),
    # Whose bits would be taken for the numbers.
    halffloat = cast_first(arrow::float32()),
    date64 = cast_first(arrow::date32()),
    timestamp = function(values) take_time(values, type),
    decimal128 =, decimal256 = function(values) take_decimal(values, type$precision(), type$scale()),
    null = function(values) rep(NA, values$length()),
    NULL
  )
}

# Without the views of arrow, which are vectors of R whose elements are still in its memory. Whether integers of 64 bits
# would fit into 32 must not depend on the block.
as_whole <- function(values) {
  old <- options(arrow.use_altrep = FALSE, arrow.int64_downcast = FALSE)
  on.exit(options(old))
  as.vector(values)
}

# The class is missing where there is no element.
take_integer64 <- function(values) {
  if (values$length() == 0) return(structure(double(), class = "integer64"))
  as_whole(values)
}

# The double that is nearest to what was counted, where arrow's own may be the one beside it.
take_seconds <- function(values, type) {
  unit <- sub(".*\\[(s|ms|us|ns)[],].*", "\\1", type$ToString())
  whole <- if (inherits(type, "Time32")) values$cast(arrow::int32()) else values$cast(arrow::int64())
  as_whole(whole$cast(arrow::float64(), safe = FALSE)) / c(s = 1, ms = 1e3, us = 1e6, ns = 1e9)[[unit]]
}

# An instant is shown in its time zone, and what has none as it was written, as in CSV files. Thousand millionths since
# 1970 are more than a double holds.
take_time <- function(values, type) {
  zone <- type$timezone()
  if (grepl("[ns", type$ToString(), fixed = TRUE)) {
    type <- arrow::timestamp("us", zone)
    values <- values$cast(type, safe = FALSE)
  }
  structure(take_seconds(values, type), class = c("POSIXct", "POSIXt"), tzone = if (nzchar(zone)) zone else "UTC")
}

# Doubles have 15 decimal digits: with these each is the nearest one to what was written, and no two are the same.
take_decimal <- function(values, precision, scale) {
  values <- as_whole(values)
  if (precision > 15 && length(values) > 0 && any(abs(values) >= 10^(15 - scale), na.rm = TRUE)) {
    stop("decimal numbers of more than 15 digits, which a double does not hold")
  }
  values
}

# A dictionary may hold a value twice, or the missing one.
take_factor <- function(values) {
  values <- suppressWarnings(as_whole(values))
  levels <- attr(values, "levels")
  kept <- unique(levels[!is.na(levels)])
  if (identical(kept, levels)) return(values)
  structure(match(levels, kept)[unclass(values)], levels = kept, class = class(values))
}

# Each row group may have a dictionary of its own. Levels without an order are added as they come; of those with one, a
# part of the file must have them all, in the order that they have in the others.
with_levels_of_all <- function(take, type, parts, read) {
  if (!inherits(type, "DictionaryType") || !type$ordered || parts < 2) return(take)
  all_levels <- NULL
  function(values) {
    if (is.null(all_levels)) {
      found <- unique(lapply(seq_len(parts), function(k) levels(take(read(k)))))
      all_levels <<- found[[which.max(lengths(found))]]
      places <- lapply(found, match, all_levels)
      if (anyNA(unlist(places)) || any(vapply(places, is.unsorted, NA))) stop("the order of its levels is not the same in all of the file")
    }
    factor(take(values), levels = all_levels, ordered = TRUE)
  }
}
