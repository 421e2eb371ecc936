# dplyr's verbs on lazy tables beside what they give of ordinary ones, with pieces of 512 rows, and of 128, so that groups
# are larger than what is read into memory at once.

skip_without_dplyr <- function() {
  skip_if_not_installed("dplyr")
  skip_if_not_installed("tibble")
}
dplyr_here <- requireNamespace("dplyr", quietly = TRUE) && requireNamespace("tibble", quietly = TRUE)
# The verbs by their own names, as after library(dplyr), but in this file alone.
if (dplyr_here) for (name in getNamespaceExports("dplyr")) assign(name, getExportedValue("dplyr", name))

any_table <- function(n, as = tibble::as_tibble) {
  df <- any_frame(n)
  df$id <- sample.int(n)
  df$z <- replace(rnorm(n), sample(n, n %/% 10), NA)
  df$when <- as.POSIXct("2026-01-01", tz = "UTC") + runif(n) * 1e6
  as(df)
}

quietly <- function(code) suppressWarnings(suppressMessages(code))
ordinary <- function(x) if (inherits(x, "ufo_lazy_frame")) dplyr::collect(x) else ufo_materialize(x)

# f() of the lazy table and of the ordinary one, which may be grouped.
expect_as_dplyr <- function(f, df, lazy, piece = 4096) {
  old <- options(ufostore.piece = piece, ufostore.progress = FALSE)
  on.exit(options(old))
  info <- paste(deparse(body(f)), collapse = " ")
  got <- tryCatch(quietly(ordinary(f(lazy))), error = function(e) e)
  expect_false(inherits(got, "error"), info = paste(info, if (inherits(got, "error")) conditionMessage(got)))
  expected <- quietly(f(df))
  expect_identical(class(got), class(expected), info = info)
  if (!identical(got, expected)) expect_equal(got, expected, info = info, tolerance = 1e-12)
}

expect_all_as_dplyr <- function(functions, df, piece = 4096) {
  lazy <- stored_frame(df)
  for (f in functions) expect_as_dplyr(f, df, lazy, piece)
}

# What newer versions of dplyr do not do any more.
expect_all_as_old_dplyr <- function(...) if (utils::packageVersion("dplyr") < "1.1.0") expect_all_as_dplyr(...)

expect_refused <- function(code, what = NULL) expect_error(quietly(code), what, class = "ufo_unsupported_error")

# The same words of dplyr.
expect_same_failure <- function(f, df, lazy) {
  expected <- expect_error(quietly(f(df)))
  got <- expect_error(quietly(f(lazy)))
  expect_identical(conditionMessage(got), conditionMessage(expected))
}

test_that("rows are chosen as dplyr chooses them", {
  skip_without_dplyr()
  set.seed(71)
  df <- any_table(1100)
  limit <- 0.5
  n <- 3
  numbers <- rnorm(1100)
  others <- sample(df$b)
  matrix <- matrix(1:4, 2)
  expect_all_as_dplyr(list(
    function(x) filter(x, b > 0), function(x) filter(x, b > 0, a %in% c(1, 2)), function(x) filter(x, b > mean(b), !is.na(town)),
    function(x) filter(x, .data$b > .env$limit), function(x) filter(x, .data[["b"]] > n), function(x) filter(x, b > numbers),
    function(x) filter(x, b %in% others), function(x) filter(x, b %in% a), function(x) filter(x, row_number() <= 10 & n() > n),
    function(x) filter(x, between(b, -1, 1) | g == "x"), function(x) filter(x, grepl("o", town)), function(x) filter(x, lag(b) < b),
    function(x) filter(x, town == "Oslo" & day > as.Date("2026-02-01")), function(x) filter(x, when > "2026-01-05"),
    function(x) filter(x, day >= max(day) - 7), function(x) filter(x, b > !!limit), function(x) filter(x, TRUE), function(x) filter(x),
    function(x) filter(x, if_any(c(b, z), ~ .x > 2)), function(x) filter(x, if_all(where(is.numeric), ~ !is.na(.x))),
    function(x) filter(x, b > c(1, -1)), function(x) filter(x, b > matrix[, 1][1]),
    function(x) filter(x, !duplicated(town)), function(x) filter(x, stats::complete.cases(a, z)),
    function(x) filter(x, min_rank(desc(day)) <= 3), function(x) filter(x, b > median(b), .data$a == 3L),
    function(x) slice(x, 1:5), function(x) slice(x, n()), function(x) slice(x, -(1:5)), function(x) slice(x, c(5, 1, 9999), 7),
    function(x) slice(x, which(b > 2)), function(x) slice_head(x), function(x) slice_head(x, n = -5), function(x) slice_head(x, prop = 0.1),
    function(x) slice_tail(x, n = 4), function(x) slice_min(x, b, n = 4), function(x) slice_max(x, z, n = 4), function(x) slice_max(x, a, n = 4),
    function(x) slice_min(x, z, prop = 0.01, with_ties = FALSE), function(x) slice_max(x, when, n = 3),
    function(x) { set.seed(3); slice_sample(x, n = 7) }, function(x) { set.seed(3); slice_sample(x, prop = 0.01, replace = TRUE) },
    function(x) distinct(x), function(x) distinct(x, a), function(x) distinct(x, town, a), function(x) distinct(x, g, .keep_all = TRUE),
    function(x) distinct(x, q = b > 0), function(x) distinct(x, z, b, town)
  ), df)
  expect_all_as_old_dplyr(list(function(x) filter(x, across(c(a, b), ~ .x > 1))), df)
})

