# store.R - stores every data set that comes with R, and the words of a real text.
source(file.path(Sys.getenv("DEMO_SCRIPTS"), "common.R"))
s <- ufo_open(store_path, mode = "create")

sets <- ls("package:datasets")
took <- seconds(ufo_transaction(s, for (name in sets) s[[name]] <- get(name, "package:datasets")))
say("stored %d data sets of R in one transaction, %.2f s: %s, ...", length(sets), took,
    paste(head(sets, 6), collapse = ", "))

text <- strsplit(Sys.getenv("DEMO_TEXT"), "\n")[[1]]
words <- unlist(lapply(text, function(file) scan(file, "", quote = "", comment.char = "", quiet = TRUE)))
s$words <- words
say("stored %s words of %s", big(length(words)), if (length(text) == 1) text else paste(length(text), "files in", dirname(text[1])))
ufo_close(s)
