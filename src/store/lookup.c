/* lookup.c - what does a name mean? See handle.h.
 *
 * "L$E" and "L[[3]]" are tried at every place where they can be cut, the longest list name first, because names and
 * element names may themselves hold these characters. Each step down is to a list that exists, so the search is small.
 */
#include <stdlib.h>
#include <string.h>

#include "store/attributes.h"
#include "store/catalogue.h"
#include "store/descent.h"
#include "store/map.h"
#include "store/transaction.h"
#include "util/fail.h"

static ufo_status find_exact(ufo_etxn *etxn, ufo_txn *txn, const ufo_sight *at, const char *name, ufo_found *found,
                             ufo_error *error) {
  *found = (ufo_found){0};
  const ufo_pending *pending = txn ? ufo_txn_find(txn, name) : NULL;
  if (pending && !pending->draft) return UFO_MISSING;
  if (pending) {
    found->draft = pending->draft;
    found->record = pending->draft->record;
    return UFO_OK;
  }
  ufo_status status = at ? ufo_snapshots_get_name(etxn, at->generation, name, &found->id, error)
                         : ufo_catalogue_get_name(etxn, name, &found->id, error);
  if (status) return status;
  if (found->id == 0) return UFO_MISSING;
  if (!at) return ufo_catalogue_get_object(etxn, found->id, 0, &found->version, &found->record, error);
  status = ufo_snapshots_get_object(etxn, at->generation, found->id, &found->version, &found->record, error);
  if (status != UFO_MISSING) return status;
  return ufo_fail(error, UFO_CORRUPT, "object %llu, which the snapshot has, has no record of that time",
                  (unsigned long long)found->id);
}

/* Elements are kept for the current version of their list only. Is the list another one by now? */
static bool moved_on(ufo_etxn *etxn, const ufo_found *list) {
  uint64_t id, version;
  ufo_record record;
  if (ufo_catalogue_get_newest(etxn, list->id, UINT64_MAX, &version, &record, NULL) || version != list->version) {
    return true;
  }
  return list->draft && (ufo_catalogue_get_name(etxn, list->draft->base->info.name, &id, NULL) || id != list->id);
}

static ufo_status fail_element(ufo_etxn *etxn, const ufo_found *list, uint64_t index, uint64_t id, ufo_error *error) {
  unsigned long long number = index + 1;
  if (!moved_on(etxn, list)) {
    return ufo_fail(error, UFO_CORRUPT, "element %llu of the list, object %llu, is missing", number,
                    (unsigned long long)id);
  }
  if (list->draft) {
    return ufo_fail(error, UFO_CONFLICT,
                    "the list was edited from version %llu, and another commit changed or removed its element %llu",
                    (unsigned long long)list->version, number);
  }
  return ufo_fail(error, UFO_MISSING, "element %llu of version %llu of the list is not kept (any more)", number,
                  (unsigned long long)list->version);
}

ufo_status ufo_lookup_child(ufo_etxn *etxn, const ufo_found *list, uint64_t index, ufo_found *found, ufo_error *error) {
  ufo_found parent = *list; /* `found` may be the same place */
  if (!ufo_has_children(parent.record.type)) return ufo_fail(error, UFO_USAGE, "it is not a list");
  if (index >= parent.record.length) {
    return ufo_fail(error, UFO_MISSING, "the list has %llu elements, and number %llu was asked for",
                    (unsigned long long)parent.record.length, (unsigned long long)index + 1);
  }
  *found = (ufo_found){0};
  if (parent.draft && parent.draft->children && parent.draft->children[index]) {
    found->draft = parent.draft->children[index];
    found->record = found->draft->record;
    return UFO_OK;
  }
  if (parent.draft) {
    parent.id = parent.draft->base->map_id;
    parent.version = parent.draft->base->map_version;
  }
  ufo_entry entry;
  ufo_status status = ufo_map_find(etxn, parent.id, index, parent.version, &entry, NULL, error);
  if (status == UFO_MISSING || (!status && !entry.is_child)) {
    return ufo_fail(error, UFO_CORRUPT, "element %llu of the list is missing", (unsigned long long)index + 1);
  }
  if (status) return status;
  found->id = entry.child_id;
  status = ufo_catalogue_get_object(etxn, entry.child_id, entry.child_version, &found->version, &found->record, error);
  return status == UFO_MISSING ? fail_element(etxn, &parent, index, entry.child_id, error) : status;
}