test_that("rows are ordered as dplyr orders them", {
  skip_without_dplyr()
  set.seed(72)
  df <- any_table(1100)
  df$z[5:9] <- NaN
  expect_all_as_dplyr(list(
    function(x) arrange(x, b), function(x) arrange(x, desc(b), town), function(x) arrange(x, desc(town), a), function(x) arrange(x, g, desc(day)),
    function(x) arrange(x, -b), function(x) arrange(x, desc(g), z), function(x) arrange(x, desc(ok), desc(z)), function(x) arrange(x, dplyr::desc(when)),
    function(x) arrange(x, across(c(a, town))), function(x) arrange(x, abs(b - mean(b)), desc(nchar(town))), function(x) arrange(x),
    function(x) arrange(group_by(x, g), b), function(x) arrange(group_by(x, g), b, .by_group = TRUE)
  ), df)
})

test_that("columns are chosen and named as dplyr does it", {
  skip_without_dplyr()
  set.seed(73)
  df <- any_table(600)
  expect_all_as_dplyr(list(
    function(x) select(x, a, b), function(x) select(x, where(is.numeric), town), function(x) select(x, -a, new = b),
    function(x) select(x, starts_with("d"), everything()), function(x) select(x, a:g), function(x) select(x, any_of(c("a", "none"))),
    function(x) select(x, last_col()), function(x) rename(x, q = a), function(x) rename(x, a = b, b = a), function(x) rename_with(x, toupper),
    function(x) rename_with(x, toupper, where(is.character)), function(x) relocate(x, z), function(x) relocate(x, z, .after = b),
    function(x) relocate(x, where(is.character), .before = a), function(x) select(group_by(x, g, a), b), function(x) rename(group_by(x, g), q = g),
    function(x) relocate(group_by(x, g), z), function(x) pull(x, b), function(x) pull(x), function(x) pull(x, 2), function(x) pull(x, "town")
  ), df)
  lazy <- stored_frame(df)
  expect_s3_class(lazy %>% select(a), "ufo_lazy_frame")
  expect_true(inherits(pull(lazy, b), "ufo_lazy"))
  expect_refused(select(lazy, where(anyNA)), "types")
  expect_refused(select(lazy, where(~ is.numeric(.x) && any(.x > 4, na.rm = TRUE))), "types")
})

