# peer_list.R - the packages that peers.R puts beside ufostore, and how each is used. Sourced by peers.R and peer_case.R.
#
# A peer is a list:
#   title, package     what the table says; what must be installed (NULL: base R), whose version is put after the title
#   variant            what the table says after that
#   how                the idiom, for the table: what its documentation says is fast
#   create(path, x)    stores the vector, durably
#   fill(path, n, next_piece)   the same piece by piece: next_piece() returns the next of `pieces(n)`
#   open(path)         a handle h; what follows takes it
#   prepare(raw)       only for what has no file: before the clock starts, from the file of raw doubles, what open() gets
#   first(h), sum(h), pick(h, i)   x[1], sum(x), x[i]
#   update(h, i, v), append(h, v)  x[i] <- v and x <- c(x, v), durably
# Instead of a function, a string says why there is none. `path` is in a folder of the peer's own, which is empty before
# create and fill. Durable means that the data would survive a loss of power: peers that do not flush the disk
# themselves are followed by sync(1) of their file, as all of them could be.

PIECE <- 2^20 # elements: 8 MiB

# The first and the last element of each piece of a vector of n.
pieces <- function(n) {
  from <- seq(1, n, by = PIECE)
  Map(c, from, pmin(from + PIECE - 1, n))
}
sum_pieces <- function(n, read) {
  total <- 0
  for (p in pieces(n)) total <- total + sum(read(p[1], p[2]))
  total
}
# x[i] of what is read in pieces only.
pick_pieces <- function(n, i, read) {
  values <- numeric(length(i))
  inside <- split(seq_along(i), factor((i - 1) %/% PIECE, seq_along(pieces(n)) - 1))
  for (k in which(lengths(inside) > 0)) {
    p <- pieces(n)[[k]]
    values[inside[[k]]] <- read(p[1], p[2])[i[inside[[k]]] - p[1] + 1]
  }
  values
}
sync <- function(path) if (system2("sync", c("-d", shQuote(path))) != 0) stop(path, ": sync failed")

peer_ufostore <- list(
  title = "ufostore", package = "ufostore",
  how = "`s$x <- x`; `sum(s$x)`; `s$x[i]`; a view is changed and assigned back, which commits",
  create = function(path, x) {
    s <- ufostore::ufo_open(path)
    s$x <- x
    ufostore::ufo_close(s)
  },
  fill = function(path, n, next_piece) {
    s <- ufostore::ufo_open(path)
    ufostore::ufo_create(s, "x", "double", n)
    x <- s$x
    for (p in pieces(n)) x[p[1]:p[2]] <- next_piece()
    s$x <- x
    ufostore::ufo_close(s)
  },
  open = function(path) ufostore::ufo_open(path),
  first = function(h) h$x[1],
  sum = function(h) sum(h$x),
  pick = function(h, i) h$x[i],
  update = function(h, i, v) {
    x <- h$x
    x[i] <- v
    h$x <- x
    ufostore::ufo_close(h)
  },
  append = "not in this version"
)

peer_bigmemory <- list(
  title = "bigmemory", package = "bigmemory",
  how = "`filebacked.big.matrix` of one column; sum in pieces of 8 MiB, without biganalytics; `flush` waits for the disk",
  create = function(path, x) {
    b <- big_matrix(path, length(x))
    b[, 1] <- x
    bigmemory::flush(b)
  },
  fill = function(path, n, next_piece) {
    b <- big_matrix(path, n)
    for (p in pieces(n)) b[p[1]:p[2], 1] <- next_piece()
    bigmemory::flush(b)
  },
  open = function(path) list(b = bigmemory::attach.big.matrix(paste0(path, ".desc"))),
  first = function(h) h$b[1, 1],
  sum = function(h) sum_pieces(nrow(h$b), function(from, to) h$b[from:to, 1]),
  pick = function(h, i) h$b[i, 1],
  update = function(h, i, v) {
    h$b[i, 1] <- v
    bigmemory::flush(h$b)
  },
  append = "a matrix does not grow"
)
big_matrix <- function(path, n) {
  bigmemory::filebacked.big.matrix(n, 1, "double", backingfile = basename(path), backingpath = dirname(path),
                                   descriptorfile = paste0(basename(path), ".desc"))
}

