/* scan.h - the records of a store's file without LMDB, which trusts its pages: for files that it must not map.
 *
 * Every page is read with pread and checked before anything in it is believed: number, kind, bounds, and that its nodes
 * fill it exactly. Trees are walked from the newer header, and their keys lie where the branches say. Then the other
 * pages are looked at one by one: a leaf that is not in LMDB's list of free pages is in use still, only that nothing
 * sound leads to it; a free one is of the past.
 */
#ifndef UFO_STORE_SCAN_H
#define UFO_STORE_SCAN_H

#include "store/engine.h"

typedef enum ufo_scan_origin {
  UFO_SCAN_REACHED, /* in its place in the table: keys come in ascending order */
  UFO_SCAN_ORPHAN,  /* of a page in use to which nothing sound leads */
  UFO_SCAN_STALE,   /* of a page that may be free: what it says held once */
} ufo_scan_origin;

typedef struct ufo_scan_node {
  ufo_scan_origin origin;
  ufo_table table; /* only if it was reached */
  bool first;      /* of its page */
  bool gap;        /* reached: records may be lost between the one before it, which was sound, and this one */
  ufo_slice key, value;
  uint64_t value_at;    /* offset in the file */
  uint64_t value_bytes; /* value.bytes is this, or 0 if the value is large: see ufo_scan_read */
} ufo_scan_node;

/* A table was walked, or could not be. */
typedef struct ufo_scan_end {
  ufo_table table;
  bool gap;                /* records may be lost after the last sound one */
  bool damaged;            /* something of it was not sound */
  uint64_t sound, entries; /* records that were; as many as LMDB counts */
} ufo_scan_end;

typedef struct ufo_scan ufo_scan;

typedef struct ufo_scan_calls {
  void *user;
  /* UFO_CORRUPT: it is not sound, go on; other errors end the scan. */
  ufo_status (*node)(void *user, const ufo_scan_node *node, ufo_error *error);
  ufo_status (*table_end)(void *user, const ufo_scan_end *end, ufo_error *error);
  /* What concerns the file as a whole. */
  void (*damage)(void *user, const char *cause);
  ufo_status (*progress)(void *user, uint64_t bytes);
} ufo_scan_calls;

/* `fd` is only read. */
ufo_status ufo_scan_create(int fd, const ufo_scan_calls *calls, ufo_scan **scan_out, ufo_error *error);
void ufo_scan_free(ufo_scan *scan); /* NULL is allowed */
uint64_t ufo_scan_file_bytes(const ufo_scan *scan);
/* Walks the tables. */
ufo_status ufo_scan_tables(ufo_scan *scan, ufo_error *error);
/* Then gives the nodes of leaves that no table led to: those in use, or those of the past. */
ufo_status ufo_scan_others(ufo_scan *scan, ufo_scan_origin origin, ufo_error *error);

/* Reads exactly `bytes` bytes. UFO_CORRUPT: the file ends before, or the disk cannot give them. */
ufo_status ufo_scan_read(int fd, uint64_t at, void *target, size_t bytes, ufo_error *error);

#endif
