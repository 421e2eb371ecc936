# Data of other packages, block by block, in one transaction. A block is in memory, and what comes before and after it
# is not. There are two ways:
#   put_blocks()   the first block is put and the others are appended: rows of a table, elements of a vector
#   put_pieces()   the same where not everything in it is a block of one size
#   put_columns()  each column is put under a name of its own, which it loses when the data frame is made of all

import_block_bytes <- 8 * 1024^2

# So many rows of `columns` columns fit into a block.
block_rows <- function(columns, bytes = import_block_bytes) {
  max(1000, floor(getOption("ufostore.import_block", bytes) / (8 * max(1, columns))))
}

# Runs code in a transaction of its own, or in the one that is open, which can only be rolled back if the code fails.
in_transaction <- function(store, code) {
  if (store_state(store) != "transaction") {
    ufo_transaction(store, code)
    return(invisible())
  }
  is_done <- FALSE
  on.exit(if (!is_done && store_state(store) == "transaction") .Call(ufor_store_spoil, store_pointer(store)))
  force(code)
  is_done <- TRUE
  invisible()
}

# body(put) calls put(block, done), `done` of `total`. There is at least one block.
put_pieces <- function(store, name, total, body) {
  in_transaction(store, {
    meter <- new_meter(max(total, 1))
    put <- putter(store, name)
    tryCatch(
      body(function(block, done) {
        put(block)
        if (!is.null(meter)) meter$show(done)
      }),
      finally = if (!is.null(meter)) meter$close()
    )
  })
}

# A function that puts the first block and appends the others.
putter <- function(store, name) {
  is_first <- TRUE
  function(block) {
    gc(full = FALSE) # else the blocks that are done with would pile up: this one is read only now
    count <- if (is.data.frame(block)) .row_names_info(block, 2L) else length(block)
    if (is_first) ufo_put(store, name, block) else if (count > 0) ufo_append(store, name, block)
    is_first <<- FALSE
  }
}

# Calls body(first, count) for parts of `total` elements, at least once.
each_part <- function(total, size, body) {
  first <- 0
  repeat {
    count <- min(size, total - first)
    body(first, count)
    first <- first + count
    if (first >= total) break
  }
}

# read(first, count) gives elements or rows from number first + 1 on.
put_blocks <- function(store, name, n, read, size) {
  put_pieces(store, name, n, function(put) {
    each_part(n, size, function(first, count) put(read(first, count), first + count))
  })
}

# read(i) gives column i, an object that ufo_put() takes; or it is a function(put) that puts it in pieces by put(piece, count).
put_columns <- function(store, name, names, rows, read) {
  in_transaction(store, {
    meter <- new_meter(max(length(names) * rows, 1))
    temporary <- sprintf("\001import.%d.%s.%d", Sys.getpid(), basename(tempfile("")), seq_along(names))
    put_column <- function(i) {
      put <- putter(store, temporary[[i]])
      column <- read(i)
      if (!is.function(column)) return(put(column))
      done <- (i - 1) * rows
      column(function(piece, count) {
        put(piece)
        done <<- done + count
        if (!is.null(meter)) meter$show(done)
      })
    }
    tryCatch(
      for (i in seq_along(names)) {
        put_column(i)
        if (!is.null(meter)) meter$show(i * rows)
      },
      finally = if (!is.null(meter)) meter$close()
    )
    .Call(
      ufor_gather, store_pointer(store), name, temporary,
      list(names = enc2utf8(names), class = "data.frame", row.names = c(NA_integer_, -as.integer(rows)))
    )
  })
}

as_frame <- function(columns, names) {
  structure(columns, names = names, class = "data.frame", row.names = .set_row_names(if (length(columns) > 0) NROW(columns[[1]]) else 0L))
}

# An ordinary data frame of a block of one: rows are numbered anew, and classes such as tibble's go.
plain_frame <- function(block) {
  block <- as.list(block)
  rows <- if (length(block) > 0) NROW(block[[1]]) else 0L
  structure(block, class = "data.frame", row.names = .set_row_names(rows))
}

# ---- parquet and feather ---------------------------------------------------------------------------------------------

import_parquet <- function(store, file, name) {
  if (has_arrow_parquet()) return(import_parquet_arrow(store, file, name))
  need_package("nanoparquet", "Importing a parquet file", "install.packages(\"arrow\")")
  # It reads columns, and not parts of them.
  read <- function(i) {
    column <- nanoparquet::read_parquet(file, col_select = i, options = nanoparquet_options())[[1]]
    if (is.list(column)) refuse_no_vector(file, names[[i]], "parquet")
    column
  }
  info <- reading("parquet", file, nanoparquet::read_parquet_info(file))
  # The first is the root.
  schema <- reading("parquet", file, nanoparquet::read_parquet_schema(file))[-1, ]
  nested <- which(!is.na(schema$num_children) & schema$num_children > 0)
  if (length(nested) > 0) refuse_no_vector(file, schema$name[[nested[[1]]]], "parquet")
  names <- schema$name
  put_columns(store, name, names, info$num_rows, function(i) reading("parquet", file, read(i)))
}

