# markdown.R - printing Markdown tables; base R only. Sourced by tables.R and peers.R.
say <- function(...) cat(..., "\n", sep = "")
number <- function(x) ifelse(is.na(x), "-", trimws(formatC(x, digits = 3, format = "fg", big.mark = ",")))
row <- function(...) say("| ", paste(c(...), collapse = " | "), " |")
head_row <- function(...) {
  row(...)
  row(rep("---", length(c(...))))
}
