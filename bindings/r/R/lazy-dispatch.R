# How base R finds the operators of lazy vectors beside operands of other classes.
#
# S3 finds Ops.ufo_lazy for the one and, say, Ops.Date for the other. From R 4.3 on chooseOpsMethod() says which is
# called. Before, neither is: base R warns and gives up. But S4 methods come before those of S3, wherever an operand has
# the mark of an S4 object; so there lazy vectors carry it. Nothing else of them is S4.

carries_mark <- getRversion() < "4.3.0"
marked <- function(x) {
  if (!carries_mark) return(x)
  # deparse(), which dput() and calls in messages are made by, takes the mark off what it shows, and the class, too, unless
  # it stands here; of an environment there is no copy, so that the vector itself would be none any more.
  attr(x, ".S3Class") <- class(x)
  asS4(x)
}

chooseOpsMethod.ufo_lazy <- function(x, y, mx, my, cl, reverse) TRUE

setOldClass("ufo_lazy")
local({
  operator <- function(e1, e2) lazy_operator(.Generic, e1, e2)
  for (operands in list(c("ufo_lazy", "ANY"), c("ANY", "ufo_lazy"), c("ufo_lazy", "ufo_lazy"), c("ufo_lazy", "missing"))) {
    setMethod("Ops", operands, operator, where = topenv())
  }
  setMethod("show", "ufo_lazy", function(object) print(object), where = topenv())
})
