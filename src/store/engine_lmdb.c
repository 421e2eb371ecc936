/* engine_lmdb.c - the engine interface on LMDB 0.9: opening, transactions, errors. Values are in engine_lmdb_values.c;
 * no other files know LMDB.
 *
 * - Never MDB_WRITEMAP (a full disk would be a SIGBUS) nor MDB_NOSYNC for data that must last. MDB_NORDAHEAD, because
 *   what is read through the map are B-tree pages, between which lie blobs that nobody asked for.
 * - Large values lie on contiguous overflow pages that LMDB's reads do not touch. ufo_engine_read takes them with pread
 *   at the same offset, so scanning a store does not make the map resident, and a bad disk or a file cut short is an
 *   error instead of a SIGBUS. The read transaction keeps the pages from being reused meanwhile; ufo_engine_read_at
 * leaves that to its caller.
 * - Freeing a large value reads its first page, and the kernel maps the neighbours of each page that is touched. So the
 *   map's pages are given back to the kernel now and then (ufo_lmdb_trim): cached still, but not part of this process.
 *   The map takes no huge pages, of which one touch would make 2 MiB resident.
 * - Read transactions are reset and renewed, with their cursors: a warm read allocates nothing.
 *
 * LOCKS  pool_lock guards the list of idle read transactions and is held for a few instructions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "os/memory.h"
#include "os/standard_files.h"
#include "store/engine_lmdb.h"
#include "store/pages.h"
#include "util/checked.h"
#include "util/fail.h"
#include "util/plant.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || __SIZEOF_POINTER__ != 8
#error "ufostore needs a 64-bit little-endian machine: LMDB files are not portable to others"
#endif

enum { READERS = 1024, IDLE_MAX = 64, UNTRIMMED_MAX = 16 };
#define MAP_BYTES_DEFAULT (UINT64_C(1) << 40)
#define MAP_BYTES_LEAST (UINT64_C(16) << 20)
#define FULL_DISK_BYTES (UINT64_C(1) << 20)

static const char *const table_names[UFO_TABLE_COUNT] = {"meta",  "names", "objects", "attributes", "map",
                                                         "blobs", "refs",  "staged",  "garbage",    "snapshots"};

const char *ufo_table_name(ufo_table table) { return table_names[table]; }

/* ---- errors ---------------------------------------------------------------------------------------------------- */

static ufo_status fail_write(const ufo_engine *engine, int code, const char *doing, ufo_error *error) {
  struct statvfs disk;
  if (engine->fd < 0 || fstatvfs(engine->fd, &disk))
    return ufo_fail_errno(error, code, "cannot %s store %s", doing, engine->path);
  uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize, all = (uint64_t)disk.f_blocks * disk.f_frsize;
  bool full = code == ENOSPC || code == EDQUOT || left < FULL_DISK_BYTES;
  ufo_fail(error, full ? UFO_FULL : UFO_IO,
           "cannot %s store %s: I/O error or disk full (%s; %llu of %llu bytes are free there); nothing of it was "
           "stored, so make room and try again",
           doing, engine->path, strerror(code), (unsigned long long)left, (unsigned long long)all);
  if (error) error->os_errno = code;
  return full ? UFO_FULL : UFO_IO;
}