test_that("columns are made as dplyr makes them", {
  skip_without_dplyr()
  set.seed(74)
  df <- any_table(1100)
  n <- 7
  numbers <- rnorm(1100)
  twice <- function(v) v * 2
  mean_of <- function(v) mean(v, na.rm = TRUE)
  expect_all_as_dplyr(list(
    function(x) mutate(x, c = b * 2, d = c - mean(c), e = if_else(d > 0, "up", "down")), function(x) mutate(x, b = b * 2, e = b + 1, b = NULL),
    function(x) mutate(x, x1 = b, x1 = x1 + 1, b = x1 * 2, c = b - lag(b, default = 0)),
    function(x) mutate(x, s = case_when(b > mean(b) ~ "hi", is.na(a) ~ "na", TRUE ~ "lo")),
    function(x) mutate(x, p = paste(town, a), q = substr(town, 1, 2), r = toupper(q), t = nchar(town), u = sprintf("%.2f", b)),
    function(x) mutate(x, r = ifelse(b > 0, "pos", NA), s = ifelse(is.na(z), mean(z, na.rm = TRUE), z)),
    function(x) mutate(x, l = lag(b), m = lead(town, 2), f = lag(day), g2 = lag(g)), function(x) mutate(x, d = when - lag(when), e = when - min(when)),
    function(x) mutate(x, r = row_number(), n = n(), m = min_rank(b), p = percent_rank(b), c = cume_dist(z), d = dense_rank(z), s = cumsum(b)),
    function(x) mutate(x, c = coalesce(z, b), i = na_if(town, "Oslo"), k = pmax(b, z, na.rm = TRUE), v = cumsum(if_else(is.na(z), 0, z))),
    function(x) mutate(x, one = 1, two = n, three = "c", v = numbers, w = 1:n()), function(x) mutate(x, b > n, `my column` = b, z = `my column` + 1),
    function(x) mutate(x, m = twice(b), k = mean_of(z)), function(x) mutate(x, dplyr::lag(b), m = stats::sd(b), base::round(z, 1)),
    function(x) mutate(x, across(where(is.numeric), ~ .x / 2)), function(x) mutate(x, across(c(a, b), function(v) v + a)),
    function(x) mutate(x, across(c(b, z), list(m = ~ .x - mean(.x, na.rm = TRUE), a = abs), .names = "{.fn}_{.col}")),
    function(x) mutate(x, across(b:z, as.character)), function(x) mutate(x, across(everything(), ~ if (is.character(.x)) toupper(.x) else .x)),
    function(x) mutate(x, across(where(is.numeric), mean, na.rm = TRUE)), function(x) mutate(x, any = if_any(c(a, b), ~ .x > 2)),
    function(x) mutate(x, w = weekdays(day), m = format(day, "%m"), h = format(when, "%H"), d = as.Date(when), t = paste(when)),
    function(x) mutate(x, f = factor(town), c = cut(b, c(-10, 0, 10)), g = as.character(g)), function(x) mutate(x, q = unname(quantile(b, 0.9)) < b),
    function(x) mutate(x, t = log(abs(b) + 1) %/% 0.1, .before = 1), function(x) mutate(x, t = b, .after = a), function(x) mutate(x, z = replace(z, is.na(z), 0)),
    function(x) { f <- function(data, v) mutate(data, q = {{ v }} * 2, !!"r" := mean({{ v }})); f(x, b) },
    function(x) transmute(x, a, d = b * 2), function(x) transmute(x, across(c(a, b))), function(x) transmute(group_by(x, g), m = mean(b))
  ), df)
})

test_that("groups are those of dplyr", {
  skip_without_dplyr()
  set.seed(75)
  df <- any_table(1100)
  df$z[5:9] <- NaN
  expect_all_as_dplyr(list(
    function(x) group_by(x, g), function(x) group_by(x, g, up = b > 0), function(x) group_by(x, across(c(g, ok))), function(x) group_by(group_by(x, g), ok, .add = TRUE),
    function(x) group_by(group_by(x, g), ok), function(x) ungroup(group_by(x, g)), function(x) ungroup(group_by(x, g, a), g), function(x) group_by(x),
    function(x) group_vars(group_by(x, g, a)), function(x) n_groups(group_by(x, g, a)), function(x) group_keys(group_by(x, g, a)), function(x) group_size(group_by(x, town)),
    function(x) head(group_by(x, g), 5), function(x) subset(group_by(x, g), b > 0), function(x) { x <- group_by(x, g); x$q <- x$b; x },
    function(x) group_by(x, g)[c("g", "b")], function(x) distinct(group_by(x, g), a)
  ), df)
  expect_output(print(group_by(stored_frame(df), g, ok)), "Groups: g, ok")
})