peer_ff <- list(
  title = "ff", package = "ff",
  how = "`ff(x)`; sum over `chunk(f)`; `f[i]` sorts `i` itself; `length<-` appends; `close`, `sync`",
  create = function(path, x) {
    f <- ff::ff(x, filename = path, vmode = "double", finalizer = "close")
    close_ff(f, path)
  },
  fill = function(path, n, next_piece) {
    f <- ff::ff(length = n, filename = path, vmode = "double", finalizer = "close")
    for (p in pieces(n)) f[bit::ri(p[1], p[2])] <- next_piece()
    close_ff(f, path)
  },
  open = function(path) {
    list(f = ff::ff(filename = path, vmode = "double", length = file.size(path) / 8, finalizer = "close"), path = path)
  },
  first = function(h) h$f[1],
  sum = function(h) {
    total <- 0
    for (piece in bit::chunk(h$f)) total <- total + sum(h$f[piece])
    total
  },
  pick = function(h, i) h$f[i],
  update = function(h, i, v) {
    f <- h$f
    f[i] <- v
    close_ff(f, h$path)
  },
  append = function(h, v) {
    f <- h$f
    n <- length(f)
    length(f) <- n + length(v)
    f[bit::ri(n + 1, n + length(v))] <- v
    close_ff(f, h$path)
  }
)
close_ff <- function(f, path) {
  close(f)
  sync(path)
}

CHUNK <- 131072 # elements of a chunk of HDF5: as large as its cache of chunks is by default

peer_hdf5r <- function(level) {
  create_dataset <- function(path, n) {
    file <- hdf5r::H5File$new(path, "w")
    space <- hdf5r::H5S$new("simple", dims = n, maxdims = Inf)
    file$create_dataset("x", dtype = hdf5r::h5types$H5T_NATIVE_DOUBLE, space = space, chunk_dims = min(n, CHUNK),
                        gzip_level = level)
    file
  }
  close_file <- function(file, path) {
    file$close_all()
    sync(path)
  }
  read <- function(h) function(from, to) h$data[from:to]
  list(
    title = "hdf5r", variant = paste0(", gzip ", if (level) paste(level, "(default)") else "off"), package = "hdf5r",
    how = "chunks of 1 MiB; sum and `x[i]` by pieces of 8 MiB, since `d[i]` takes point by point; `close_all`, `sync`",
    create = function(path, x) {
      file <- create_dataset(path, length(x))
      data <- file[["x"]]
      data[] <- x
      close_file(file, path)
    },
    fill = function(path, n, next_piece) {
      file <- create_dataset(path, n)
      data <- file[["x"]]
      for (p in pieces(n)) data[p[1]:p[2]] <- next_piece()
      close_file(file, path)
    },
    open = function(path) {
      file <- hdf5r::H5File$new(path, "r+")
      list(file = file, data = file[["x"]], path = path)
    },
    first = function(h) h$data[1],
    sum = function(h) sum_pieces(h$data$dims, read(h)),
    pick = function(h, i) pick_pieces(h$data$dims, i, read(h)),
    update = function(h, i, v) {
      data <- h$data
      write_pieces(data$dims, i, v, read(h), function(from, to, values) data[from:to] <<- values)
      close_file(h$file, h$path)
    },
    append = function(h, v) {
      n <- h$data$dims
      data <- h$data
      data$set_extent(n + length(v))
      data[(n + 1):(n + length(v))] <- v
      close_file(h$file, h$path)
    }
  )
}
# x[i] <- v of what is read and written in pieces only; a run of elements is one write.
write_pieces <- function(n, i, v, read, write) {
  if (i[length(i)] - i[1] + 1 == length(i)) return(write(i[1], i[length(i)], v))
  inside <- split(seq_along(i), (i - 1) %/% PIECE)
  for (k in names(inside)) {
    from <- as.numeric(k) * PIECE + 1
    to <- min(n, from + PIECE - 1)
    values <- read(from, to)
    values[i[inside[[k]]] - from + 1] <- v[inside[[k]]]
    write(from, to, values)
  }
}

