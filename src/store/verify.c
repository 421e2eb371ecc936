/* verify.c - reads everything there is and checks it: seals, fields, references, owners of blobs, and every chunk by
 * decoding it.
 *
 * Works in one read transaction, so that what refers and what is referred to are of one commit; space that others free
 * meanwhile is reclaimed after it. Goes on past damage: each is reported with the object, version and elements that it
 * makes unreadable, and only a failure of the reading itself ends the work. */
#include "store/verify.h"

#include <stdlib.h>
#include <string.h>

#include "store/attributes.h"
#include "store/catalogue.h"
#include "store/map.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

/* ---- names and lists --------------------------------------------------------------------------------------------- */

/* An object hangs in one place. Of two, the one that was found first stays: names are, and they lead out of lists that
 * go round in circles. But a list that replaced another may have taken its elements over, and so may a list inside of
 * one: what was dropped, or is of an old version, yields. */
static bool stays(const ufo_verifier *v, const ufo_verify_place *before, const ufo_verify_place *now) {
  if (!before || (!before->in_force && now->in_force)) return false;
  if (before->in_force && !now->in_force) return true;
  return before->parent != now->parent && !ufo_u64map_get(&v->dropped, before->parent);
}

static ufo_status add_place(ufo_verifier *v, uint64_t id, const ufo_verify_place *place, ufo_slice name,
                            ufo_error *error) {
  if (stays(v, ufo_u64map_get(&v->places, id), place)) return UFO_OK;
  ufo_verify_place *at = malloc(sizeof *at + name.bytes + 1);
  void *old = NULL;
  if (!at) return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  *at = *place;
  if (name.bytes) memcpy(at->name, name.data, name.bytes);
  at->name[name.bytes] = '\0';
  if (!ufo_u64map_put(&v->places, id, at, &old)) {
    free(at);
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  }
  free(old);
  return UFO_OK;
}

static ufo_status visit_name(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  char name[UFO_NAME_MAX + 1];
  size_t length = ufo_min(key.bytes, UFO_NAME_MAX);
  memcpy(name, key.data, length);
  name[length] = '\0';
  ufo_named named;
  if (key.bytes > UFO_NAME_MAX || ufo_catalogue_decode_named(content, &named, NULL) != UFO_OK) {
    ufo_verify_damage_name(v, name, "its entry in the table of names cannot be right");
    return UFO_OK;
  }
  if (ufo_catalogue_check_name(name, NULL) != UFO_OK || memchr(key.data, 0, length))
    ufo_verify_damage_name(v, name, "this is no name: it is not UTF-8 text");
  uint64_t id = named.id;
  ufo_record record;
  ufo_verify_use(&v->used.object, id);
  ufo_verify_use(&v->used.generation, named.since);
  if (!ufo_verify_find_object(v, id, UFO_VERSION_LIMIT - 1, NULL, &record)) {
    ufo_verify_damage_name(v, name, "the name leads to an object that is not there, or whose record is damaged");
  }
  if (ufo_u64map_get(&v->places, id)) {
    ufo_error cause;
    ufo_fail(&cause, UFO_CORRUPT, "object %llu has two names", (unsigned long long)id);
    ufo_verify_damage_name(v, name, cause.message);
  }
  return add_place(v, id, &(ufo_verify_place){.in_force = true}, key, error);
}

static ufo_status visit_child(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_entry entry;
  if (ufo_record_decode_entry(content, &entry, NULL) != UFO_OK || !entry.is_child) return UFO_OK;
  ufo_verify_place at = {.parent = ufo_get_be64(key.data), .index = ufo_get_be64(key.data + 8)};
  at.in_force = ufo_verify_in_force(v, at.parent, at.index, ~ufo_get_be64(key.data + 16));
  return add_place(v, entry.child_id, &at, (ufo_slice){NULL, 0}, error);
}

static ufo_status visit_garbage(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  ufo_garbage garbage;
  ufo_error cause;
  if (ufo_record_decode_garbage(content, &garbage, &cause) != UFO_OK) {
    ufo_verify_damage_store(v, cause.message);
    return UFO_OK;
  }
  uint64_t generation = key.bytes >= UFO_GARBAGE_KEY_BYTES ? ufo_get_be64(key.data) : 0;
  ufo_verify_use(&v->used.object, garbage.id);
  ufo_verify_use(&v->used.generation, generation & ~(UINT64_C(1) << 63));
  if (garbage.kind == UFO_GARBAGE_DROPPED && !ufo_u64map_put(&v->dropped, garbage.id, v, NULL))
    return ufo_fail(error, UFO_FULL, "cannot verify: out of memory");
  return UFO_OK;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Numbers are never given out again: what is used must be below what the counters give next. */
static void check_counters(ufo_verifier *v, const ufo_counters *counters) {
  const struct {
    const char *what;
    uint64_t used, end;
  } checks[] = {{"object", v->used.object, counters->next_object},
                {"blob", v->used.blob, counters->next_blob},
                {"owner", v->used.owner, counters->next_owner},
                {"generation", v->used.generation, counters->generation + 1}};
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    ufo_error cause;
    if (checks[i].used < checks[i].end) continue;
    ufo_fail(&cause, UFO_CORRUPT, "the counters are too small: %s %llu is in use, and %llu would be given out next",
             checks[i].what, (unsigned long long)checks[i].used, (unsigned long long)checks[i].end);
    ufo_verify_damage_store(v, cause.message);
  }
}

