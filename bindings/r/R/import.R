# Files become stored data frames and vectors. What each format is and needs is told by `import_formats`; CSV files are
# read by the library (src/csv_import.c), what others hold is put block by block (import-blocks.R).

ufo_import <- function(store, file, name = NULL, format = NULL, ...) {
  path <- store_path(check_store(store))
  if (any(c("na", "n") %in% names(sys.call()))) { # which R takes for an abbreviation of `name`
    raise_usage("What stands for missing values is given as na.strings = ...; a name as name = ...", path = path)
  }
  given <- substitute(file)
  source <- import_source(file, format)
  if (is.null(name)) name <- default_import_name(source, given)
  name <- check_name(name, path)
  if (nchar(name, "bytes") > list_name_bytes_max) {
    raise_usage("The name of a data frame must have at most ", list_name_bytes_max, " bytes", path = path, object = name)
  }
  check_changeable(store, paste0("import '", name, "'"))
  if (store_state(store) == "read-only") {
    raise_usage("Cannot import '", name, "': the store is open for reading only", path = path, object = name)
  }
  if (source$format$name != "csv") check_no_options(source$format$name, ...)
  source$format$import(store, source$value, name, ...)
  invisible(name)
}

# Columns are read by paths that begin with the name, and paths have the limit of names.
list_name_bytes_max <- 300L

# ---- formats ---------------------------------------------------------------------------------------------------------

# `extensions` are those of files, `class` is that of an R object. Which packages are needed is looked at by `import`.
import_formats <- function() {
  list(
    list(name = "csv", extensions = c("csv", "tsv", "tab"), import = import_csv),
    list(name = "rds", extensions = "rds", import = import_rds),
    list(name = "parquet", extensions = c("parquet", "pq"), import = import_parquet),
    list(name = "feather", extensions = c("feather", "arrow", "ipc"), import = import_feather),
    list(name = "fst", extensions = "fst", import = import_fst),
    list(name = "bigmemory", extensions = "desc", class = "big.matrix", import = import_bigmemory),
    list(name = "ff", extensions = character(), class = c("ff", "ffdf"), import = import_ff)
  )
}

compressed_extension <- "[.](gz|bz2|xz)$"

# list(format, value): a path, or an object of another package.
import_source <- function(file, format) {
  formats <- import_formats()
  names <- vapply(formats, function(one) one$name, "")
  if (!is.character(file)) {
    for (one in formats) if (!is.null(one$class) && inherits(file, one$class)) return(list(format = one, value = file))
    raise_usage(
      "ufo_import() takes the path of a file, an ff or ffdf object or a big.matrix, not ", deparse_short(class(file)),
      if (is.data.frame(file) || is.atomic(file)) "; an object in memory is stored by ufo_put(store, name, x)"
    )
  }
  if (length(file) == 1 && !is.na(file) && grepl("^(https?|ftp)://", file)) {
    raise_usage("ufo_import() reads files; download.file() first gets '", file, "'")
  }
  file <- check_path(file, "The file to import")
  if (!file.exists(file)) {
    raise_condition("missing", paste0("Cannot import '", file, "': there is no such file"), hint = "Check the path.")
  }
  if (dir.exists(file)) raise_usage("Cannot import '", file, "': it is a folder; import its files one by one")
  list(format = formats[[which(names == known_format(file, format, formats))]], value = file)
}

known_format <- function(file, format, formats) {
  names <- vapply(formats, function(one) one$name, "")
  if (identical(format, "tsv")) return("csv")
  if (!is.null(format)) return(check_choice(format, setdiff(names, "ff"), "The format"))
  extension <- tolower(sub(".*[.]", "", sub(compressed_extension, "", basename(file))))
  for (one in formats) if (extension %in% one$extensions) return(one$name)
  raise_usage(
    "What '", file, "' is cannot be told from its name; say format = ", paste0("\"", setdiff(names, "ff"), "\"", collapse = ", ")
  )
}

default_import_name <- function(source, given) {
  if (is.character(source$value)) {
    return(enc2utf8(sub("[.][^.]*$", "", sub(compressed_extension, "", basename(source$value)))))
  }
  if (is.symbol(given)) return(as.character(given))
  raise_usage("Say under which name to store it: ufo_import(store, x, name = \"...\")")
}

check_no_options <- function(format, ...) {
  if (...length() == 0) return(invisible())
  raise_usage("The format \"", format, "\" has no further arguments; those given (", quoted(...names()), ") are for CSV")
}

# Is the package there? `instead` says what else can be done.
need_package <- function(package, what, instead) {
  if (requireNamespace(package, quietly = TRUE)) return(invisible())
  raise_unsupported(
    what, " needs the package '", package, "', which is not installed: install.packages(\"", package, "\"), or ", instead
  )
}

# ---- whole objects ---------------------------------------------------------------------------------------------------

import_rds <- function(store, file, name) {
  ufo_put(store, name, tryCatch(readRDS(file), error = function(problem) {
    raise_condition(
      "io", paste0("Cannot read '", file, "' as an RDS file: ", conditionMessage(problem)), hint = "Nothing was changed."
    )
  }))
}