# Integers of 64 bits as such, which its older versions cannot: there they are doubles.
nanoparquet_options <- function() {
  if (!"read_int64_type" %in% names(formals(nanoparquet::parquet_options))) return(nanoparquet::parquet_options())
  nanoparquet::parquet_options(read_int64_type = "integer64")
}

refuse_no_vector <- function(file, columns, format) {
  raise_unsupported(
    "Cannot import '", file, "': there is no vector of R for column ", paste0("'", columns, "'", collapse = ", "),
    "; write the ", format, " file without it, or with the column as numbers or text"
  )
}

# Builds of arrow may be without it.
has_arrow_parquet <- function() requireNamespace("arrow", quietly = TRUE) && arrow::arrow_with_parquet()

import_feather <- function(store, file, name) {
  need_package("arrow", "Importing a feather file", "save the data in another format, such as parquet or CSV")
  import_feather_arrow(store, file, name)
}

# The errors of other packages, with the file.
reading <- function(what, file, code) {
  tryCatch(code, error = function(problem) {
    if (inherits(problem, "ufo_error")) stop(problem)
    raise_condition(
      "io", paste0("Cannot read '", file, "' as a ", what, " file: ", conditionMessage(problem)), hint = "Nothing was changed."
    )
  })
}

# ---- fst -------------------------------------------------------------------------------------------------------------

import_fst <- function(store, file, name) {
  need_package("fst", "Importing an fst file", "save the data in another format, such as CSV")
  meta <- reading("fst", file, fst::metadata_fst(file))
  rows <- as.double(meta$nrOfRows)
  put_blocks(store, name, rows, size = block_rows(length(meta$columnNames)), function(first, count) {
    if (count == 0) return(reading("fst", file, fst::read_fst(file)))
    reading("fst", file, fst::read_fst(file, from = first + 1, to = first + count))
  })
}

# ---- ff and bigmemory ------------------------------------------------------------------------------------------------

import_ff <- function(store, x, name) {
  need_package("ff", "Importing an ff object", "get its values, x[], and put them")
  if (inherits(x, "ffdf")) {
    rows <- as.double(nrow(x))
    return(put_blocks(store, name, rows, size = block_rows(ncol(x)), function(first, count) {
      at <- first + seq_len(count)
      block <- x[at, , drop = FALSE]
      # Rows without names have their numbers.
      if (identical(as.character(attr(block, "row.names")), format_whole(at))) plain_frame(block) else block
    }))
  }
  if (!is.null(dim(x))) {
    if (length(dim(x)) != 2) raise_unsupported("An ff array of ", length(dim(x)), " dimensions cannot be imported")
    return(put_matrix(store, name, x))
  }
  put_blocks(store, name, as.double(length(x)), size = block_rows(1), function(first, count) x[first + seq_len(count)])
}

import_bigmemory <- function(store, x, name) {
  need_package("bigmemory", "Importing a big.matrix", "save the data in another format, such as CSV")
  if (is.character(x)) {
    x <- reading("bigmemory descriptor", x, bigmemory::attach.big.matrix(basename(x), path = dirname(x)))
  }
  put_matrix(store, name, x)
}

format_whole <- function(numbers) format(numbers, scientific = FALSE, trim = TRUE)

# By columns, or parts of one that is larger than a block. It gets its dimensions at the end, which moves no elements.
put_matrix <- function(store, name, x) {
  rows <- as.double(nrow(x))
  columns <- as.double(ncol(x))
  size <- block_rows(1)
  size <- if (rows <= size) max(1, floor(size / max(rows, 1))) * max(rows, 1) else size
  in_transaction(store, {
    put_blocks(store, name, rows * columns, size = size, function(first, count) {
      if (count == 0) return(as.vector(x[0, , drop = FALSE]))
      if (size >= rows) {
        at <- first / rows + seq_len(count / rows)
        return(as.vector(x[, at, drop = FALSE]))
      }
      elements_of(x, rows, first, count)
    })
    y <- ufo_get(store, name)
    dim(y) <- as.integer(c(rows, columns))
    if (!all(vapply(dimnames(x), is.null, NA))) dimnames(y) <- dimnames(x)
    ufo_put(store, name, y)
  })
}

# Elements first + 1 ... first + count in the order of columns, of which there are parts of one or more.
elements_of <- function(x, rows, first, count) {
  parts <- list()
  while (count > 0) {
    column <- first %/% rows
    row <- first %% rows
    taken <- min(count, rows - row)
    parts[[length(parts) + 1]] <- as.vector(x[row + seq_len(taken), column + 1])
    first <- first + taken
    count <- count - taken
  }
  unlist(parts)
}