test_that("whole tables and groups are summed up as dplyr does it", {
  skip_without_dplyr()
  set.seed(76)
  df <- any_table(1100)
  df$z[5:9] <- NaN
  mean_of <- function(v) mean(v, na.rm = TRUE)
  expect_all_as_dplyr(list(
    function(x) summarise(x, n = n(), m = mean(b), s = sd(z, na.rm = TRUE)), function(x) summarise(x, m = mean(b), d = m * 2, e = sum(b > d)),
    function(x) summarise(x, across(where(is.numeric), mean, na.rm = TRUE)), function(x) summarise(x, across(everything(), ~ sum(is.na(.x)))),
    function(x) summarise(x, across(c(a, b), list(m = mean, s = ~ sd(.x)))), 
    function(x) summarise(x, n_distinct(town), first(town), last(day), nth(b, 3)), function(x) summarise(x, b = mean(b), b2 = b), function(x) summarise(x),
    function(x) summarise(x, max(when), min(town, na.rm = TRUE), median(b), cor(b, id), weighted.mean(b, id)), function(x) summarise(x, tibble::tibble(u = 1, v = mean(b)), w = u + 1),
    function(x) summarise(x, mean(b[ok]), sum(ok & b > 0), mean(is.na(town)), l = list(range(b)), t = paste(sort(unique(town)), collapse = "; ")),
    function(x) summarise(group_by(x, g), n = n(), m = mean(b), s = sd(z, na.rm = TRUE)), function(x) summarise(group_by(x, g, ok), n = n(), m = mean_of(z)),
    function(x) summarise(group_by(x, town, a), n = n(), across(c(b, z), mean, na.rm = TRUE), .groups = "drop"),
    function(x) summarise(group_by(x, g, .drop = FALSE), n = n(), m = sum(b)), function(x) summarise(group_by(filter(x, g == "x"), g, .drop = FALSE), n = n(), m = mean(b)),
    function(x) summarise(group_by(x, day), m = max(when), first(town), n_distinct(a)), function(x) summarise(group_by(x, id %/% 7), m = mean(b)),
    function(x) summarise(group_by(x, id), m = mean(b)), function(x) summarise(group_by(filter(x, !is.nan(z)), z, ok), n = n()), function(x) summarise(group_by(x, a), l = list(b)), function(x) summarise(group_by(x, a), data.frame(u = mean(b), v = 1)),
    function(x) summarise(group_by(x, ok), fit = coef(lm(b ~ id))[[2]]), function(x) summarise(group_by(x, ok), m = mean(b), d = m * 2, k = first(as.character(g))),
    function(x) summarise(group_by(x, ok, g), m = mean(b), .groups = "keep"), function(x) summarise(group_by(x, ok, g), m = mean(b), .groups = "rowwise"), function(x) summarise(group_by(x, ok)),
    function(x) summarise(group_by(x, g), m = mean(.data$b), r = .data[["z"]][1]),
    function(x) summarise(group_by(x, g), across(everything(), ~ sum(is.na(.x)))), function(x) summarise(group_by(x, a), across(where(is.numeric), mean)), function(x) summarise(group_by(x, ok), k = cur_group()$ok, m = median(b)),
    function(x) summarise(group_by(x, ok), d = first(when) - last(when)), function(x) summarise(group_by(x, ok), mad(b), cur_data()[1, "b"]),
    function(x) count(x), function(x) count(x, g), function(x) count(x, town, a, sort = TRUE), function(x) count(x, ok, wt = b), function(x) count(x, q = b > 0, name = "k"), function(x) count(x, n = a), function(x) tally(rename(x, wt = id), wt = wt), function(x) count(rename(x, wt = id), g),
    function(x) count(x, g, .drop = FALSE), function(x) count(group_by(x, g), ok), function(x) tally(x), function(x) tally(group_by(x, g, ok)), function(x) tally(group_by(x, g), wt = id, sort = TRUE, name = "k"),
    function(x) add_count(x, g), function(x) add_count(x, town, wt = a, name = "q"), function(x) add_count(group_by(x, ok), g)
  ), df, 1024)
  # What dplyr says of the groups of the result, it says once.
  old <- options(dplyr.summarise.inform = TRUE)
  on.exit(options(old))
  said <- function(x) capture_messages(summarise(group_by(x, g, ok), n = n()))
  expect_identical(said(stored_frame(df)), said(df))
  expect_all_as_old_dplyr(list(
    function(x) summarise(x, q = quantile(b, c(0.2, 0.8)), p = c(0.2, 0.8)),
    function(x) summarise(group_by(x, town), q = quantile(b, c(0.1, 0.9)), p = c(0.1, 0.9)),
    function(x) summarise(group_by(x, ok), if (mean(b) > 0) b[1] else b[1:2])
  ), df)
})

