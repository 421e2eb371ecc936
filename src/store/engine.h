/* engine.h - the small transactional key/value interface that the store is built on, and all of LMDB that it sees.
 *
 * One engine is one open file of ordered tables. Any number of read transactions and one write transaction (over all
 * processes) may be open; a read transaction sees the state of the last commit before it began. A failed write
 * transaction must be aborted. Slices returned by reads point into the engine and are valid until the transaction
 * ends or writes. Keys are compared as bytes; values are at most 4 GiB, keys 1 to UFO_KEY_MAX bytes.
 *
 * THREADS  An engine may be used by all threads, a transaction by one at a time; a write transaction ends in the thread
 * that began it. FORK  An engine must not be used in a child: see ufo_engine_abandon. */
#ifndef UFO_STORE_ENGINE_H
#define UFO_STORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <ufostore/error.h>

#define UFO_KEY_MAX 511

typedef struct ufo_engine ufo_engine;
typedef struct ufo_etxn ufo_etxn;
typedef struct ufo_cursor ufo_cursor;

typedef enum ufo_table {
  UFO_TABLE_META,
  UFO_TABLE_NAMES,
  UFO_TABLE_OBJECTS,
  UFO_TABLE_ATTRIBUTES,
  UFO_TABLE_MAP,
  UFO_TABLE_BLOBS,
  UFO_TABLE_REFS,
  UFO_TABLE_STAGED,
  UFO_TABLE_GARBAGE,
  UFO_TABLE_SNAPSHOTS,
  UFO_TABLE_COUNT
} ufo_table;

const char *ufo_table_name(ufo_table table);

typedef struct ufo_slice {
  const uint8_t *data;
  size_t bytes;
} ufo_slice;

typedef struct ufo_engine_options {
  bool writable;
  const char *name;     /* what messages call it, if that is not `path` */
  bool unlocked;        /* without a lock file: only for reading */
  bool create;          /* make the tables: the file is new and nobody else knows it */
  bool no_sync;         /* commits need not last: for a file that is synced and renamed when it is whole */
  unsigned permissions; /* for `create` */
  uint64_t map_bytes;   /* address space to reserve; halved until the system grants it */
  int descriptor;       /* of the same file, readable, and writable if the engine is to be; 0: none. With one, an
                           existing file is never begun anew, even if its header seems to be empty */
} ufo_engine_options;

/* Checks what can be checked of a file before it is mapped: kind, size, header, page size, last page. The descriptor is
 * only read with pread. UFO_CORRUPT, UFO_UNSUPPORTED. */
ufo_status ufo_engine_preflight(int fd, const char *path, ufo_error *error);

/* `path` is absolute. UFO_MISSING if a table is not there and `create` is false. */
ufo_status ufo_engine_open(const char *path, const ufo_engine_options *options, ufo_engine **engine_out,
                           ufo_error *error);
/* No transaction may be open. NULL is allowed. */
void ufo_engine_close(ufo_engine *engine);
/* In a forked child: forgets the parent's engine without touching what both share. What it held is leaked. */
void ufo_engine_abandon(ufo_engine *engine);
/* A failed write made the engine unusable; the file is sound. Close and open it again. */
bool ufo_engine_is_dead(const ufo_engine *engine);
/* Readers are not seen by writers of other processes: the lock file could not be made. */
bool ufo_engine_is_unlocked(const ufo_engine *engine);
/* Is this the file that the engine has open? */
bool ufo_engine_is_of(const ufo_engine *engine, dev_t device, ino_t inode);
/* Another process enlarged the file beyond our reservation: adopt its size. No transaction may be open. */
ufo_status ufo_engine_adopt_size(ufo_engine *engine, ufo_error *error);

