/* preflight.h - what can be known of an LMDB file before LMDB maps it.
 *
 *   pages.c           one page as bytes
 *   preflight_walk.c  all pages that one meta page leads to: trees, values, the list of free pages
 *   preflight.c       the meta pages; files; files that others write to
 *
 * A file that passes has trees that are trees, of pages that belong to one place each, with keys in order; and a list
 * of free pages that names none of them. Nothing in it can make LMDB 0.9 read or write where it should not, loop, or
 * overwrite what is in use. What the values mean is not looked at.
 *
 * The file may be shorter than its header says, if the pages behind its end are not in use: LMDB does not write a page
 * that it took and gave up in one transaction.
 *
 * The bytes come from a function, so they may be anywhere. Memory: a bit for each page of the file, and a page for each
 * level of a tree. Time: each page of a tree is read once, of large values the first bytes. */
#ifndef UFO_STORE_PREFLIGHT_H
#define UFO_STORE_PREFLIGHT_H

#include <ufostore/store.h>

#include "store/pages.h"

typedef struct ufo_preflight_input {
  /* Exactly `bytes` bytes at `offset`; UFO_CORRUPT if the input ends before, UFO_IO. */
  ufo_status (*read)(void *source, uint64_t offset, void *buffer, size_t bytes, ufo_error *error);
  uint64_t (*size)(void *source); /* in bytes, as it is now */
  void *source;
  const char *name; /* of the store, for messages */
} ufo_preflight_input;

/* Reads and checks both meta pages, and gives the newest. *short_out: the input ends before the last page that it
 * names, and is sound only if a walk finds that nothing leads to what is missing. */
ufo_status ufo_preflight_header(const ufo_preflight_input *input, ufo_page_meta *newest, bool *short_out,
                                ufo_error *error);
/* All that `meta` leads to. UFO_END: `progress` wanted that. */
ufo_status ufo_preflight_walk(const ufo_preflight_input *input, const ufo_page_meta *meta, ufo_progress_fn progress,
                              void *user, ufo_error *error);
/* Header and walk. Others may write to the input meanwhile; the walk is repeated while it was overtaken by them, and
 * given up with UFO_IO if that happens again and again. */
ufo_status ufo_preflight_run(const ufo_preflight_input *input, ufo_progress_fn progress, void *user, ufo_error *error);
/* The same for an open file. */
ufo_status ufo_preflight_file(int fd, const char *path, ufo_progress_fn progress, void *user, ufo_error *error);

#endif