test_that("columns and rows are made and chosen by groups as dplyr does it", {
  skip_without_dplyr()
  set.seed(77)
  df <- any_table(1100)
  expect_all_as_dplyr(list(
    function(x) mutate(group_by(x, g), m = b - mean(b)), function(x) mutate(group_by(x, g, ok), r = row_number(), n = n(), l = lag(town), s = cumsum(b)), function(x) mutate(group_by(x, town), c = b * 2),
    function(x) mutate(group_by(x, ok), across(c(b, z), ~ .x - mean(.x, na.rm = TRUE))), function(x) mutate(group_by(x, a), across(where(is.numeric), mean, na.rm = TRUE)), function(x) mutate(group_by(x, town), f = first(day), k = min_rank(b), p = b / sum(b), b = NULL),
    function(x) mutate(group_by(x, ok), s = case_when(b > mean(b) ~ "hi", TRUE ~ "lo"), t = if (mean(b) > 0) "pos" else "neg"), function(x) mutate(group_by(x, g), d = when - as.POSIXct("2026-01-01", tz = "UTC")),
    function(x) filter(group_by(x, g), b > mean(b)), function(x) filter(group_by(x, g), b > 0), function(x) filter(group_by(x, town, a), n() > 30), function(x) filter(group_by(x, ok), row_number() == 1),
    function(x) filter(group_by(x, a), if_all(where(is.numeric), ~ .x > mean(.x, na.rm = TRUE))), function(x) filter(group_by(x, town), any(b > 2.5) & ok),
    function(x) slice(group_by(x, g), 1:2), function(x) slice(group_by(x, ok), n()), function(x) slice(group_by(x, ok), -(1:5)), function(x) slice(group_by(x, town), which.max(b)), function(x) slice_head(group_by(x, town), n = 2), function(x) slice_tail(group_by(x, ok), prop = 0.01),
    function(x) slice_max(group_by(x, ok), b, n = 2), function(x) slice_min(group_by(x, a), b, n = 1, with_ties = FALSE), function(x) { set.seed(2); slice_sample(group_by(x, town), n = 2) },
    function(x) mutate(summarise(group_by(x, g, ok), n = n()), p = n / sum(n)),
    function(x) x |> filter(!is.na(town)) |> select(town, b, g) |> mutate(k = b * 2) |> group_by(town, g) |> summarise(n = n(), s = sum(k), .groups = "drop") |> arrange(desc(s))
  ), df, 1024)
})

test_that("tables are joined as dplyr joins them", {
  skip_without_dplyr()
  set.seed(78)
  df <- any_table(1100)
  towns <- tibble::tibble(town = c("Oslo", NA, "Paris", "Ume\u00e5", "Oslo"), w = 1:5, b = 5:1)
  texts <- data.frame(g = c("x", "y", "q"), v = c(1.5, 2.5, 3.5))
  numbers <- tibble::tibble(k = c(1, 2, 2, 99), name = c("one", "two", "zwei", "n"))
  factors <- tibble::tibble(g = factor(c("x", "z")), v = 1:2)
  expect_all_as_dplyr(list(
    function(x) inner_join(x, towns, by = "town"), function(x) left_join(x, towns, by = "town", suffix = c("", "_y")), function(x) left_join(x, towns), function(x) semi_join(x, towns, by = "town"),
    function(x) anti_join(x, towns, by = "town"), function(x) right_join(x, towns, by = "town"), function(x) full_join(x, towns, by = "town"), function(x) left_join(x, texts), function(x) right_join(x, texts),
    function(x) inner_join(x, numbers, by = c(a = "k")), function(x) full_join(x, numbers, by = c(a = "k")), function(x) left_join(x, factors, by = "g"), function(x) semi_join(group_by(x, g), factors, by = "g"),
    function(x) inner_join(x, towns, by = "town", na_matches = "never"), function(x) left_join(x, towns, by = c("town", b = "w")), function(x) left_join(group_by(x, town), towns, by = "town"), function(x) left_join(group_by(x, g, ok), data.frame(town = "Oslo", g = 1:2), by = "town"), function(x) left_join(x, towns[0, ], by = "town"),
    function(x) union_all(x, x), function(x) union_all(x, df[5:1, ]), function(x) union(x, df[5:1, ])
  ), df)
  lazy <- stored_frame(df)
  expect_identical(ordinary(left_join(lazy, ufo_lazy(towns), by = "town")), quietly(left_join(df, towns, by = "town")))
  expect_same_failure(function(x) left_join(x, numbers, by = "nobody"), df, lazy)
  expect_same_failure(function(x) left_join(x, numbers, by = c(town = "k")), df, lazy)
  expect_refused(inner_join(lazy, towns, by = "town", keep = TRUE), "keep")
  expect_refused(union_all(lazy, towns), "same columns")
})