/* Costs no memory allocation once warm. *resized_out, if not NULL, says that ufo_engine_adopt_size is needed first. */
ufo_status ufo_engine_begin_read(ufo_engine *engine, bool *resized_out, ufo_etxn **txn_out, ufo_error *error);
/* Waits for the write transactions of other threads and processes. */
ufo_status ufo_engine_begin_write(ufo_engine *engine, bool *resized_out, ufo_etxn **txn_out, ufo_error *error);
/* Makes a write transaction durable. It has ended in every case. */
ufo_status ufo_engine_commit(ufo_etxn *txn, ufo_error *error);
/* Ends a read transaction, or forgets a write transaction. NULL is allowed. */
void ufo_engine_end(ufo_etxn *txn);

/* UFO_MISSING without a message if the key is not there. */
ufo_status ufo_engine_get(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, ufo_slice *value,
                          ufo_error *error);
/* Copies a value of exactly `bytes` bytes into `target` without making it resident in this process's memory map, if it
 * is large. UFO_MISSING without a message; UFO_CORRUPT if its length differs or the file ends before it; UFO_IO. */
ufo_status ufo_engine_read(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, void *target,
                           size_t bytes, ufo_error *error);
/* Where in the file a value lies that a read of this transaction gave. False: among others on a page, which is copied
 * when one of them changes, or it cannot be known. Else it stays there until it is deleted or written anew, also after
 * the transaction. The value itself is not touched. */
bool ufo_engine_place(const ufo_etxn *txn, ufo_slice value, uint64_t *offset_out);
/* Copies what lies there into `target`; needs no transaction. UFO_CORRUPT if the file ends before it; UFO_IO. */
ufo_status ufo_engine_read_at(ufo_engine *engine, uint64_t offset, void *target, size_t bytes, ufo_error *error);
/* Would a read of what lies there wait for the disk? */
bool ufo_engine_would_wait(const ufo_etxn *txn, uint64_t offset);
/* Have reads of late waited for the disk so long that asking it further ahead than the kernel does is worth it? */
bool ufo_engine_is_slow(const ufo_etxn *txn);
/* Will reads at places be in order of the file, from now on? Only a hint to the kernel, of who read last. */
void ufo_engine_expect_order(const ufo_etxn *txn, bool in_order);
/* Has it read in the background; only a hint. */
void ufo_engine_fetch(const ufo_etxn *txn, uint64_t offset, uint64_t bytes);
/* The same for the pages that lie behind (or before) the one at which the table was looked up last in this read
 * transaction: entries that were written together lie together. Does nothing where these are in memory. */
void ufo_engine_fetch_leaves(const ufo_etxn *txn, ufo_table table, bool behind);
/* `append`: the key is known to sort after all others of the table. */
ufo_status ufo_engine_put(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, const void *value,
                          size_t value_bytes, bool append, ufo_error *error);
/* UFO_MISSING without a message. */
ufo_status ufo_engine_delete(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, ufo_error *error);

/* Cursors end before their transaction does. */
ufo_status ufo_cursor_open(ufo_etxn *txn, ufo_table table, ufo_cursor **cursor_out, ufo_error *error);
void ufo_cursor_close(ufo_cursor *cursor); /* NULL is allowed */
/* The first key >= `key` (the first of all for key_bytes 0); UFO_END if there is none. */
ufo_status ufo_cursor_seek(ufo_cursor *cursor, const void *key, size_t key_bytes, ufo_slice *key_out,
                           ufo_slice *value_out, ufo_error *error);
ufo_status ufo_cursor_next(ufo_cursor *cursor, ufo_slice *key_out, ufo_slice *value_out, ufo_error *error);
/* Deletes the entry that the cursor is at; ufo_cursor_next then gives the one after it. */
ufo_status ufo_cursor_delete(ufo_cursor *cursor, ufo_error *error);

/* Number of entries of a table; costs nothing. */
ufo_status ufo_engine_get_entries(ufo_etxn *txn, ufo_table table, uint64_t *entries_out, ufo_error *error);

typedef struct ufo_engine_stat {
  uint64_t page_bytes, map_bytes, used_pages, free_pages;
  uint64_t entries[UFO_TABLE_COUNT];
} ufo_engine_stat;
ufo_status ufo_engine_get_stat(ufo_etxn *txn, ufo_engine_stat *stat, ufo_error *error);

#endif