peer_rhdf5 <- function(level) {
  create_dataset <- function(path, n) {
    rhdf5::h5createFile(path)
    rhdf5::h5createDataset(path, "x", n, maxdims = rhdf5::H5Sunlimited(), chunk = min(n, CHUNK), level = level)
  }
  write <- function(path) function(from, to, values) {
    rhdf5::h5write(values, path, "x", start = from, count = to - from + 1)
  }
  read <- function(path) function(from, to) rhdf5::h5read(path, "x", start = from, count = to - from + 1)
  elements <- function(path) {
    file <- rhdf5::H5Fopen(path, "H5F_ACC_RDONLY")
    data <- rhdf5::H5Dopen(file, "x")
    space <- rhdf5::H5Dget_space(data)
    n <- rhdf5::H5Sget_simple_extent_dims(space)$size
    rhdf5::H5Sclose(space)
    rhdf5::H5Dclose(data)
    rhdf5::H5Fclose(file)
    n
  }
  close_file <- function(path) {
    rhdf5::h5closeAll()
    sync(path)
  }
  list(
    title = "rhdf5", variant = paste0(", gzip ", if (level) paste(level, "(default)") else "off"), package = "rhdf5",
    how = "the same with `h5read(start, count)`, since `index` is slow by its own documentation; `h5closeAll`, `sync`",
    create = function(path, x) {
      create_dataset(path, length(x))
      rhdf5::h5write(x, path, "x")
      close_file(path)
    },
    fill = function(path, n, next_piece) {
      create_dataset(path, n)
      for (p in pieces(n)) write(path)(p[1], p[2], next_piece())
      close_file(path)
    },
    open = function(path) list(path = path, n = elements(path)),
    first = function(h) read(h$path)(1, 1)[1],
    sum = function(h) sum_pieces(h$n, read(h$path)),
    pick = function(h, i) pick_pieces(h$n, i, read(h$path)),
    update = function(h, i, v) {
      write_pieces(h$n, i, v, read(h$path), write(h$path))
      close_file(h$path)
    },
    append = function(h, v) {
      rhdf5::h5set_extent(h$path, "x", h$n + length(v))
      write(h$path)(h$n + 1, h$n + length(v), v)
      close_file(h$path)
    }
  )
}

# What can only be written and read as a whole.
whole_file <- function(title, package, how, write, read) {
  list(
    title = title, package = package, how = how,
    create = function(path, x) {
      write(x, path)
      sync(path)
    },
    fill = "must be in memory as a whole",
    open = function(path) read(path),
    first = function(h) h[1],
    sum = function(h) sum(h),
    pick = function(h, i) h[i],
    update = "no updates in place",
    append = "no append"
  )
}

peer_fst <- whole_file(
  "fst", "fst", "`write_fst` with its default compression and threads; the column is read as a whole; `sync`",
  function(x, path) fst::write_fst(data.frame(x = x), path), function(path) fst::read_fst(path, "x")$x
)
peer_rds <- function(compress) {
  whole_file(
    paste0("saveRDS, gzip ", if (compress) "(default)" else "off"), NULL, "`saveRDS`, `readRDS`, `sync`",
    function(x, path) saveRDS(x, path, compress = compress), readRDS
  )
}
peer_raw <- whole_file(
  "writeBin", NULL, "the bytes of the vector by `writeBin`, `readBin`, `sync`",
  function(x, path) writeBin(x, path), function(path) readBin(path, "double", file.size(path) / 8)
)

# No store at all: what R takes for the same in memory.
peer_memory <- list(
  title = "a vector in memory", package = NULL, how = "nothing is stored: what R itself takes",
  create = "not stored", fill = "not stored",
  prepare = function(raw) {
    h <- new.env()
    h$x <- readBin(raw, "double", file.size(raw) / 8)
    h
  },
  open = function(h) h,
  first = function(h) h$x[1],
  sum = function(h) sum(h$x),
  pick = function(h, i) h$x[i],
  update = function(h, i, v) {
    x <- h$x
    rm("x", envir = h) # else R would change a copy
    x[i] <- v
    h$x <- x
  },
  append = function(h, v) h$x <- c(h$x, v)
)

peers <- list(
  ufostore = peer_ufostore, bigmemory = peer_bigmemory, ff = peer_ff, hdf5r = peer_hdf5r(4), hdf5r_off = peer_hdf5r(0),
  rhdf5 = peer_rhdf5(6), rhdf5_off = peer_rhdf5(0), fst = peer_fst, rds = peer_rds(TRUE), rds_off = peer_rds(FALSE),
  raw = peer_raw, memory = peer_memory
)
# Nothing here uses them: the table says whether they are installed.
others <- c("arrow", "bigstatsr", "disk.frame", "filearray", "filematrix", "mmap", "qs", "qs2")
