/* record.h - keys and records of the store's tables, byte for byte as store-format/FORMAT.md describes them.
 *
 * Keys hold big-endian numbers, so that they sort. Records hold little-endian numbers and end in an XXH3-64 over table,
 * key and content, so that a damaged record, or a sound one in the wrong place, is seen. Decoders take any bytes. */
#ifndef UFO_STORE_RECORD_H
#define UFO_STORE_RECORD_H

#include "codec/codec.h"
#include "store/engine.h"

#define UFO_ID_LIMIT (UINT64_C(1) << 30)      /* object ids are below */
#define UFO_VERSION_LIMIT (UINT64_C(1) << 32) /* versions are below */

enum {
  UFO_SEAL_BYTES = 8,
  UFO_OBJECT_KEY_BYTES = 16,
  UFO_MAP_KEY_BYTES = 24,
  UFO_BLOB_KEY_BYTES = 8,
  UFO_STAGED_KEY_BYTES = 16,
  UFO_GARBAGE_KEY_BYTES = 12,
  UFO_PARKED_KEY_BYTES = 8 + UFO_GARBAGE_KEY_BYTES,
  UFO_OBJECT_RECORD_BYTES = 136 + UFO_SEAL_BYTES,
  UFO_ENTRY_BYTES_MAX = 56 + UFO_INLINE_BYTES_MAX + UFO_SEAL_BYTES,
  UFO_U64_RECORD_BYTES = 8 + UFO_SEAL_BYTES,
  UFO_GARBAGE_RUNS_MAX = 120,
  UFO_GARBAGE_BYTES_MAX = 32 + 12 * UFO_GARBAGE_RUNS_MAX + UFO_SEAL_BYTES,
  UFO_SUPERBLOCK_BYTES = 96 + UFO_SEAL_BYTES,
  UFO_COUNTERS_BYTES = 32 + UFO_SEAL_BYTES,
};

/* ---- the seal -------------------------------------------------------------------------------------------------- */

/* Writes the hash behind `content_bytes` bytes of `record`, which has room for UFO_SEAL_BYTES more. */
void ufo_record_seal(ufo_table table, const void *key, size_t key_bytes, uint8_t *record, size_t content_bytes);
/* Is the record whole? Its content is then the record less UFO_SEAL_BYTES. UFO_CORRUPT names the table and key. */
ufo_status ufo_record_check(ufo_table table, const void *key, size_t key_bytes, ufo_slice record, ufo_error *error);

/* Reads and checks a record; *content_out excludes the seal. UFO_MISSING without a message. */
ufo_status ufo_record_get(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, ufo_slice *content_out,
                          ufo_error *error);
/* Seals and writes a record. */
ufo_status ufo_record_put(ufo_etxn *txn, ufo_table table, const void *key, size_t key_bytes, uint8_t *record,
                          size_t content_bytes, bool append, ufo_error *error);

/* ---- keys ------------------------------------------------------------------------------------------------------ */

void ufo_key_object(uint8_t key[UFO_OBJECT_KEY_BYTES], uint64_t id, uint64_t version);     /* newest version first */
void ufo_key_attributes(uint8_t key[UFO_OBJECT_KEY_BYTES], uint64_t id, uint64_t version); /* oldest version first */
void ufo_key_map(uint8_t key[UFO_MAP_KEY_BYTES], uint64_t id, uint64_t chunk, uint64_t version); /* newest first */
void ufo_key_pair(uint8_t key[UFO_STAGED_KEY_BYTES], uint64_t first, uint64_t second);
void ufo_key_garbage(uint8_t key[UFO_GARBAGE_KEY_BYTES], uint64_t generation, uint32_t sequence);
/* Garbage `of` a key that waits for the end of a snapshot sorts behind all other garbage. */
#define UFO_PARKED (UINT64_C(1) << 63)
void ufo_key_parked(uint8_t key[UFO_PARKED_KEY_BYTES], uint64_t snapshot, const uint8_t of[UFO_GARBAGE_KEY_BYTES]);

/* ---- objects --------------------------------------------------------------------------------------------------- */

typedef struct ufo_record {
  ufo_type type;
  uint32_t element_bytes, chunk_bytes; /* chunk_bytes of a list: 0 */
  uint64_t length;
  uint64_t chunks_written, chunks_changed, stored_bytes;
  uint64_t codec_chunks[UFO_CODEC_COUNT];
  uint64_t attributes_version; /* 0: there are none */
  uint64_t attribute_count;
  int64_t created_ns, changed_ns;
  uint64_t generation; /* of the commit that made this version; 0: a record of format 1.0 */
} ufo_record;

/* Its entries in the map are children, not chunks: so it is with lists and with what is made like one. */
static inline bool ufo_has_children(ufo_type type) { return type == UFO_LIST || type == UFO_CHARACTER; }
#define UFO_TEXT_PARTS 2 /* children of a character object: */
enum { UFO_TEXT_WORDS, UFO_TEXT_BYTES };
static inline bool ufo_text_parts_fit(const ufo_record *words, const ufo_record *text) {
  return words->type == UFO_RECORD && words->element_bytes == sizeof(uint64_t) && text->type == UFO_RAW;
}

