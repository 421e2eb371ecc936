/* verify_snapshots.c - the table of snapshots: each one's record, and that what it names is still there; and what
 * objects were called that only snapshots have. */
#include <stdlib.h>
#include <string.h>

#include "store/snapshots.h"
#include "store/verify.h"
#include "util/fail.h"

typedef struct checking {
  ufo_snapshot_index index;
  uint64_t generation; /* of the last commit; 0: not known */
} checking;

static void check_label(ufo_verifier *v, const char *label, ufo_slice content, const checking *with) {
  ufo_snapshot_record record;
  ufo_error cause;
  if (ufo_snapshots_decode(content, &record, &cause) != UFO_OK) {
    ufo_verify_damage_store(v, cause.message);
  } else if (with->generation && record.generation > with->generation) {
    ufo_fail(&cause, UFO_CORRUPT, "snapshot '%s' is of generation %llu, and the store is at %llu", label,
             (unsigned long long)record.generation, (unsigned long long)with->generation);
    ufo_verify_damage_store(v, cause.message);
  }
}

static ufo_status check_past_name(ufo_verifier *v, const ufo_snapshot_key *key, ufo_slice content, const checking *with,
                                  ufo_error *error) {
  ufo_named named;
  ufo_record record;
  ufo_error cause;
  uint64_t version;
  const char *wrong = NULL;
  if (ufo_catalogue_decode_named(content, &named, NULL) != UFO_OK || named.since > key->generation) {
    wrong = "its record cannot be right";
  } else if (!ufo_snapshots_have(&with->index, key->generation)) {
    wrong = "there is no such snapshot";
  } else {
    ufo_status status = ufo_snapshots_get_object(v->txn, key->generation, named.id, &version, &record, error);
    if (status == UFO_FULL) return status; /* memory: no damage */
    if (status != UFO_OK) wrong = "it leads to an object that is not there, or whose record is damaged";
  }
  if (!wrong) return UFO_OK;
  ufo_fail(&cause, UFO_CORRUPT, "as the snapshot of generation %llu knows this name: %s",
           (unsigned long long)key->generation, wrong);
  ufo_verify_damage_name(v, key->text, cause.message);
  return UFO_OK;
}

static ufo_status gather(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_snapshot_key parts;
  ufo_named named;
  if (!ufo_snapshots_split_key(key, &parts) || parts.generation == 0) return UFO_OK;
  if (ufo_catalogue_decode_named(content, &named, NULL) != UFO_OK) return UFO_OK;
  size_t bytes = strlen(parts.text) + 1;
  void *old = NULL;
  ufo_verify_past *past = malloc(sizeof *past + bytes);
  if (past) {
    past->generation = parts.generation;
    memcpy(past->name, parts.text, bytes);
  }
  if (!past || !ufo_u64map_put(&v->past, named.id, past, &old)) {
    free(past);
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  }
  free(old);
  return UFO_OK;
}

ufo_status ufo_verify_gather_past(ufo_verifier *v, ufo_error *error) {
  return ufo_verify_walk(v, UFO_TABLE_SNAPSHOTS, 0, gather, error);
}

static ufo_status visit(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_snapshot_key parts;
  const checking *with = v->snapshots;
  if (!ufo_snapshots_split_key(key, &parts)) {
    ufo_verify_damage_store(v, "a key in table snapshots cannot be right");
  } else if (parts.generation == 0) {
    check_label(v, parts.text, content, with);
  } else {
    return check_past_name(v, &parts, content, with, error);
  }
  return UFO_OK;
}

ufo_status ufo_verify_snapshots(ufo_verifier *v, uint64_t generation, ufo_error *error) {
  checking with = {.generation = generation};
  ufo_status status = ufo_snapshots_load(v->txn, &with.index, error);
  if (status == UFO_CORRUPT) status = UFO_OK; /* the walk says what is damaged */
  v->snapshots = &with;
  if (!status) status = ufo_verify_walk(v, UFO_TABLE_SNAPSHOTS, 0, visit, error);
  v->snapshots = NULL;
  ufo_snapshots_free(&with.index);
  return status;
}