test_that("a data frame stays one where dplyr leaves it one, and tables of no rows and of one work", {
  skip_without_dplyr()
  set.seed(79)
  verbs <- list(
    function(x) filter(x, b > 0), function(x) mutate(x, q = b + 1, r = mean(b), k = n(), l = lag(b)), function(x) select(x, a), function(x) arrange(x, desc(b)), function(x) distinct(x, a), function(x) distinct(x),
    function(x) summarise(x, m = mean(b), n = n()), function(x) summarise(group_by(x, g), m = mean(b)), function(x) summarise(group_by(x, town, a), n = n()), function(x) summarise(group_by(x, g, .drop = FALSE), m = mean(b)),
    function(x) count(x), function(x) count(x, g), function(x) tally(x), function(x) add_count(x, g), function(x) transmute(x, b), function(x) slice(x, 1), function(x) slice_max(x, b), function(x) ungroup(group_by(x, g)),
    function(x) mutate(group_by(x, town), m = mean(b), k = b > 1, r = lag(day)), function(x) filter(group_by(x, g), b > mean(b)), function(x) slice_head(group_by(x, g)), function(x) union_all(x, x),
    function(x) left_join(x, data.frame(town = "Oslo", w = 1), by = "town"), function(x) full_join(x, data.frame(town = "Oslo", w = 1), by = "town")
  )
  for (as in list(identity, tibble::as_tibble)) for (n in c(0, 1)) expect_all_as_dplyr(verbs, any_table(n, as))
  expect_all_as_dplyr(verbs, any_table(600, identity))
})

test_that("what dplyr fails to do it fails to do in the same words, and what is not done here is refused", {
  skip_without_dplyr()
  df <- any_table(600)
  lazy <- stored_frame(df)
  with_small_pieces({
    for (f in list(
      function(x) filter(x, nobody > 1), function(x) filter(x, b = 1), function(x) filter(x, b + "a"), function(x) filter(x, 1), function(x) mutate(x, r = nobody), function(x) mutate(x, r = b + town),
      function(x) select(x, nobody), function(x) arrange(x, nobody), function(x) distinct(x, nobody), function(x) slice_head(x, 5), function(x) summarise(x, mean(nobody)), function(x) group_by(x, nobody),
      function(x) summarise(group_by(x, a), mean(nobody)), function(x) mutate(group_by(x, ok), nobody + 1)
    )) expect_same_failure(f, df, lazy)
    expect_error(mutate(lazy, w = 1:2), "must be of size 600 or 1, not 2", class = "ufo_usage_error")
    expect_refused(rowwise(lazy), "ufo_map")
    expect_refused(group_split(lazy), "split")
    expect_refused(do(lazy, head(.)), "collect")
    expect_refused(mutate(lazy, f = ntile(b, 4)), "rank")
    expect_refused(mutate(lazy, f = strsplit(town, "a")), "collect")
    expect_refused(mutate(lazy, l = list(1)), "list")
    expect_refused(mutate(lazy, l = lag(b, order_by = z)), "arrange")
    expect_refused(mutate(lazy, q = 1, .keep = "none"), "transmute")
    expect_refused(filter(lazy, .by = g, b > mean(b)), "group_by")
    expect_refused(summarise(lazy, cumsum(b)), "mutate")
    expect_refused(summarise(group_by(lazy, ok), cur_group_id()), "cur_group")
    expect_refused(mutate(group_by(lazy, g), g = "x"), "ungroup")
    expect_refused(count(lazy, g, ok, .drop = FALSE), "factors")
    expect_refused(pull(lazy, b, name = town), "names")
    # A group that is large, and what does not work on lazy columns, is read into memory by itself.
    expect_identical(summarise(group_by(lazy, ok), k = paste(head(strsplit(toString(b), ",")[[1]], 2), collapse = "")), summarise(group_by(df, ok), k = paste(head(strsplit(toString(b), ",")[[1]], 2), collapse = "")))
  })
})

test_that("a table is shown, and read by collect() alone", {
  skip_without_dplyr()
  df <- any_table(600)
  lazy <- stored_frame(df)
  expect_output(glimpse(lazy), "Rows: 600.*Columns: 9.*\\$ town")
  expect_identical(collect(lazy), df)
  expect_identical(collect(group_by(lazy, g)), group_by(df, g))
  expect_identical(compute(lazy), lazy)
})

test_that("the verbs are there whichever package is loaded first", {
  skip_without_dplyr()
  code <- c(
    "t <- ufo_lazy(data.frame(x = c(3, 1, 2), g = c('a', 'b', 'a')))",
    "cat('sum', summarise(filter(t, x > 1), s = sum(x))$s, count(t, g)$n, '\\n')"
  )
  expect_true("sum 5 2 1 " %in% in_new_session(c("suppressMessages(library(dplyr))", code)))
  before <- c("loaded <- loadedNamespaces()", "stopifnot(!('dplyr' %in% loaded), !('rlang' %in% loaded))")
  expect_true("sum 5 2 1 " %in% in_new_session(c(before, "suppressMessages(library(dplyr))", code)))
})

