# Of each kind of thing that base R does to vectors, a little. What it does to a vector it believes to be nobody
# else's comes first: it uses its memory for the result.
x <- c(a = 1.5, b = NA, c = -3, d = NaN, e = Inf)
y <- x
x + 1
-x
exp(x)
sqrt(abs(x))
x * 2 + x / 3
identical(x, y)
y[2] <- 0
y[["c"]] <- 9
x
y
names(y)[2] <- "z"
y
f <- function(v) { v[1] <- 100; v }
f(x)
x
i <- 1:12
m <- matrix(i, 3, dimnames = list(letters[1:3], LETTERS[1:4]))
m %*% t(m)
m[2, ] <- 0L
m["a", "B"]
apply(m, 1, sum)
dim(i) <- c(2, 6)
i
l <- c(TRUE, NA, FALSE)
l & !l
which(l)
sum(l, na.rm = TRUE)
z <- complex(real = 1:3, imaginary = c(-1, 0, 1))
Mod(z * Conj(z))
r <- as.raw(c(1, 255, 16))
xor(r, rev(r))
s <- c("b", NA, "a\u00e9", "", "b")
s == "b"
toupper(s)
paste0(s, seq_along(s))
strsplit("a,b,c", ",")
sort(s)
match("b", s)
s[3] <- "new"
s
g <- factor(s, levels = c("b", "new", ""))
levels(g)[1] <- "B"
table(g, useNA = "always")
as.integer(g)
d <- as.Date("2024-02-28") + 0:2
format(d, "%d.%m.")
seq(d[1], by = "month", length.out = 3)
as.POSIXct("2024-03-31 12:00", tz = "UTC") + 3600 * 0:2
df <- data.frame(k = c(2L, 1L, 2L, 3L), v = c(0.5, NA, 1, 2), s = c("x", "y", "z", "x"))
df$v[2] <- 7
df[df$k == 2, "v"] <- df[df$k == 2, "v"] * 10
df[order(df$k), ]
merge(df, data.frame(k = 1:2, w = c("one", "two")))
aggregate(v ~ k, df, mean)
tapply(df$v, df$s, sum)
summary(df)
str(df)
fit <- lm(v ~ k, df)
fit
summary(fit)$coefficients
sort(c(3, 1, 2), decreasing = TRUE)
order(c("b", "A", "a"), c(1, 2, 3))
rev(1:5)
cumsum(c(1, 2, NA, 4))
unique(c(1, 2, 1, NA, NA))
duplicated(s)
outer(1:3, 1:3)
sapply(split(df$v, df$k), range)
do.call(rbind, list(1:3, 4:6))
Reduce(`+`, 1:5, accumulate = TRUE)
switch("b", a = 1, b = 2)
for (k in c(1, 2)) print(k)
n <- 0; while (n < 3) n <- n + 1
n
v <- 1:3; v[[2]] <- 10L; v[5] <- 1L
v
w <- numeric(3); for (j in seq_along(w)) w[j] <- j^2
w
set.seed(2); rnorm(3); sample(5)
tryCatch(stop("no"), error = conditionMessage)
as.integer("x")
1:3 + 1:2
q <- quantile(c(5, 3, 8, 1), c(0.1, 0.9))
q
nchar(c("one", "three"))
sprintf("%5.2f and %s", c(1, 2), c("a", "b"))
rapply(list(1, "a", list(2)), function(x) x * 2, classes = "numeric", how = "replace")
structure(1:4, class = "other", note = "n")
unserialize(serialize(list(a = 1:3, b = "x"), NULL))
eval(quote(a + b), list(a = 1, b = 2))
bitwAnd(12L, 10L)
rowsum(c(1, 2, 3), c("a", "b", "a"))
mapply(function(a, b) a + b, 1:3, 4:6)
