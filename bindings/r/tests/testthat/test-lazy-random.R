# Programs of some random steps on lazy vectors, beside the same on ordinary ones. The seed of a failure is in its message.

# is.character() has no methods.
is_text <- function(x) is.character(ufo_unlazy(x))

steps <- list(
  arithmetic = function(x, y) if (is_text(x)) x == y else x * 2 - y,
  compare = function(x, y) x < y,
  missing = function(x, y) is.na(x),
  some = function(x, y) x[seq_len(length(x)) %% 3 != 0],
  by_value = function(x, y) x[!is.na(y) & y == y],
  at = function(x, y) x[rep_len(c(5, 1, NA, 3, length(x)), 700)],
  without = function(x, y) x[-(1:3)],
  set = function(x, y) {
    x[c(2, 600, 3)] <- y[c(1, 2, 3)]
    x
  },
  set_where = function(x, y) {
    x[is.na(x)] <- y[1]
    x
  },
  longer = function(x, y) {
    length(x) <- length(x) + 30
    x
  },
  join = function(x, y) c(x, y),
  head = function(x, y) head(x, -17),
  tail = function(x, y) tail(x, 900),
  rev = function(x, y) rev(x),
  rep = function(x, y) rep(x, each = 2, length.out = 1100),
  sort = function(x, y) sort(x, na.last = TRUE),
  sort_down = function(x, y) sort(x, decreasing = TRUE),
  unique = function(x, y) unique(x),
  duplicated = function(x, y) duplicated(x),
  text = function(x, y) as.character(x),
  number = function(x, y) as.double(x),
  split = function(x, y) split(x, rep_len(1:3, length(x)))[[2]],
  negate = function(x, y) if (is_text(x)) rev(x) else -x
)
ends <- list(
  length = length, sum = function(x) if (is_text(x)) 0 else sum(x, na.rm = TRUE), range = function(x) range(x, na.rm = TRUE),
  any_missing = anyNA, first = function(x) x[[1]], all = identity
)

# What comes of the steps, of lazy or ordinary vectors.
run_program <- function(x, y, program, end) {
  for (name in program) {
    if (length(x) < 10) break
    x <- steps[[name]](x, y)
    y <- rev(x)
  }
  ends[[end]](x)
}

test_that("random programs give what base R gives", {
  with_small_pieces(for (seed in 1:150) {
    set.seed(seed)
    type <- sample(c("logical", "integer", "double", "character"), 1)
    x <- any_vector(type, sample(c(20, 512, 513, 1500), 1))
    y <- any_vector(type, length(x))
    program <- sample(names(steps), 4)
    end <- sample(names(ends), 1)
    info <- paste("seed", seed, type, length(x), paste(program, collapse = ", "), end)
    expected <- outcome(run_program(x, y, program, end))
    got <- outcome(run_program(stored_lazy(x), ufo_lazy(y), program, end))
    if (inherits(expected$value, "failure")) expect_true(inherits(got$value, "failure"), info = info)
    else expect_identical(got, expected, info = info)
  })
})