test_that("a table of four times the budget is worked on within it", {
  skip_without_dplyr()
  skip_long_without_peaks()
  with_budget("16MB", {
    options(ufostore.progress = FALSE)
    gc(full = TRUE)
    n <- 2^21
    # Four columns of 16 MB, one of 8.
    x <- ufo_map(seq_len(n), as.numeric)
    table <- cbind(ufo_map(x, function(v) data.frame(x = v, y = (v * 7919) %% 1000 / 1000, w = -v, u = v %% 3)), g = ufo_map(x, function(v) as.integer(v %% 50)))
    few <- data.frame(g = 0:49, name = paste("group", 0:49))
    gc(full = TRUE)
    start <- status_bytes("VmRSS")
    peaks <- c(
      filter = peak_bytes(some <- filter(table, y > 0.5, x > mean(x))),
      mutate = peak_bytes(more <- mutate(table, z = x * 2 + y, high = if_else(y > 0.9, "high", "low"), from = x - mean(x))),
      summarise = peak_bytes(sums <- table |> group_by(g) |> summarise(n = n(), m = mean(x), top = max(y))),
      summarise_large = peak_bytes(halves <- table |> group_by(half = x > 2^20) |> summarise(n = n(), m = mean(x))),
      mutate_by_group = peak_bytes(centred <- table |> group_by(g) |> mutate(d = x - mean(x))),
      arrange = peak_bytes(sorted <- arrange(table, g, desc(x))),
      distinct = peak_bytes(once <- distinct(table, g)),
      count = peak_bytes(counts <- count(table, g)),
      join = peak_bytes(joined <- left_join(table, few, by = "g"))
    )
    expect_lt(max(peaks) - start, (16 + 128) * mb)
    # They are right, too.
    expect_identical(nrow(sums), 50L)
    expect_identical(sums$n, counts$n)
    expect_identical(halves$m, c((1 + 2^20) / 2, (2^20 + 1 + n) / 2))
    expect_identical(as.vector(head(sorted$x, 2)), c(n, n - 50) - n %% 50)
    i <- c(1, 77, n)
    expect_identical(as.vector(more$from[i]), i - (n + 1) / 2)
    expect_identical(as.vector(centred$d[77]), 77 - sums$m[[28]])
    expect_identical(as.vector(joined$name[i]), paste("group", i %% 50))
    expect_identical(as.vector(once$g), c(1:49, 0L))
    expect_true(all(some$x > (n + 1) / 2))
  })
})

test_that("columns are counted, sliced and named as by dplyr, whatever there is", {
  skip_without_dplyr()
  set.seed(83)
  df <- any_table(300)
  # A name that is there already is that of the count.
  expect_all_as_dplyr(list(
    function(x) add_count(x, a, name = "b"), function(x) add_tally(x, name = "a"), function(x) slice_max(x, g, prop = 0.2),
    function(x) slice_min(x, g, n = 3), function(x) slice_max(x, town, n = 30), function(x) slice_max(x, ok, n = 30),
    function(x) mutate(x, month = format(day, "%m"), shown = format(day)), function(x) filter(x, format(when, "%H") > "12")
  ), df, 1024)
  lazy <- stored_frame(df)
  expect_error(slice(lazy, 1.9), class = "ufo_usage_error")
  expect_error(summarise(df, across(c(a, b), list(min, max), .names = "{.col}")))
  expect_error(summarise(lazy, across(c(a, b), list(min, max), .names = "{.col}")), "two columns", class = "ufo_usage_error")
  # What a lazy vector shows of itself is no value.
  for (f in list(function(x) summarise(x, t = format(b)), function(x) mutate(head(x, 7), t = format(town)), function(x) mutate(x, t = format(when)))) {
    expect_refused(f(lazy), "format")
  }
  old <- options(ufostore.piece = 64)
  on.exit(options(old))
  expect_refused(mutate(lazy, ..ufo_1 = a, q = b - mean(b)), "..ufo_1")
  expect_refused(mutate(rename(lazy, ..ufo_1 = a), q = ..ufo_1 - mean(b)), "..ufo_1")
})