ufo_status ufo_lmdb_fail(ufo_engine *engine, int code, const char *doing, ufo_error *error) {
  switch (code) {
  case MDB_NOTFOUND:
    return ufo_fail(error, UFO_MISSING, "cannot %s store %s: no such entry", doing, engine->path);
  case MDB_PANIC:
    atomic_store(&engine->dead, true);
    return ufo_fail(error, UFO_IO, "cannot %s store %s: an earlier write failed; it is reopened at the next use", doing,
                    engine->path);
  case MDB_MAP_FULL:
    return ufo_fail(error, UFO_FULL,
                    "cannot %s store %s: the file reached the address space reserved for it; open it with more "
                    "map_bytes, or compact it",
                    doing, engine->path);
  case MDB_READERS_FULL:
    return ufo_fail(error, UFO_FULL, "cannot %s store %s: more than %d readers at once", doing, engine->path, READERS);
  case MDB_TXN_FULL:
    return ufo_fail(error, UFO_FULL, "cannot %s store %s: too many changes", doing, engine->path);
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_INVALID:
  case MDB_CURSOR_FULL:
  case MDB_PAGE_FULL:
  case MDB_INCOMPATIBLE:
  case MDB_BAD_VALSIZE:
    return ufo_fail(error, UFO_CORRUPT, "cannot %s store %s: its pages are damaged (%s)", doing, engine->path,
                    mdb_strerror(code));
  case MDB_VERSION_MISMATCH:
    return ufo_fail(error, UFO_UNSUPPORTED, "cannot %s store %s: it is of another LMDB version", doing, engine->path);
  case EIO:
  case ENOSPC:
  case EDQUOT:
    return fail_write(engine, code, doing, error);
  default:
    if (code < 0) {
      return ufo_fail(error, UFO_IO, "cannot %s store %s: %s", doing, engine->path, mdb_strerror(code));
    }
    return ufo_fail_errno(error, code, "cannot %s store %s", doing, engine->path);
  }
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int open_env(ufo_engine *engine, const char *path, const ufo_engine_options *options, uint64_t map_bytes,
                    unsigned flags, mode_t mode) {
  int code = mdb_env_create(&engine->env);
  if (code) return code;
  code = mdb_env_set_mapsize(engine->env, map_bytes);
  if (!code) code = mdb_env_set_maxreaders(engine->env, READERS);
  if (!code) code = mdb_env_set_maxdbs(engine->env, UFO_TABLE_COUNT + 6); /* room for tables of later formats */
  flags |= MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
  if (!options->writable) flags |= MDB_RDONLY;
  if (options->create) flags |= MDB_NOLOCK;
  if (options->no_sync || ufo_planted("no-sync")) flags |= MDB_NOSYNC;
  if (!code) code = mdb_env_open(engine->env, path, flags, mode);
  if (code) {
    mdb_env_close(engine->env);
    engine->env = NULL;
  }
  return code;
}

static int open_tables(ufo_engine *engine, bool create) {
  MDB_txn *txn;
  int code = mdb_txn_begin(engine->env, NULL, create ? 0 : MDB_RDONLY, &txn);
  if (code) return code;
  for (int i = 0; i < UFO_TABLE_COUNT && !code; i++) {
    code = mdb_dbi_open(txn, table_names[i], create ? MDB_CREATE : 0, &engine->tables[i]);
  }
  if (!code) return mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return code;
}

/* A writer makes its commit last, and then tells others of it by a number in shared memory. One that was killed in
 * between has left a commit that nobody sees before the next writer takes the lock over: whoever opens the store then
 * would see it come later, out of nothing. */
static int settle_last_commit(ufo_engine *engine) {
  MDB_txn *txn;
  MDB_envinfo info;
  int code = mdb_txn_begin(engine->env, NULL, MDB_RDONLY, &txn);
  if (code) return code;
  size_t seen = mdb_txn_id(txn);
  mdb_txn_abort(txn);
  code = mdb_env_info(engine->env, &info);
  if (code || info.me_last_txnid <= seen) return code;
  code = mdb_txn_begin(engine->env, NULL, 0, &txn);
  if (!code) mdb_txn_abort(txn);
  return code;
}

/* The same for a file that exists, and is not to be made anew. */
static ufo_status open_existing_env(ufo_engine *engine, const char *path, const ufo_engine_options *options,
                                    uint64_t map_bytes, unsigned flags, mode_t mode, int *code_out, ufo_error *error) {
  ufo_lmdb_header header;
  ufo_status status = ufo_lmdb_header_keep(engine->path, options->descriptor, &header, error);
  if (status) return status;
  *code_out = open_env(engine, path, options, map_bytes, flags, mode);
  status = ufo_lmdb_header_check(engine->path, &header, error);
  ufo_lmdb_header_free(&header);
  return status;
}

/* Finds where LMDB mapped the file, which it does not tell: every page begins with its own number, so a page in memory
 * gives the address of page 0. What is found is compared with the file before it is believed. */
static void find_map(ufo_engine *engine) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_stat stat;
  MDB_envinfo info;
  MDB_val key, value;
  uint8_t bytes[16];
  engine->map = 0;
  if (mdb_txn_begin(engine->env, NULL, MDB_RDONLY, &txn)) return;
  if (!mdb_stat(txn, engine->tables[UFO_TABLE_META], &stat) && !mdb_env_info(engine->env, &info) &&
      !mdb_cursor_open(txn, engine->tables[UFO_TABLE_META], &cursor)) {
    bool found = !mdb_cursor_get(cursor, &key, &value, MDB_FIRST) && value.mv_size >= sizeof bytes;
    uintptr_t at = found ? (uintptr_t)value.mv_data : 0, step = 4096;
    /* The map begins at a page of the system, which may be smaller than one of the file. */
    for (uintptr_t page = at & ~(step - 1); found && at - page < stat.ms_psize && !engine->map; page -= step) {
      uint64_t number;
      memcpy(&number, (const void *)page, sizeof number);
      if (number > info.me_last_pgno) continue;
      uintptr_t map = page - number * stat.ms_psize;
      ssize_t got = pread(engine->fd, bytes, sizeof bytes, (off_t)(at - map));
      if (got == sizeof bytes && !memcmp(bytes, value.mv_data, sizeof bytes)) engine->map = map;
    }
    engine->map_bytes = info.me_mapsize;
    if (engine->map) ufo_memory_want_huge((void *)engine->map, engine->map_bytes, false);
    engine->page_bytes = stat.ms_psize;
    mdb_cursor_close(cursor);
  }
  mdb_txn_abort(txn);
}

