# Stored objects, and others, become files. A file is written beside the one it is to be and gets its name when it is
# complete, so that there is never half of it.

# What is named comes after the dots, so that `na` is no abbreviation of `name`.
ufo_export <- function(x, file, ..., name = NULL, format = NULL, overwrite = FALSE) {
  if (!isTRUE(overwrite) && !isFALSE(overwrite)) raise_usage("overwrite must be TRUE or FALSE, not ", deparse_short(overwrite))
  label <- if (is.symbol(substitute(x))) as.character(substitute(x)) else "x"
  if (inherits(x, "ufo_store")) {
    label <- name <- exported_name(x, name)
    target <- export_target(file, overwrite, store_path(x))
    x <- ufo_get(x, name)
  } else {
    target <- export_target(file, overwrite)
    if (!is.null(name)) label <- check_name(name)
  }
  format <- export_format(target, format)
  temporary <- tempfile(paste0(basename(target), "."), dirname(target))
  on.exit(unlink(temporary))
  export_formats()[[format]](x, temporary, label = label, target = target, ...)
  if (file.exists(target)) {
    if (!overwrite) raise_usage("Cannot export to '", target, "': a file of this name has appeared meanwhile")
    Sys.chmod(temporary, file.mode(target), use_umask = FALSE)
  }
  if (!suppressWarnings(file.rename(temporary, target))) {
    raise_condition("io", paste0("Cannot give the finished file its name '", target, "'"))
  }
  invisible(target)
}

export_formats <- function() {
  list(csv = export_csv, rds = export_rds, parquet = export_parquet, feather = export_feather, fst = export_fst)
}

exported_name <- function(store, name) {
  if (!is.null(name)) return(check_name(name, store_path(store)))
  all_names <- names(store)
  if (length(all_names) == 1) return(all_names)
  raise_usage(
    "Say which object of the store: ufo_export(store, file, name = \"...\"); it has ", length(all_names),
    path = store_path(store)
  )
}

export_target <- function(file, overwrite, store = NULL) {
  target <- check_path(file, "The file to export to")
  if (dir.exists(target)) raise_usage("Cannot export to '", target, "': it is a folder")
  if (!dir.exists(dirname(target))) {
    raise_condition(
      "missing", paste0("Cannot export to '", target, "': there is no folder '", dirname(target), "'"),
      hint = "Check the path."
    )
  }
  if (!is.null(store) && target %in% c(store, paste0(store, "-lock"))) {
    raise_usage("Cannot export to '", target, "': it is the store itself")
  }
  if (file.exists(target) && !overwrite) {
    raise_usage("Cannot export to '", target, "': the file exists; overwrite = TRUE replaces it")
  }
  target
}

export_format <- function(target, format) {
  formats <- names(export_formats())
  if (identical(format, "tsv")) return("csv")
  if (!is.null(format)) return(check_choice(format, formats, "The format"))
  extension <- tolower(sub(".*[.]", "", sub(compressed_extension, "", basename(target))))
  for (one in import_formats()) if (extension %in% one$extensions && one$name %in% formats) return(one$name)
  raise_usage("The format cannot be told from the name '", target, "'; say format = ", paste0("\"", formats, "\"", collapse = ", "))
}

# ---- tables ----------------------------------------------------------------------------------------------------------

# What is exported as a table: list(names, rows, read), where read(j, first, count) gives a part of column j.
export_table <- function(x, label) {
  if (inherits(x, "POSIXlt")) x <- as.POSIXct(x)
  if (is_lazy(x) || (is.null(dim(x)) && is_column(x))) {
    return(list(names = label, rows = as.double(length(x)), read = function(j, first, count) part_of(x, first, count)))
  }
  if (is.data.frame(x) || is_lazy_frame(x)) return(frame_table(x, label))
  if (is_column(x) && length(dim(x)) == 2) return(matrix_table(x))
  raise_unsupported(
    "'", label, "' is ", if (is.null(dim(x))) paste0("a ", typeof(x)) else paste0("an array of ", length(dim(x)), " dimensions"),
    ", which is no table; format \"rds\" takes any object"
  )
}

is_column <- function(x) typeof(x) %in% c(lazy_types, "character")

frame_table <- function(x, label) {
  columns <- unclass(x)
  names <- names(x)
  for (i in seq_along(columns)) {
    if (inherits(columns[[i]], "POSIXlt")) columns[[i]] <- as.POSIXct(columns[[i]])
    if (is_lazy(columns[[i]]) || (is_column(columns[[i]]) && is.null(dim(columns[[i]])))) next
    raise_unsupported("Column '", names[[i]], "' of '", label, "' is no vector, but a list or a matrix; format \"rds\" takes any object")
  }
  row_names <- attr(x, "row.names")
  if (is.character(row_names)) {
    columns <- c(list(row_names), columns)
    names <- c("row.names", names)
  }
  list(
    names = names, rows = if (is_lazy_frame(x)) frame_rows(x) else as.double(.row_names_info(x, 2L)),
    read = function(j, first, count) part_of(columns[[j]], first, count)
  )
}

matrix_table <- function(x) {
  rows <- as.double(nrow(x))
  names <- colnames(x)
  if (is.null(names)) names <- paste0("V", seq_len(ncol(x)))
  row_names <- rownames(x)
  shift <- if (is.null(row_names)) 0 else 1
  list(
    names = c(if (shift == 1) "row.names", names), rows = rows,
    read = function(j, first, count) {
      if (j <= shift) part_of(row_names, first, count) else part_of(x, (j - 1 - shift) * rows + first, count)
    }
  )
}

# Elements first + 1 ... first + count with what says what they mean.
part_of <- function(x, first, count) {
  if (is_lazy(x)) return(lazy_piece(x, first, count))
  at <- if (count > 0) seq.int(first + 1, first + count) else integer()
  if (is.character(x)) return(unname(x[at]))
  with_meta(read_piece(x, first, count), meta_of(x))
}

# Less than for import: a block is in memory as columns, and once or twice as what is written.
export_block_bytes <- 2 * 1024^2

# Calls body(block), a list of parts of all columns, for one block of rows after another; at least once.
each_block <- function(table, body, bytes = export_block_bytes) {
  size <- block_rows(length(table$names), bytes)
  meter <- new_meter(max(table$rows, 1))
  on.exit(if (!is.null(meter)) meter$close())
  first <- 0
  repeat {
    count <- min(size, table$rows - first)
    body(lapply(seq_along(table$names), table$read, first, count))
    gc(full = FALSE)
    first <- first + count
    if (!is.null(meter)) meter$show(first)
    if (first >= table$rows) break
  }
}

as_block_frame <- function(table, block) {
  structure(block, names = table$names, class = "data.frame", row.names = .set_row_names(NROW(block[[1]])))
}

# Bytes in memory, roughly: 8 for each element, and as many again for strings.
export_bytes <- function(x, label) {
  table <- export_table(x, label)
  8 * table$rows * length(table$names)
}

check_no_more <- function(format, ...) {
  if (...length() > 0) raise_usage("The format \"", format, "\" has no such arguments: ", quoted(...names()))
}