test_that("columns that make groups are not changed by summarise()", {
  skip_without_dplyr()
  df <- tibble::tibble(a = rep(1:3, 20), b = rep(c("x", "y"), 30), z = 1:60)
  lazy <- group_by(stored_frame(df), a, b)
  expect_refused(summarise(lazy, b = "c", z = 2), "make the groups")
  expect_refused(summarise(lazy, tibble::tibble(b = "c", z = 2)), "make the groups")
  expect_refused(summarise(group_by(ungroup(lazy), a), a = mean(z)), "make the groups")
})

test_that("groups of NaN and of NA are in dplyr's order, or refused", {
  skip_without_dplyr()
  set.seed(84)
  df <- tibble::tibble(a = sample(c(TRUE, FALSE), 200, TRUE), d = sample(c(1, NA, NaN), 200, TRUE), z = 1:200)
  expect_all_as_dplyr(list(
    function(x) count(x, d), function(x) mutate(group_by(x, a, d), m = mean(z)), function(x) ungroup(filter(group_by(x, d, a), z > mean(z)))
  ), df, 1024)
  lazy <- stored_frame(df)
  expect_refused(count(lazy, a, d), "NaN and NA")
  expect_refused(summarise(group_by(lazy, d, a), m = mean(z)), "NaN and NA")
})

test_that("sums of weights that are NaN, or too large for integers, are counted as dplyr counts them", {
  skip_without_dplyr()
  df <- tibble::tibble(a = rep(c("x", "y", "z"), 20), w = rep(c(Inf, -Inf, 1, NA), 15), i = rep(.Machine$integer.max, 60))
  expect_all_as_dplyr(list(
    function(x) tally(x, wt = w), function(x) count(x, a, wt = w), function(x) count(x, a, wt = i, sort = TRUE),
    function(x) tally(x, wt = i), function(x) tally(group_by(x, a), wt = w, name = "sum"), function(x) count(x, a, w, sort = TRUE)
  ), df, 128)
})

test_that("groups without rows beside NA are refused", {
  skip_without_dplyr()
  df <- tibble::tibble(f = factor(rep(c("u", NA), 20), c("u", "v")), o = factor(rep("lo", 40), c("lo", "hi")), z = 1:40)
  expect_all_as_dplyr(list(
    function(x) count(x, f, .drop = FALSE), function(x) count(x, o, .drop = FALSE), function(x) count(filter(x, f == "u"), f, o, .drop = FALSE)
  ), df, 128)
  lazy <- stored_frame(df)
  expect_refused(summarise(group_by(lazy, f, o, .drop = FALSE), m = mean(z)), "without rows")
  expect_refused(count(lazy, o, f, .drop = FALSE), "without rows")
})

test_that("groups without rows are kept by a further group_by()", {
  skip_without_dplyr()
  df <- tibble::tibble(f = factor(rep("u", 40), c("u", "v")), o = factor(rep("lo", 40), c("lo", "hi")), z = 1:40)
  expect_all_as_dplyr(list(
    function(x) summarise(group_by(group_by(x, f, .drop = FALSE), f, o), n = n()),
    function(x) summarise(group_by(group_by(x, f, .drop = FALSE), o, .add = TRUE), n = n())
  ), df, 128)
})

test_that("functions that ask for types, and random numbers, are the same in large groups", {
  skip_without_dplyr()
  df <- tibble::tibble(a = rep(c("x", "y"), 100), f = factor(rep("u", 200)), z = as.double(1:200))
  type_of <- function(v) class(v)[1]
  expect_all_as_dplyr(list(
    function(x) summarise(group_by(x, a), k = type_of(f)), function(x) mutate(x, k = class(f)),
    function(x) { set.seed(5); summarise(group_by(x, a), r = sum(rnorm(n())), c = coef(lm(z ~ rev(z)))[[1]]) }
  ), df, 128)
  expect_refused(mutate(stored_frame(df), k = type_of(f)), "type_of")
})

test_that("across() of results before it is refused", {
  skip_without_dplyr()
  df <- tibble::tibble(j = 1:300, t = "x", z = 2)
  expect_all_as_dplyr(list(
    function(x) summarise(x, n = n(), across(c(j, z), sum)), function(x) summarise(x, n = n(), across(where(is.character), first)),
    function(x) summarise(x, across(where(is.numeric), list(a = sum)), n = n()), function(x) summarise(x, n = "a", across(where(is.numeric), sum))
  ), df, 512)
  lazy <- stored_frame(df)
  expect_refused(summarise(lazy, n = n(), across(where(is.numeric), list(a = sum))), "across")
  expect_refused(summarise(lazy, n = n(), across(everything(), list(a = first))), "across")
})