ufo_status ufo_engine_open(const char *path, const ufo_engine_options *options, ufo_engine **engine_out,
                           ufo_error *error) {
  *engine_out = NULL;
  ufo_guard_standard_files();
  ufo_engine *engine = calloc(1, sizeof *engine);
  const char *name = options->name ? options->name : path;
  if (!engine || !(engine->path = strdup(name))) {
    free(engine);
    return ufo_fail(error, UFO_FULL, "cannot open store %s: out of memory", name);
  }
  engine->fd = -1;
  pthread_mutex_init(&engine->pool_lock, NULL);
  struct stat file;
  mode_t mode = options->permissions ? options->permissions : 0600;
  if (!options->create && !stat(path, &file)) mode = file.st_mode & 0666; /* of the lock file: as the store's */
  uint64_t map_bytes = options->map_bytes ? options->map_bytes : MAP_BYTES_DEFAULT;
  map_bytes = ufo_max(map_bytes & ~UINT64_C(65535), MAP_BYTES_LEAST);
  unsigned flags = options->unlocked ? MDB_NOLOCK : 0;
  bool exists = options->descriptor > 0 && options->writable && !options->create;
  int code = 0;
  for (;;) {
    ufo_status status = UFO_OK;
    if (exists) status = open_existing_env(engine, path, options, map_bytes, flags, mode, &code, error);
    else code = open_env(engine, path, options, map_bytes, flags, mode);
    if (status) {
      ufo_engine_close(engine);
      return status;
    }
    if (code == ENOMEM && map_bytes / 2 >= MAP_BYTES_LEAST) {
      map_bytes /= 2;
    } else if ((code == EACCES || code == EROFS || code == EPERM) && !options->writable && !(flags & MDB_NOLOCK)) {
      flags |= MDB_NOLOCK;
    } else {
      break;
    }
  }
  engine->unlocked = flags & MDB_NOLOCK;
  if (!code) code = mdb_env_get_fd(engine->env, &engine->fd);
  int dead_readers;
  if (!code && !options->create && !engine->unlocked) code = mdb_reader_check(engine->env, &dead_readers);
  if (!code && options->writable && !options->create && !engine->unlocked) code = settle_last_commit(engine);
  if (!code) code = open_tables(engine, options->create);
  if (code) {
    const char *doing = options->create ? "create" : options->writable ? "open" : "open for reading";
    ufo_status status =
        code == MDB_NOTFOUND
            ? ufo_fail(error, UFO_CORRUPT, "%s is not a ufostore file: an LMDB file of another program", name)
            : ufo_lmdb_fail(engine, code, doing, error);
    ufo_engine_close(engine);
    return status;
  }
  if (!options->create) find_map(engine);
  *engine_out = engine;
  return UFO_OK;
}

