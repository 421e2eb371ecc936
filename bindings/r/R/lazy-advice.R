# What stands in for functions of base R that have no methods. Most of them ask something of a vector that does have
# methods (its length, whether it is numeric), before they fail with words of their own: there the error is raised that says
# what to do. The others ask nothing: which(), which.max(), match(), nchar(), strsplit(), sprintf(), rle(), var().

# By the package that the function is in.
stand_ins <- list(
  base = c(
    c.Date = "ufo_lazy() of the first argument of c()", c.POSIXct = "ufo_lazy() of the first argument of c()",
    table = "ufo_table()", tapply = "ufo_tapply()", factor = "ufo_factor()", as.factor = "ufo_factor()",
    interaction = "a list of several to ufo_tapply() or ufo_table()", ifelse = "ufo_ifelse()", order = "ufo_order() or sort()",
    sort.int = "sort()", sort.list = "ufo_order()", rank = "ufo_rank()", tabulate = "ufo_table()",
    findInterval = "ufo_find_interval()", rowsum.default = "ufo_tapply(x, g, sum)", rowsum.data.frame = "aggregate()",
    by.default = "split() or aggregate()", split.default = "split() of a lazy vector or lazy data frame by the group",
    pmin = "ufo_map(x, pmin, ...)", pmax = "ufo_map(x, pmax, ...)", toupper = "ufo_map(x, toupper)",
    tolower = "ufo_map(x, tolower)", casefold = "ufo_map(x, casefold)", trimws = "ufo_map(x, trimws)",
    substr = "ufo_map(x, substr, start, stop)", substring = "ufo_map(x, substring, first, last)",
    chartr = "ufo_map(x, function(v) chartr(old, new, v))", sub = "ufo_map(x, function(v) sub(pattern, replacement, v))",
    gsub = "ufo_map(x, function(v) gsub(pattern, replacement, v))", grepl = "ufo_map(x, function(v) grepl(pattern, v))",
    grep = "ufo_which(ufo_map(x, function(v) grepl(pattern, v)))", regexpr = "ufo_map(x, function(v) regexpr(pattern, v))",
    gregexpr = "ufo_apply()", strtoi = "ufo_map(x, strtoi)", make.names = "ufo_map(x, make.names)", shQuote = "ufo_map(x, shQuote)",
    encodeString = "ufo_map(x, encodeString)", iconv = "ufo_map(x, iconv, from, to)", abbreviate = "ufo_map()", agrepl = "ufo_map()",
    expand.grid = "unique() of each, as a vector: as.vector(unique(x))",
    difftime = "the difference of the two, and units(d) <- \"hours\" or its like", unsplit = "ufo_order() and x[i]"
  ),
  stats = c(
    cor = "ufo_cor()", cov = "ufo_cov()", sd = "ufo_sd()", ave = "ufo_ave()",
    ecdf = "ufo_rank(x) / length(x)", t.test.default = "mean() and ufo_sd()", wilcox.test.default = "a sample: as.vector(sample(x, 1e5))",
    cor.test.default = "ufo_cor()", ts = "a vector in memory: ts(as.vector(x), ...)", shapiro.test = "a sample: as.vector(sample(x, 5000))"
  ),
  grDevices = c(boxplot.stats = "boxplot(), fivenum() or quantile()")
)

# Raises the error if the method that calls this was called for one of these; of several inside of each other, the outermost.
advise <- function() {
  name <- NULL
  for (frame in rev(seq_len(sys.nframe() - 2))) {
    caller <- sys.function(frame)
    if (is.primitive(caller)) next # what found the method
    home <- topenv(environment(caller))
    package <- if (isNamespace(home)) getNamespaceName(home) else ""
    if (!(package %in% homes_of_callers)) break
    called <- sys.call(frame)[[1]]
    if (is.call(called)) called <- called[[length(called)]]
    called <- if (is.symbol(called)) as.character(called) else ""
    if (called %in% names(stand_ins[[package]]) && (!is.null(name) || !(called %in% by_ordinary_groups))) {
      name <- called
      instead <- stand_ins[[package]][[name]]
    }
  }
  if (is.null(name)) return(invisible())
  name <- sub("\\.(default|data\\.frame|Date|POSIXct)$", "", name)
  raise_without_method(name, "() does not work on a lazy vector; use ", instead)
}
# These can do with lazy vectors, if it is not the groups that are lazy, of which they make a factor.
by_ordinary_groups <- c("ave", "interaction", "split.default", "tapply", "unsplit")
homes_of_callers <- c("base", "stats", "grDevices", "methods")