static ufo_status measure(ufo_etxn *etxn, const ufo_found *found, ufo_descent *descent, unsigned *depth_out,
                          ufo_error *error) {
  *depth_out = ufo_has_children(found->record.type) && found->draft ? found->draft->depth : 0;
  if (!ufo_has_children(found->record.type) || *depth_out) return UFO_OK;
  unsigned most = 0, depth;
  *depth_out = 1;
  if (descent->depth == UFO_LIST_DEPTH_MAX) return UFO_OK; /* too deep already, whatever is in it */
  ufo_status status = ufo_descent_enter(descent, found->id, error);
  if (status) return status;
  for (uint64_t i = 0; i < found->record.length; i++) {
    ufo_found child;
    status = ufo_lookup_child(etxn, found, i, &child, error);
    if (!status) status = measure(etxn, &child, descent, &depth, error);
    if (status) return status;
    if (depth > most) most = depth;
  }
  ufo_descent_leave(descent);
  *depth_out = most + 1;
  return UFO_OK;
}

ufo_status ufo_lookup_depth(ufo_etxn *etxn, const ufo_found *found, unsigned *depth_out, ufo_error *error) {
  ufo_descent descent = {0};
  ufo_status status = measure(etxn, found, &descent, depth_out, error);
  ufo_descent_end(&descent);
  return status;
}

ufo_status ufo_lookup_attributes(ufo_etxn *etxn, const ufo_found *found, ufo_slice *bytes_out, ufo_error *error) {
  const ufo_draft *draft = found->draft;
  if (!draft) return ufo_catalogue_get_attributes(etxn, found->id, &found->record, bytes_out, error);
  *bytes_out = (ufo_slice){draft->attributes, draft->attributes_bytes};
  if (draft->attributes_set || draft->origin_id == 0 || !draft->base) return UFO_OK;
  return ufo_catalogue_get_attributes(etxn, draft->origin_id, &draft->base->map_record, bytes_out, error);
}

ufo_status ufo_lookup_names(ufo_etxn *etxn, const ufo_found *list, ufo_attributes **set_out, ufo_attribute *names,
                            ufo_error *error) {
  ufo_slice bytes;
  *set_out = NULL;
  if (list->record.type != UFO_LIST) return UFO_OK; /* names of strings are not those of words and text */
  ufo_status status = ufo_lookup_attributes(etxn, list, &bytes, error);
  if (status || bytes.bytes == 0) return status;
  status = ufo_attributes_decode(bytes.data, bytes.bytes, set_out, error);
  if (status) return status;
  if (ufo_attributes_find(*set_out, "names", names) && names->type == UFO_ATTRIBUTE_STRING) return UFO_OK;
  ufo_attributes_free(*set_out);
  *set_out = NULL;
  return UFO_OK;
}

/* The element that is named; UFO_MISSING if the list has none of that name. */
static ufo_status find_named(ufo_etxn *etxn, const ufo_found *list, const char *name, size_t bytes, ufo_found *found,
                             uint64_t *index_out, ufo_error *error) {
  ufo_attributes *set;
  ufo_attribute names;
  ufo_status status = ufo_lookup_names(etxn, list, &set, &names, error);
  if (status || !set) return status ? status : UFO_MISSING;
  uint64_t index = 0, count = names.count < list->record.length ? names.count : list->record.length;
  for (; index < count; index++) {
    uint32_t length;
    const char *text = ufo_attributes_string(&names, index, &length);
    if (text && length == bytes && memcmp(text, name, bytes) == 0) break;
  }
  ufo_attributes_free(set);
  *index_out = index;
  return index < count ? ufo_lookup_child(etxn, list, index, found, error) : UFO_MISSING;
}

/* A search for an element. Where lists are no trees, many ways of cutting a name lead to the same list with the same
 * rest; what was not found there once is not looked for again. */
typedef struct search {
  ufo_etxn *etxn;
  int depth;
  int length;           /* of the way to what was found */
  uint64_t *steps;      /* which element of each list leads to what was found */
  ufo_u64map dead_ends; /* a list's id and the length of the rest; the values mean nothing */
} search;

static uint64_t key_of(const ufo_found *list, const char *path) { return list->id << 16 | strlen(path); }
_Static_assert(UFO_ID_LIMIT <= UINT64_C(1) << 48 && UFO_NAME_MAX <= UINT16_MAX, "both fit into a key");

static ufo_status follow(search *s, const ufo_found *list, const char *path, ufo_found *found, ufo_error *error);

/* The element that some of `path`, "$E...", names, and what the rest means in that. The longest names first. */
static ufo_status follow_names(search *s, const ufo_found *list, const char *path, ufo_found *found, ufo_error *error) {
  /* Drafts are a tree. The lists that were committed, and that one leads to, may be others beside another draft. */
  bool is_draft = list->draft != NULL;
  uint64_t *step = &s->steps[s->depth - 1];
  if (is_draft) ufo_u64map_clear(&s->dead_ends);
  else if (ufo_u64map_get(&s->dead_ends, key_of(list, path))) return UFO_MISSING;
  for (size_t end = strlen(path); end > 1; end--) {
    ufo_found child;
    if (path[end] && path[end] != '$' && path[end] != '[') continue;
    ufo_status status = find_named(s->etxn, list, path + 1, end - 1, &child, step, error);
    if (!status) status = follow(s, &child, path + end, found, error);
    if (status != UFO_MISSING) return status;
  }
  if (is_draft || ufo_u64map_put(&s->dead_ends, key_of(list, path), s, NULL)) return UFO_MISSING;
  return ufo_fail(error, UFO_FULL, "out of memory");
}