void ufo_record_encode_object(const ufo_record *record, uint8_t *content);
/* UFO_CORRUPT if a field cannot be: after UFO_OK sizes computed from it do not overflow. */
ufo_status ufo_record_decode_object(ufo_slice content, ufo_record *record, ufo_error *error);

/* Bytes and chunks of a body; the record has been decoded or checked. */
/* The elements of a vector that lie, if only in part, in its chunks first .. end - 1; there are so many chunks. */
void ufo_record_elements_of(const ufo_record *record, uint64_t first, uint64_t end, uint64_t *element_out,
                            uint64_t *count_out);
uint64_t ufo_record_body_bytes(const ufo_record *record);
uint64_t ufo_record_chunk_count(const ufo_record *record);
uint32_t ufo_record_chunk_raw_bytes(const ufo_record *record, uint64_t chunk);

/* ---- entries of the map ---------------------------------------------------------------------------------------- */

typedef struct ufo_entry {
  bool is_child; /* of a list; else a chunk */
  ufo_chunk_meta meta;
  uint64_t blob; /* 0: none */
  uint64_t child_id, child_version;
} ufo_entry;

/* Returns the bytes written, at most UFO_ENTRY_BYTES_MAX less the seal. */
size_t ufo_record_encode_entry(const ufo_entry *entry, uint8_t *content);
ufo_status ufo_record_decode_entry(ufo_slice content, ufo_entry *entry, ufo_error *error);
/* The incompat features of a store that has such an entry, but for those that all have. */
uint64_t ufo_record_entry_features(const ufo_entry *entry);

/* ---- garbage --------------------------------------------------------------------------------------------------- */

typedef enum ufo_garbage_kind {
  UFO_GARBAGE_SUPERSEDED = 1, /* `version` replaced the chunks of `runs`: older entries of these may go */
  UFO_GARBAGE_DROPPED = 2,    /* the whole object, whose last version was `version` */
} ufo_garbage_kind;

typedef struct ufo_run {
  uint64_t first;
  uint32_t count;
} ufo_run;

typedef struct ufo_garbage {
  ufo_garbage_kind kind;
  uint64_t id, version;
  uint32_t run_count;
  ufo_run runs[UFO_GARBAGE_RUNS_MAX];
} ufo_garbage;

size_t ufo_record_encode_garbage(const ufo_garbage *garbage, uint8_t *content);
ufo_status ufo_record_decode_garbage(ufo_slice content, ufo_garbage *garbage, ufo_error *error);

/* ---- the store ------------------------------------------------------------------------------------------------- */

#define UFO_FORMAT_MAJOR 1
#define UFO_MINOR_CHARACTERS 3 /* which no feature bit tells: who does not know their type refuses them alone */
/* Feature words: bits that this library knows. */
#define UFO_COMPAT_KNOWN UINT64_C(0)
#define UFO_RO_COMPAT_KNOWN UINT64_C(0)
#define UFO_INCOMPAT_GENERATIONS UINT64_C(1) /* since 1.1; what this library makes has it from the beginning */
#define UFO_INCOMPAT_TAILS UINT64_C(2)       /* since 1.2: entries of codec RAW may have inline bytes */
#define UFO_INCOMPAT_KNOWN (UFO_INCOMPAT_GENERATIONS | UFO_INCOMPAT_TAILS)

typedef struct ufo_superblock {
  uint16_t major, minor;
  uint64_t compat, ro_compat, incompat;
  uint8_t uuid[16];
  uint32_t default_chunk_bytes;
  int64_t created_ns;
} ufo_superblock;

typedef struct ufo_counters {
  uint64_t next_object, next_blob, next_owner, generation;
} ufo_counters;

void ufo_record_encode_superblock(const ufo_superblock *superblock, uint8_t *content);
/* Also decides whether this library may read, and write, such a store (UFO_UNSUPPORTED). */
ufo_status ufo_record_decode_superblock(ufo_slice content, bool writable, ufo_superblock *superblock, ufo_error *error);

/* That of a store which is made now, with an id of its own, and needs these incompat features. UFO_IO. */
ufo_status ufo_superblock_make(uint32_t default_chunk_bytes, int64_t created_ns, uint64_t incompat,
                               ufo_superblock *superblock, ufo_error *error);
/* The store needs these incompat features, and the minor version they came with, from now on, or `least_minor`. */
void ufo_superblock_need(ufo_superblock *superblock, uint64_t incompat, uint16_t least_minor);
/* In a write transaction: UFO_UNSUPPORTED if another release made the store one that this one must not write; else what
 * these incompat features, and format 1.`minor`, allow may be in it from now on. */
ufo_status ufo_superblock_upgrade(ufo_etxn *txn, uint64_t incompat, uint16_t minor, ufo_error *error);

ufo_status ufo_counters_get(ufo_etxn *txn, ufo_counters *counters, ufo_error *error);
ufo_status ufo_counters_put(ufo_etxn *txn, const ufo_counters *counters, ufo_error *error);

#define UFO_KEY_SUPERBLOCK "superblock"
#define UFO_KEY_COUNTERS "counters"

#endif
