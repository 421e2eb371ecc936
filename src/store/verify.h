/* verify.h - what ufo_store_verify does, below the handle. verify_walk.c goes through the tables and reports; verify.c,
 * verify_objects.c, verify_chunks.c, verify_text.c and verify_snapshots.c know what records mean. */
#ifndef UFO_STORE_VERIFY_H
#define UFO_STORE_VERIFY_H

#include "store/core.h"

/* As ufo_store_verify in <ufostore/store.h>. */
ufo_status ufo_core_verify(ufo_core *core, ufo_damage_fn report, ufo_progress_fn progress, void *user,
                           ufo_error *error);

/* ---- for these files ------------------------------------------------------------------------------------------- */

/* Where an object hangs: under a name, or in a list. */
typedef struct ufo_verify_place {
  uint64_t parent; /* 0: named */
  uint64_t index;
  bool in_force; /* not in an old version of the list alone */
  char name[];   /* of a named object */
} ufo_verify_place;

/* A name of the past, and the generation of the newest snapshot that has it. */
typedef struct ufo_verify_past {
  uint64_t generation;
  char name[];
} ufo_verify_past;

typedef struct ufo_verifier {
  ufo_core *core;
  ufo_etxn *txn;
  ufo_damage_fn report;
  ufo_progress_fn progress;
  void *user;
  uint64_t damages; /* with what could not be read */
  uint64_t unread;  /* of these: the system refused to read them, so nobody knows */
  ufo_error first_unread;
  uint64_t done_bytes, total_bytes, shown_bytes;
  uint64_t steps;   /* records since progress was shown */
  bool stop, ended; /* by either callback; by that for progress */
  bool starved;     /* out of memory: what could not be looked at is not damaged, and the work ends */
  bool muted;       /* the table is walked again later: damage is reported then */
  struct {
    uint64_t object, blob, owner, generation;
  } used;             /* the largest numbers seen */
  uint64_t features;  /* incompat, that what was seen needs beyond those of every store */
  uint64_t said;      /* incompat, of the superblock */
  ufo_u64map places;  /* object id -> place */
  ufo_u64map past;    /* object id -> ufo_verify_past: what only snapshots have */
  ufo_u64map dropped; /* ids of objects that wait to be reclaimed; the values mean nothing */
  ufo_u64map owners;  /* blob id -> referents counted, as a number */
  ufo_work *work;
  uint8_t *raw; /* one decoded chunk */
  size_t raw_capacity;
  const void *snapshots; /* of verify_snapshots.c, while it walks */
} ufo_verifier;

void ufo_verify_damage_store(ufo_verifier *v, const char *cause);
void ufo_verify_damage_name(ufo_verifier *v, const char *name, const char *cause);
/* Is this the newest entry of a list's element? Children have pins of their own: what only an old version of a list, or
 * one that waits to be reclaimed, leads to may be gone, or in another list by now. */
bool ufo_verify_in_force(ufo_verifier *v, uint64_t list, uint64_t chunk, uint64_t version);
/* Is it UFO_OK? UFO_FULL is noted, and ends the verification. */
bool ufo_verify_good(ufo_verifier *v, ufo_status status);
/* These name the object, "list[[3]]" for a child. `kind` is OBJECT or ATTRIBUTES, and `count` elements cannot be read,
 * from the first. */
void ufo_verify_damage_object(ufo_verifier *v, ufo_damage_kind kind, uint64_t id, uint64_t version, uint64_t count,
                              const char *cause);
/* What the map has at `chunk`: of a list that is an element. `version` 0: not known. */
void ufo_verify_damage_entry(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, const char *cause);
/* The same for what the system refuses to read, with its error. */
void ufo_verify_unread_entry(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, const ufo_error *cause);
static inline void ufo_verify_use(uint64_t *most, uint64_t number) {
  if (number > *most) *most = number;
}
/* The newest record of an object at or below `version`; false if there is none that is sound. *found_out may be NULL.
 */
bool ufo_verify_find_object(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t *found_out, ufo_record *record);
/* Called for each record, and with the bytes of what was decoded. UFO_END: the caller wants no more. */
ufo_status ufo_verify_progress(ufo_verifier *v, uint64_t bytes);

/* Fills in the name of the object, and reports. */
void ufo_verify_report(ufo_verifier *v, uint64_t id, ufo_damage found);
void ufo_verify_report_unread(ufo_verifier *v, uint64_t id, ufo_damage found, const ufo_error *cause);

typedef ufo_status (*ufo_verify_visit_fn)(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);

/* Visits every record whose seal holds; the others are damage, and so is a key that is out of order or that a search
 * does not find. `key_bytes` 0: keys are text. Blobs have no seal. */
ufo_status ufo_verify_walk(ufo_verifier *v, ufo_table table, size_t key_bytes, ufo_verify_visit_fn visit,
                           ufo_error *error);

/* Fills v->past; what is damaged is passed over. */
ufo_status ufo_verify_gather_past(ufo_verifier *v, ufo_error *error);
/* `generation`: of the last commit, 0 if that is not known. */
ufo_status ufo_verify_snapshots(ufo_verifier *v, uint64_t generation, ufo_error *error);

/* Visits of records: objects, attributes, map, staged, refs, blobs. The map comes before the last three. */
ufo_status ufo_verify_object(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);
ufo_status ufo_verify_attributes(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);
ufo_status ufo_verify_entry(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);
/* The chunk of an object that may be the words of strings has been decoded to v->raw: reports words that lead nowhere.
 */
void ufo_verify_words(ufo_verifier *v, uint64_t id, uint64_t version, uint64_t chunk, uint64_t raw_bytes);
ufo_status ufo_verify_staged(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);
ufo_status ufo_verify_refs(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);
ufo_status ufo_verify_blob(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error);

#endif
