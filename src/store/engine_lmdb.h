/* engine_lmdb.h - what the files of the LMDB engine share; nothing else includes it, or knows LMDB. */
#ifndef UFO_STORE_ENGINE_LMDB_H
#define UFO_STORE_ENGINE_LMDB_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/engine.h"

/* So much may become mapped before the map's pages are given back. */
#define UFO_TRIM_BYTES (UINT64_C(8) << 20)

struct ufo_cursor {
  ufo_etxn *txn;
  MDB_cursor *handle;
  bool cached; /* belongs to a read transaction and is renewed with it */
  bool current;
};

struct ufo_etxn {
  ufo_engine *engine;
  MDB_txn *handle;
  bool write;
  ufo_etxn *next;
  ufo_cursor cursors[UFO_TABLE_COUNT]; /* of read transactions */
};

struct ufo_engine {
  MDB_env *env;
  char *path;
  MDB_dbi tables[UFO_TABLE_COUNT];
  int fd;
  uintptr_t map; /* where the file is mapped; 0: not known, and all values are read through the map */
  size_t map_bytes;
  unsigned page_bytes;
  bool unlocked;
  atomic_bool dead;
  atomic_uint_fast64_t last_page;       /* of the file, after this process's last commit */
  atomic_uint_fast64_t untrimmed_bytes; /* what reads and deletions since the last trim may have mapped, roughly */
  atomic_uint_fast64_t mapped_bytes;    /* of all files, right after the last trim, or less */
  atomic_uint untrimmed_times;          /* that a trim was due, but not worth it */
  atomic_uint wait_ns;                  /* of a read at a place of late, on average */
  atomic_bool in_order;                 /* are such reads expected to be? */
  pthread_mutex_t pool_lock;
  ufo_etxn *idle;
  unsigned idle_count;
};

/* Fills the error for a code of LMDB (or errno): "cannot `doing` store PATH: ...". */
ufo_status ufo_lmdb_fail(ufo_engine *engine, int code, const char *doing, ufo_error *error);
/* Notes that about so many bytes of the map may have been touched, and gives its pages back when they are many. */
void ufo_lmdb_trim(ufo_engine *engine, uint64_t touched_bytes);

/* ---- engine_lmdb_anew.c ------------------------------------------------------------------------------------------
 */
typedef struct ufo_lmdb_header {
  int fd; /* the caller's */
  uint8_t *start;
  uint64_t bytes, file_bytes;
} ufo_lmdb_header;

/* Immediately before LMDB opens an existing file for writing, which `fd` has open for reading and writing: checks the
 * header, and keeps what LMDB would overwrite if it took the file for a new one. On an error nothing is kept. */
ufo_status ufo_lmdb_header_keep(const char *path, int fd, ufo_lmdb_header *header, ufo_error *error);
/* Afterwards, also if opening failed: an error if it did so. What it overwrote is put back, unless the file had become
 * shorter: then another program had emptied it before. */
ufo_status ufo_lmdb_header_check(const char *path, const ufo_lmdb_header *header, ufo_error *error);
void ufo_lmdb_header_free(ufo_lmdb_header *header);

#endif