static ufo_status follow_number(search *s, const ufo_found *list, const char *path, ufo_found *found,
                                ufo_error *error) {
  char *end;
  if (path[2] < '1' || path[2] > '9') return UFO_MISSING;
  unsigned long long index = strtoull(path + 2, &end, 10);
  if (end[0] != ']' || end[1] != ']' || index > list->record.length) return UFO_MISSING;
  ufo_found child;
  s->steps[s->depth - 1] = index - 1;
  ufo_status status = ufo_lookup_child(s->etxn, list, index - 1, &child, error);
  return status ? status : follow(s, &child, end + 2, found, error);
}

/* Follows `path` ("$E...", "[[3]]..." or nothing) down from a list. */
static ufo_status follow(search *s, const ufo_found *list, const char *path, ufo_found *found, ufo_error *error) {
  if (!*path) {
    *found = *list;
    s->length = s->depth;
    return UFO_OK;
  }
  if (!ufo_has_children(list->record.type) || s->depth >= UFO_LIST_DEPTH_MAX) return UFO_MISSING;
  ufo_status status = UFO_MISSING;
  s->depth++;
  if (path[0] == '[' && path[1] == '[') status = follow_number(s, list, path, found, error);
  else if (path[0] == '$' && list->record.type == UFO_LIST) status = follow_names(s, list, path, found, error);
  s->depth--;
  return status;
}

/* As an element of a list that exists: how to get there is then in `way`. UFO_MISSING without a message. */
static ufo_status find_element(ufo_etxn *etxn, ufo_txn *txn, const ufo_sight *at, const char *name, ufo_way *way,
                               ufo_found *found, ufo_error *error) {
  ufo_status status = UFO_MISSING;
  search s = {.etxn = etxn, .steps = way->steps};
  for (size_t cut = strlen(name); status == UFO_MISSING && cut-- > 1;) {
    if (name[cut] != '$' && !(name[cut] == '[' && name[cut + 1] == '[')) continue;
    memcpy(way->list_name, name, cut);
    way->list_name[cut] = '\0';
    ufo_found list;
    status = find_exact(etxn, txn, at, way->list_name, &list, error);
    if (!status) status = follow(&s, &list, name + cut, found, error);
  }
  ufo_u64map_clear(&s.dead_ends);
  way->length = (unsigned)s.length;
  return status;
}

ufo_status ufo_lookup_way(ufo_etxn *etxn, ufo_txn *txn, const char *path, ufo_way *way, ufo_error *error) {
  ufo_found found;
  return find_element(etxn, txn, NULL, path, way, &found, error);
}

ufo_status ufo_lookup(ufo_etxn *etxn, ufo_txn *txn, const ufo_sight *at, const char *name, uint64_t version,
                      ufo_found *found, ufo_error *error) {
  if (version) txn = NULL;
  ufo_way way;
  ufo_status status = at ? ufo_snapshots_check(etxn, at, error) : UFO_OK;
  if (status) return status;
  status = find_exact(etxn, txn, at, name, found, error);
  if (status == UFO_MISSING) status = find_element(etxn, txn, at, name, &way, found, error);
  if (status == UFO_MISSING && at) {
    return ufo_fail(error, UFO_MISSING, "there was no such object at snapshot '%s'", at->label);
  }
  if (status == UFO_MISSING) return ufo_fail(error, UFO_MISSING, "there is no such object");
  if (!status && version) {
    status = ufo_catalogue_get_object(etxn, found->id, version, &found->version, &found->record, error);
  }
  if (!status && at && found->record.generation > at->generation) {
    return ufo_fail(error, UFO_MISSING, "version %llu was made after snapshot '%s'", (unsigned long long)version,
                    at->label);
  }
  return status;
}

ufo_status ufo_txn_check_target(ufo_txn *txn, const char *name, ufo_error *error) {
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (status || (!strchr(name, '$') && !strstr(name, "[["))) return status;
  ufo_etxn *etxn;
  ufo_found found;
  ufo_way way;
  status = ufo_core_begin_read(txn->core, &etxn, error);
  if (status) return status;
  /* What is damaged does not stand in the way of something new. */
  bool is_element = find_exact(etxn, txn, NULL, name, &found, NULL) == UFO_MISSING &&
                    find_element(etxn, txn, NULL, name, &way, &found, NULL) == UFO_OK;
  ufo_core_end(txn->core, etxn);
  if (!is_element) return UFO_OK;
  return ufo_fail(error, UFO_USAGE,
                  "cannot make '%s' in store %s: it is an element of the list '%s'; put that list anew", name,
                  txn->core->path, way.list_name);
}
