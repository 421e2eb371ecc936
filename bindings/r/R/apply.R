# Any function on the pieces of a vector.

check_pieces_of <- function(x) if (is_lazy(x)) x else ufo_lazy(x)

# Of a lazy vector its elements, of a lazy data frame its rows.
size_of <- function(x) if (is_lazy_frame(x)) frame_rows(x) else length(x)
piece_of <- function(x, first, count) if (is_lazy_frame(x)) frame_piece(x, first, count) else lazy_piece(x, first, count)

check_cores <- function(cores) {
  if (!is.numeric(cores) || length(cores) != 1 || is.na(cores) || cores < 1) {
    raise_usage("cores must be a number from 1 on, not ", deparse_short(cores))
  }
  as.integer(cores)
}

# Calls FUN for each piece, and collect(first, result) for each result, in order. With several cores a wave of pieces
# is computed in as many processes at a time, each of which reads its own.
walk_pieces <- function(x, FUN, ..., cores, collect) {
  n <- size_of(x)
  compute <- piece_caller(x, FUN, list(...))
  if (cores == 1) return(each_piece(n, function(first, count) collect(first, compute(first, count))))
  size <- piece_elements()
  starts <- if (n > 0) seq(0, n - 1, by = size) else numeric()
  meter <- new_meter(n)
  on.exit(if (!is.null(meter)) meter$close())
  while (length(starts) > 0) {
    wave <- starts[seq_len(min(cores, length(starts)))]
    starts <- starts[-seq_along(wave)]
    # What a process dies of is told by what it left behind, which is nothing.
    results <- suppressWarnings(parallel::mclapply(wave, function(first) {
      tryCatch(list(compute(first, min(size, n - first))), error = function(e) e)
    }, mc.cores = cores, mc.preschedule = FALSE))
    for (i in seq_along(wave)) {
      result <- if (i <= length(results)) results[[i]]
      if (inherits(result, "condition")) stop(result)
      if (!is.list(result)) raise_lost_process(wave[[i]], min(size, n - wave[[i]]))
      collect(wave[[i]], result[[1]])
    }
    if (!is.null(meter)) meter$show(min(n, wave[[length(wave)]] + size))
  }
}

raise_lost_process <- function(first, count) {
  raise_condition(
    "full", paste0(
      "The process that worked on elements ", format_count(first + 1), " to ", format_count(first + count),
      " was ended before it had a result, perhaps for want of memory"
    ),
    hint = "Fewer `cores` take less of it. With one, errors are easier to find."
  )
}

# A function (first, count) that calls FUN with a piece of `x` and the other arguments, of which lazy ones give their
# pieces, too.
piece_caller <- function(x, FUN, others) {
  lazy <- which(vapply(others, is_lazy, NA))
  if (any(vapply(others[lazy], length, 0) != size_of(x))) {
    raise_usage("Lazy vectors among the other arguments must be as long as the first, of which they give a piece each time")
  }
  # By names, so that no call has values in it, which R would write out in a message.
  names <- paste0("..x", seq_along(others), recycle0 = TRUE)
  call <- as.call(c(list(quote(FUN), quote(..x0)), structure(lapply(names, as.name), names = names(others))))
  frame <- new.env(parent = baseenv())
  frame$FUN <- FUN
  for (i in seq_along(others)) assign(names[[i]], others[[i]], envir = frame)
  function(first, count) {
    frame$..x0 <- piece_of(x, first, count)
    for (i in lazy) assign(names[[i]], lazy_piece(others[[i]], first, count), envir = frame)
    eval(call, frame)
  }
}

ufo_apply <- function(x, FUN, ..., cores = 1L) {
  x <- check_pieces_of(x)
  FUN <- match.fun(FUN)
  results <- vector("list", ceiling(size_of(x) / piece_elements()))
  at <- 0
  walk_pieces(x, FUN, ..., cores = check_cores(cores), collect = function(first, result) {
    at <<- at + 1
    if (!is.null(result)) results[[at]] <<- result
  })
  results
}

ufo_map <- function(x, FUN, ..., type = NULL, cores = 1L) {
  x <- check_pieces_of(x)
  FUN <- match.fun(FUN)
  if (!is.null(type)) type <- check_choice(if (identical(type, "numeric")) "double" else type, lazy_types, "The type")
  n <- size_of(x)
  if (n == 0) {
    result <- piece_caller(x, FUN, list(...))(0, 0)
    if (is.data.frame(result)) return(ufo_lazy(result))
    # Such as paste() gives even for nothing.
    if (length(result) == 1) result <- result[0]
    return(lazy_of(check_mapped(result, 0, type)))
  }
  target <- NULL
  walk_pieces(x, FUN, ..., cores = check_cores(cores), collect = function(first, result) {
    count <- min(piece_elements(), n - first)
    if (is.null(target)) target <<- if (is.data.frame(result)) new_mapped_frame(result, n, type) else new_mapped(n, type)
    target$add(first, result, count)
  })
  target$close()
}

# Where the results for the pieces go: they must be of one kind.
new_mapped <- function(n, type) {
  target <- meta <- NULL
  list(
    add = function(first, result, count) {
      result <- check_mapped(result, count, if (is.null(target)) type else typeof(target))
      if (is.null(target)) {
        meta <<- meta_of(result)
        target <<- new_target(typeof(result), n)
      } else if (!identical(meta_of(result), meta)) {
        raise_usage("The function given to ufo_map() gave results of different classes, levels or units")
      }
      write_piece(target, first, result)
    },
    close = function() new_lazy(target, meta)
  )
}

new_mapped_frame <- function(like, n, type) {
  if (!is.null(type)) raise_usage("The function given to ufo_map() gave a data frame, which has no single `type`")
  columns <- lapply(like, function(column) new_mapped(n, NULL))
  list(
    add = function(first, result, count) {
      if (!is.data.frame(result) || !identical(names(result), names(like))) {
        raise_usage("The function given to ufo_map() gave a data frame first, and then none with the same columns")
      }
      for (k in seq_along(columns)) columns[[k]]$add(first, result[[k]], count)
    },
    close = function() {
      new_lazy_frame(lapply(columns, function(column) column$close()), names(like), n, frame_class_of(like))
    }
  )
}

# `type` is what it must become without loss; NULL: what it is.
check_mapped <- function(result, count, type) {
  if (is_lazy(result)) result <- ufo_materialize(result)
  if (!(typeof(result) %in% lazy_types) || length(result) != count) {
    raise_usage(
      "The function given to ufo_map() must give a vector of ", format_count(count), " elements for as many, not ",
      format_count(length(result)), " of type ", typeof(result)
    )
  }
  if (is.null(type) || typeof(result) == type) return(result)
  if (match(typeof(result), lazy_types) > match(type, lazy_types) || type == "raw") {
    raise_usage(
      "The function given to ufo_map() gave a piece of type ", typeof(result), " where ", type, " is wanted; say `type`"
    )
  }
  storage.mode(result) <- type
  result
}

ufo_reduce <- function(x, FUN, combine, init, ..., cores = 1L) {
  x <- check_pieces_of(x)
  FUN <- match.fun(FUN)
  combine <- match.fun(combine)
  started <- !missing(init)
  value <- if (started) init
  walk_pieces(x, FUN, ..., cores = check_cores(cores), collect = function(first, result) {
    value <<- if (started) combine(value, result) else result
    started <<- TRUE
  })
  value
}