static ufo_status visit_meta(ufo_verifier *v, ufo_slice key, ufo_slice content, ufo_error *error) {
  (void)error;
  ufo_superblock superblock; /* its seal holds; what it says was checked when the store was opened */
  bool is_superblock = key.bytes == strlen(UFO_KEY_SUPERBLOCK) && memcmp(key.data, UFO_KEY_SUPERBLOCK, key.bytes) == 0;
  if (is_superblock && ufo_record_decode_superblock(content, false, &superblock, NULL) == UFO_OK) {
    v->said = superblock.incompat;
  }
  return UFO_OK;
}

static ufo_status verify_all(ufo_verifier *v, ufo_error *error) {
  ufo_engine_stat stat;
  ufo_status status = ufo_engine_get_stat(v->txn, &stat, error);
  if (status != UFO_OK) return status;
  v->total_bytes = stat.used_pages * stat.page_bytes;
  ufo_counters counters;
  ufo_error cause;
  bool counted = ufo_counters_get(v->txn, &counters, &cause) == UFO_OK;
  if (!counted) counters.generation = 0;
  if (!counted && cause.code == UFO_CORRUPT && strstr(cause.message, "missing"))
    ufo_verify_damage_store(v, cause.message);
  v->said = UINT64_MAX; /* if the superblock is damaged, that is enough said */
  status = ufo_verify_walk(v, UFO_TABLE_META, 0, visit_meta, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_GARBAGE, 0, visit_garbage, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_NAMES, 0, visit_name, error);
  /* Damaged entries of the map and of the snapshots are reported by the second walk, when objects are known by name. */
  v->muted = true;
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_MAP, UFO_MAP_KEY_BYTES, visit_child, error);
  if (status == UFO_OK) status = ufo_verify_gather_past(v, error);
  v->muted = false;
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_OBJECTS, UFO_OBJECT_KEY_BYTES, ufo_verify_object, error);
  if (status == UFO_OK)
    status = ufo_verify_walk(v, UFO_TABLE_ATTRIBUTES, UFO_OBJECT_KEY_BYTES, ufo_verify_attributes, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_MAP, UFO_MAP_KEY_BYTES, ufo_verify_entry, error);
  if (status == UFO_OK) status = ufo_verify_snapshots(v, counters.generation, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_STAGED, UFO_STAGED_KEY_BYTES, ufo_verify_staged, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_REFS, UFO_BLOB_KEY_BYTES, ufo_verify_refs, error);
  if (status == UFO_OK) status = ufo_verify_walk(v, UFO_TABLE_BLOBS, UFO_BLOB_KEY_BYTES, ufo_verify_blob, error);
  if (status == UFO_OK && counted) check_counters(v, &counters);
  if (status == UFO_OK && (v->features & ~v->said))
    ufo_verify_damage_store(v, "chunks have tails, and the superblock does not say so: others misread them");
  return status;
}

static void free_places(ufo_verifier *v) {
  for (size_t i = 0; i < v->places.slots; i++) free(v->places.values[i]);
  ufo_u64map_clear(&v->places);
  for (size_t i = 0; i < v->past.slots; i++) free(v->past.values[i]);
  ufo_u64map_clear(&v->past);
  ufo_u64map_clear(&v->owners);
  ufo_u64map_clear(&v->dropped);
}

ufo_status ufo_core_verify(ufo_core *core, ufo_damage_fn report, ufo_progress_fn progress, void *user,
                           ufo_error *error) {
  ufo_verifier v = {.core = core, .report = report, .progress = progress, .user = user};
  v.work = ufo_core_take_work(core);
  if (!v.work) return ufo_fail(error, UFO_FULL, "cannot verify %s: out of memory", core->path);
  ufo_status status = ufo_core_begin_read(core, &v.txn, error);
  if (status == UFO_OK) status = verify_all(&v, error);
  ufo_core_end(core, v.txn);
  ufo_core_give_work(core, v.work);
  free_places(&v);
  free(v.raw);
  if (v.ended) return UFO_END;
  if (status != UFO_OK && status != UFO_END) return ufo_fail_prefix(error, status, "cannot verify %s", core->path);
  if (v.damages == 0) return UFO_OK;
  uint64_t damages = v.damages - v.unread;
  if (v.unread == 0)
    return ufo_fail(error, UFO_CORRUPT, "%s is damaged: %llu damages were found", core->path,
                    (unsigned long long)damages);
  status = damages ? UFO_CORRUPT : UFO_IO;
  if (error) *error = v.first_unread;
  if (error) error->code = status;
  return ufo_fail_prefix(error, status, "%s: %llu damages were found, and %llu chunks could not be read, the first",
                         core->path, (unsigned long long)damages, (unsigned long long)v.unread);
}
