info <- function(x) .Call(caller_info, x)
advise <- function(x, first, count, advice) .Call(caller_advise, x, first, count, advice)
# The sum of x[first + 1:count], by a thread that is not R's.
sum_elsewhere <- function(x, first, count) .Call(caller_sum, x, first, count)
# Gives the memory of x to write(2) as it is.
write_bytes <- function(x, path) .Call(caller_write, x, path)
get_object <- function(store, name) .Call(caller_get, store, name)