static void free_txn(ufo_etxn *txn) {
  for (int i = 0; i < UFO_TABLE_COUNT; i++) {
    if (txn->cursors[i].handle) mdb_cursor_close(txn->cursors[i].handle);
  }
  if (txn->handle) mdb_txn_abort(txn->handle);
  free(txn);
}

void ufo_engine_close(ufo_engine *engine) {
  if (!engine) return;
  while (engine->idle) {
    ufo_etxn *txn = engine->idle;
    engine->idle = txn->next;
    free_txn(txn);
  }
  if (engine->env) mdb_env_close(engine->env);
  pthread_mutex_destroy(&engine->pool_lock);
  free(engine->path);
  free(engine);
}

void ufo_engine_abandon(ufo_engine *engine) {
  (void)engine; /* Its lock slots and map belong to the parent: nothing may be touched. */
}

bool ufo_engine_is_dead(const ufo_engine *engine) { return atomic_load(&engine->dead); }
bool ufo_engine_is_of(const ufo_engine *engine, dev_t device, ino_t inode) {
  struct stat file;
  return !fstat(engine->fd, &file) && file.st_dev == device && file.st_ino == inode;
}
bool ufo_engine_is_unlocked(const ufo_engine *engine) { return engine->unlocked; }

ufo_status ufo_engine_adopt_size(ufo_engine *engine, ufo_error *error) {
  int code = mdb_env_set_mapsize(engine->env, 0);
  if (!code) find_map(engine);
  return code ? ufo_lmdb_fail(engine, code, "enlarge the map of", error) : UFO_OK;
}

/* ---- transactions ---------------------------------------------------------------------------------------------- */

static ufo_status fail_begin(ufo_engine *engine, int code, bool *resized_out, ufo_error *error) {
  if (code == MDB_MAP_RESIZED && resized_out) {
    *resized_out = true;
    return UFO_IO;
  }
  return ufo_lmdb_fail(engine, code, "begin a transaction on", error);
}

ufo_status ufo_engine_begin_read(ufo_engine *engine, bool *resized_out, ufo_etxn **txn_out, ufo_error *error) {
  *txn_out = NULL;
  if (resized_out) *resized_out = false;
  pthread_mutex_lock(&engine->pool_lock);
  ufo_etxn *txn = engine->idle;
  if (txn) {
    engine->idle = txn->next;
    engine->idle_count--;
  }
  pthread_mutex_unlock(&engine->pool_lock);
  int code;
  if (txn) {
    code = mdb_txn_renew(txn->handle);
  } else {
    txn = calloc(1, sizeof *txn);
    if (!txn) return ufo_fail(error, UFO_FULL, "cannot read store %s: out of memory", engine->path);
    txn->engine = engine;
    code = mdb_txn_begin(engine->env, NULL, MDB_RDONLY, &txn->handle);
    if (code == MDB_READERS_FULL) {
      int dead_readers;
      if (!mdb_reader_check(engine->env, &dead_readers)) {
        code = mdb_txn_begin(engine->env, NULL, MDB_RDONLY, &txn->handle);
      }
    }
    if (code) txn->handle = NULL;
  }
  if (code) {
    free_txn(txn);
    return fail_begin(engine, code, resized_out, error);
  }
  for (int i = 0; i < UFO_TABLE_COUNT; i++) txn->cursors[i].current = false;
  *txn_out = txn;
  return UFO_OK;
}

ufo_status ufo_engine_begin_write(ufo_engine *engine, bool *resized_out, ufo_etxn **txn_out, ufo_error *error) {
  *txn_out = NULL;
  if (resized_out) *resized_out = false;
  ufo_etxn *txn = calloc(1, sizeof *txn);
  if (!txn) return ufo_fail(error, UFO_FULL, "cannot change store %s: out of memory", engine->path);
  txn->engine = engine;
  txn->write = true;
  int code = mdb_txn_begin(engine->env, NULL, 0, &txn->handle);
  if (code) {
    free(txn);
    return fail_begin(engine, code, resized_out, error);
  }
  /* A file may say that it is almost at the end of them. One more, and nobody would open it again. */
  if (mdb_txn_id(txn->handle) > UFO_PAGE_TXN_MAX) {
    ufo_engine_end(txn);
    return ufo_fail(error, UFO_FULL,
                    "cannot change store %s: its header says that all transaction numbers are used up; compact it into "
                    "a new file",
                    engine->path);
  }
  *txn_out = txn;
  return UFO_OK;
}

