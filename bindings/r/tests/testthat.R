library(testthat)
library(ufostore)

test_check("ufostore")
