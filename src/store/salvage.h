/* salvage.h - inside of ufo_store_salvage. salvage_index.c puts what is sound in the damaged file in order,
 * salvage_names.c finds the objects, salvage_object.c decides what becomes of one, salvage_chunks.c copies the chunks
 * of a vector, salvage.c is the whole.
 *
 *   file --scan.c--> index (what is current), attic (what held once) --> new store
 *
 * Index and attic are files of the engine's own, without a name, with the store's tables: records as they were, seal
 * included, and in `blobs` where in the damaged file their bytes are. */
#ifndef UFO_STORE_SALVAGE_H
#define UFO_STORE_SALVAGE_H

#include <ufostore/salvage.h>

#include "store/record.h"
#include "store/scan.h"
#include "util/u64map.h"

/* Records with keys between these two, both excluded, may be lost. Keys that are shorter end in zeros. */
typedef struct ufo_gap {
  uint8_t after[UFO_MAP_KEY_BYTES], before[UFO_MAP_KEY_BYTES];
} ufo_gap;

typedef struct ufo_gaps {
  ufo_gap *list; /* ascending */
  size_t count, capacity;
} ufo_gaps;

bool ufo_gaps_add(ufo_gaps *gaps, const uint8_t *after, const uint8_t *before); /* behind all others; false: memory */
/* What is between the two, both included, is known. False: out of memory. */
bool ufo_gaps_close(ufo_gaps *gaps, const uint8_t *from, const uint8_t *to);
/* What lies between the two, both excluded, may be lost, and no gap met it so far. False: out of memory. */
bool ufo_gaps_open(ufo_gaps *gaps, const uint8_t *after, const uint8_t *before);
/* May a record with a key from `from` (included) to `to` (excluded) be lost? */
bool ufo_gaps_meet(const ufo_gaps *gaps, const uint8_t *from, const uint8_t *to);

/* A new file of the engine that is being filled, in transactions of bounded size. */
typedef struct ufo_filling {
  ufo_engine *engine;
  ufo_etxn *txn;
  uint64_t bytes, entries;
} ufo_filling;

ufo_status ufo_filling_begin(ufo_filling *filling, ufo_error *error); /* `txn` is there afterwards */
ufo_status ufo_filling_count(ufo_filling *filling, uint64_t bytes, ufo_error *error);
ufo_status ufo_filling_end(ufo_filling *filling, ufo_error *error);
void ufo_filling_close(ufo_filling *filling);

typedef struct ufo_salvager {
  const char *path, *path_out;
  int fd;
  ufo_damage_fn report;
  ufo_progress_fn progress;
  void *user;
  uint64_t damages, done_bytes, total_bytes, shown_bytes, steps;
  uint64_t file_bytes; /* of the damaged one */
  bool ended;

  ufo_filling index, attic, out;
  ufo_gaps gaps[UFO_TABLE_COUNT]; /* of objects and map */
  bool hurt[UFO_TABLE_COUNT];     /* something of the table was not sound */
  uint8_t last_key[UFO_MAP_KEY_BYTES], page_key[UFO_MAP_KEY_BYTES];
  uint64_t next_object, next_blob;
  uint64_t features;                /* incompat, that entries in the new store need beyond those of every store */
  uint64_t weighed, expected_bytes; /* objects up to this one have so many bytes to copy */
  ufo_etxn *current, *past;         /* read transactions of index and attic */

  ufo_u64map taken;    /* ids of objects that are in the new store; the values mean nothing */
  ufo_u64map dropped;  /* ids of objects that were removed and wait to be reclaimed */
  ufo_u64map children; /* ids of objects that lists which are left refer to */
  ufo_codec_memory *codec;
  uint8_t *stored, *raw;
  size_t stored_capacity, raw_capacity;
  int64_t now_ns;
} ufo_salvager;

/* UFO_END: the caller wants no more. */
ufo_status ufo_salvage_report(ufo_salvager *s, const ufo_damage *found);
/* The same, of what is neither elements nor chunks. */
ufo_status ufo_salvage_damage(ufo_salvager *s, ufo_damage_kind kind, const char *name, uint64_t version,
                              const char *cause);
ufo_status ufo_salvage_progress(ufo_salvager *s, uint64_t bytes);

/* Fills index, attic and gaps, and opens their read transactions. */
ufo_status ufo_salvage_scan(ufo_salvager *s, ufo_error *error);

/* ---- objects: `doubtful` says that it is not certain whether `version` is the newest --------------------------------
 */

/* Copies an object, and what it leads to, without its name. `version` 0: the newest. UFO_MISSING: its record is lost.
 */
ufo_status ufo_salvage_object(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, bool doubtful,
                              int depth, ufo_error *error);
/* The newest record of an object, or that of `version`; *doubt, if not NULL, says why it may be another. UFO_MISSING.
 */
ufo_status ufo_salvage_find_record(ufo_salvager *s, uint64_t id, uint64_t version, uint64_t *found, ufo_record *record,
                                   const char **doubt);
/* Copies all objects that have names, or should have. */
ufo_status ufo_salvage_names(ufo_salvager *s, ufo_error *error);
/* Writes the chunks of a vector at `version` to the new store; *record has what it had, and then what it has now. */
ufo_status ufo_salvage_chunks(ufo_salvager *s, const char *name, uint64_t id, uint64_t version, bool doubtful,
                              ufo_record *record, ufo_error *error);
/* The entry of a chunk, or child, at `version`, if that is certain. UFO_MISSING: it is lost, or was never written. */
ufo_status ufo_salvage_find_entry(ufo_salvager *s, uint64_t id, uint64_t chunk, uint64_t version, bool doubtful,
                                  ufo_entry *entry, ufo_error *error);
uint64_t ufo_salvage_newest(uint64_t version, bool doubtful);

#endif