/* Was so little of the file mapped since the last trim, whatever the estimate, that it is not worth a trim? The system
 * tells of all mappings together, and others that go may hide what this one took: so it is not asked for ever. */
static bool is_mapped_little(ufo_engine *engine) {
  uint64_t now = ufo_memory_mapped_file_bytes(), before = atomic_load(&engine->mapped_bytes);
  if (now < before) atomic_store(&engine->mapped_bytes, before = now);
  return now > 0 && now - before < UFO_TRIM_BYTES && atomic_fetch_add(&engine->untrimmed_times, 1) < UNTRIMMED_MAX;
}

/* The pages are clean and belong to a file: dropping them loses nothing, and who reads them next gets them again. */
void ufo_lmdb_trim(ufo_engine *engine, uint64_t touched_bytes) {
  if (atomic_fetch_add(&engine->untrimmed_bytes, touched_bytes) + touched_bytes < UFO_TRIM_BYTES) return;
  atomic_store(&engine->untrimmed_bytes, 0);
  if (!engine->map || is_mapped_little(engine)) return;
  madvise((void *)engine->map, engine->map_bytes, MADV_DONTNEED);
  atomic_store(&engine->mapped_bytes, ufo_memory_mapped_file_bytes());
  atomic_store(&engine->untrimmed_times, 0);
}

/* A process that was killed while it read still has its place among the readers, and no page that was free then would
 * be used again. It shows by the file's growth, so that is when to look. */
static void forget_dead_readers(ufo_engine *engine) {
  MDB_envinfo info;
  int dead_readers;
  if (engine->unlocked || mdb_env_info(engine->env, &info)) return;
  if (atomic_exchange(&engine->last_page, info.me_last_pgno) == info.me_last_pgno) return;
  mdb_reader_check(engine->env, &dead_readers);
}

static bool is_short(ufo_engine *engine, off_t *needed_out) {
  MDB_envinfo info;
  MDB_stat stat;
  struct stat file;
  if (mdb_env_info(engine->env, &info) || mdb_env_stat(engine->env, &stat) || fstat(engine->fd, &file)) return false;
  *needed_out = (off_t)((info.me_last_pgno + 1) * stat.ms_psize);
  return file.st_size < *needed_out;
}

/* LMDB does not write a page that it takes and gives up in one transaction, be it the last: then the file is shorter
 * than its header says. Nothing is lost, but it looks like a file that was cut short, and others would have to look at
 * all of it to know (preflight.c). A write transaction keeps those away who could make it longer meanwhile. */
static void lengthen(ufo_engine *engine) {
  off_t needed;
  MDB_txn *txn;
  if (!is_short(engine, &needed) || mdb_txn_begin(engine->env, NULL, 0, &txn)) return;
  if (is_short(engine, &needed) && ftruncate(engine->fd, needed)) needed = 0; /* it stays short, which is allowed */
  mdb_txn_abort(txn);
}

ufo_status ufo_engine_commit(ufo_etxn *txn, ufo_error *error) {
  ufo_engine *engine = txn->engine;
  int code = mdb_txn_commit(txn->handle);
  free(txn);
  if (!code) forget_dead_readers(engine);
  if (!code) lengthen(engine);
  ufo_lmdb_trim(engine, UFO_TRIM_BYTES / 4); /* each write touches a few pages at new places */
  return code ? ufo_lmdb_fail(engine, code, "commit to", error) : UFO_OK;
}

void ufo_engine_end(ufo_etxn *txn) {
  if (!txn) return;
  if (txn->write) {
    mdb_txn_abort(txn->handle);
    free(txn);
    return;
  }
  ufo_engine *engine = txn->engine;
  mdb_txn_reset(txn->handle);
  pthread_mutex_lock(&engine->pool_lock);
  bool keep = engine->idle_count < IDLE_MAX;
  if (keep) {
    txn->next = engine->idle;
    engine->idle = txn;
    engine->idle_count++;
  }
  pthread_mutex_unlock(&engine->pool_lock);
  if (!keep) free_txn(txn);
}
