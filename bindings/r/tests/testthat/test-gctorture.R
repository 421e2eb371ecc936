# The main operations with a garbage collection every few allocations: what R code and C code forget to protect is gone.
#
# In a session of its own, since testthat would be collected, too. The nightly run collects at every allocation, the
# others at every 23rd, which takes seconds.

operations <- c(
  put = "s$v <- v; stopifnot(identical(s$v, v))",
  types = paste(
    "for (x in list(c(TRUE, NA), 1:3, c(a = 1, b = NA), 2i, as.raw(1:3), 'text', NULL, quote(f(x)), sum, c))",
    "{ ufo_put(s, 'o', x); stopifnot(identical(ufo_get(s, 'o'), x)) }"
  ),
  attributes = paste(
    "x <- structure(1:6, dim = 2:3, dimnames = list(c('a', 'b'), NULL), unit = c(m = 'metre'), class = 'odd');",
    "s$a <- x; y <- s$a; attr(y, 'unit') <- 'foot'; s$a <- y; stopifnot(identical(attr(s$a, 'unit'), 'foot'))"
  ),
  list = paste(
    "l <- list(a = 1:3, b = list('x', factor(c('u', 'v'))), c = data.frame(d = c(1, NA), e = c('p', 'q')));",
    "s$l <- l; stopifnot(identical(s$l, l)); s$l$a[2] <- 9L; stopifnot(identical(s$l$a, c(1L, 9L, 3L)))"
  ),
  subset = paste(
    "x <- s$v; stopifnot(identical(x[c(1, 500, NA)], v[c(1, 500, NA)]), identical(x[-1], v[-1]),",
    "identical(x[x > 0.5], v[v > 0.5]), identical(head(x), head(v)), sum(x) == sum(v))"
  ),
  duplicate = "x <- s$v; y <- x; y[3] <- 0; z <- y; z[4] <- 0; stopifnot(x[3] == v[3], z[3] == 0, y[4] == v[4])",
  sort = "x <- s$v; stopifnot(identical(sort(x), sort(v)), identical(order(x), order(v)))",
  transaction = paste(
    "ufo_transaction(s, { s$t <- 1:10; s$t[3] <- 0L }); ufo_begin(s); s$t[4] <- 0L; ufo_rollback(s);",
    "stopifnot(identical(s$t[3:4], c(0L, 4L)))"
  ),
  error = paste(
    "e <- tryCatch(ufo_get(s, 'nothing'), error = identity); stopifnot(inherits(e, 'ufo_missing_error'));",
    "e <- tryCatch(ufo_transaction(s, { s$v[1] <- 7; stop('no') }), error = conditionMessage);",
    "stopifnot(identical(e, 'no'), s$v[1] == v[1])"
  ),
  reference = "x <- s$v; stopifnot(identical(unserialize(serialize(x, NULL)), v), identical(ufo_materialize(x), v))",
  snapshot = paste(
    "ufo_snapshot(s, 'then'); s$v[1] <- 0; stopifnot(s$v[1] == 0, ufo_get(s, 'v', version = 1)[1] == v[1]);",
    "r <- ufo_open(p, snapshot = 'then'); stopifnot(identical(r$v, v)); ufo_close(r); ufo_snapshot_remove(s, 'then'); s$v <- v"
  ),
  info = "stopifnot(is.list(list(ufo_info(s, 'v'), ufo_versions(s, 'v'), names(s), ufo_stats())), nrow(ufo_verify(s)) == 0)",
  plain = paste(
    "if (getRversion() < '4.5') { x <- ufo_get(s, 'v', form = 'plain'); x[2] <- 0; s$w <- x; y <- x; attr(y, 'a') <- 'b'; s$w <- y;",
    "stopifnot(identical(s$w[], structure(replace(v, 2, 0), a = 'b')[]), is_ufo(x)); l <- ufo_get(s, 'l', form = 'plain') }"
  )
)

# Under gctorture2() with this step; what each printed.
tortured <- function(step) {
  in_new_session(c(
    "options(warn = 1)",
    sprintf("p <- %s; s <- ufo_open(p)", deparse(new_path())),
    "set.seed(1); v <- runif(600)",
    "s$v <- v; stopifnot(identical(s$v, v))",
    sprintf("torture <- function() invisible(gctorture2(%d))", step),
    sprintf("torture(); %s; invisible(gctorture2(0)); cat('%s\\n')", operations, names(operations)),
    "rm(list = setdiff(ls(), 'p')); invisible(gc()); cat(ufo_stats()$views, '\\n')"
  ))
}

test_that("the main operations survive a collection every few allocations", {
  thorough <- Sys.getenv("UFO_TEST_LEVEL") %in% c("nightly", "release")
  for (step in if (thorough) c(1, 5) else 23) {
    expect_identical(tortured(step), c(names(operations), "0 "), info = paste("step", step))
  }
})
