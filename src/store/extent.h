/* extent.h - an encoded chunk that is not (yet) part of a committed version, wherever its bytes are.
 *
 *            encode               spill                     commit adopts
 *   values ---------> IN MEMORY ---------> IN SCRATCH ----------------------> blob of a version
 *                         \-------------> STAGED (blob in the store file) --/
 *
 * Extents are shared by reference count between a view's overlay, its clones and transactions, and never change their
 * content. A `spill` decides where extents go when the memory they take passes a limit. Thread-safe throughout. */
#ifndef UFO_STORE_EXTENT_H
#define UFO_STORE_EXTENT_H

#include "codec/codec.h"

typedef struct ufo_extent ufo_extent;
typedef struct ufo_spill ufo_spill;

typedef enum ufo_spill_kind {
  UFO_SPILL_SCRATCH, /* an unlinked file of this process */
  UFO_SPILL_STORE,   /* staged blobs of the store, written in short transactions of their own */
} ufo_spill_kind;

/* A spill for chunks of objects of `store`; retains what it needs of the store beyond ufo_store_close. One per
 * transaction (kind STORE) and one per store (kind SCRATCH, made on demand); reference-counted by its extents. */
ufo_status ufo_spill_open(ufo_store *store, ufo_txn *txn, ufo_spill_kind kind, ufo_spill **spill_out, ufo_error *error);
ufo_spill *ufo_spill_retain(ufo_spill *spill);
void ufo_spill_release(ufo_spill *spill);
/* Of its store; valid as long as the spill. */
const char *ufo_spill_path(const ufo_spill *spill);
/* Bytes kept outside memory through this spill, and inside. */
void ufo_spill_get_sizes(const ufo_spill *spill, uint64_t *outside_bytes, uint64_t *memory_bytes);

/* Encodes a chunk and keeps it, in memory at first. A spill has 4 MiB there at most: one of kind STORE has a thread
 * stage what is there from 2 MiB on, and this call waits for it, or writes all out itself, if there is no room before.
 * Never touches managed memory: `raw` must be ordinary memory. `habit`: see ufo_codec_encode. On an error (UFO_FULL,
 * UFO_IO) nothing is kept. */
ufo_status ufo_extent_create(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const void *raw,
                             uint32_t raw_bytes, ufo_codec_habit *habit, ufo_extent **extent_out, ufo_error *error);
/* The same for `count` whole chunks, one after the other at `raw`, by as many threads as processors. extents_out[i] is
 * that of the i-th. They are kept in memory beyond the spill's 4 MiB while they are encoded, and are staged in their
 * order. On an error, which is of one of them, there are none. (extent_many.c) */
ufo_status ufo_extents_create(ufo_spill *spill, ufo_type type, uint32_t element_bytes, const uint8_t *raw,
                              uint32_t chunk_bytes, unsigned count, ufo_codec_habit *habit, ufo_extent **extents_out,
                              ufo_error *error);
ufo_extent *ufo_extent_retain(ufo_extent *extent);
void ufo_extent_release(ufo_extent *extent); /* NULL is allowed */

const ufo_chunk_meta *ufo_extent_meta(const ufo_extent *extent);
/* Decodes and verifies into `target`, ufo_extent_meta()->raw_bytes bytes. */
ufo_status ufo_extent_load(ufo_extent *extent, void *target, ufo_error *error);

#endif
