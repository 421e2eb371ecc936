# How base R finds the operators of lazy vectors beside operands of other classes.
#
# S3 finds Ops.ufo_lazy for the one and, say, Ops.Date for the other, and gives up with a warning; only from R 4.3 on can
# a class decide that (chooseOpsMethod()). But S4 methods come before those of S3, wherever an operand is an S4 object, as
# lazy vectors are. Nothing else of them is S4.

setOldClass("ufo_lazy")
local({
  operator <- function(e1, e2) lazy_operator(.Generic, e1, e2)
  for (operands in list(c("ufo_lazy", "ANY"), c("ANY", "ufo_lazy"), c("ufo_lazy", "ufo_lazy"), c("ufo_lazy", "missing"))) {
    setMethod("Ops", operands, operator, where = topenv())
  }
  setMethod("show", "ufo_lazy", function(object) print(object), where = topenv())
})
