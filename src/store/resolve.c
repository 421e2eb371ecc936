/* resolve.c - what a transaction's edits mean against the store as the commit finds it.
 *
 * A draft becomes the next version of the object that it continues, or a new object:
 *   - an edit in place continues what its name held at the first edit; the name must still hold that very version;
 *   - a put view continues the object it is of, if the name holds it; or if the draft is a child of a list whose name
 *     holds a list with that child. CHECKED demands the view's own version; REPLACE continues whatever length it has;
 *   - a list that was put continues the list that its name holds if one of its children does that, and a list inside
 *     of it the list that this child was in; one of which elements were edited is an edit in place, and so are these:
 *     nobody changes an element without its lists. A list that the transaction moved away takes its children along, so
 *     that what is put under its old name is new; and so is a view of anything that was moved away.
 * Nothing is written here, and no id is taken twice. */
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/commit.h"
#include "store/map.h"
#include "util/fail.h"
#include "util/plant.h"

static ufo_status out_of_memory(ufo_error *error) { return ufo_fail(error, UFO_FULL, "out of memory"); }

static ufo_status fail_conflict(const ufo_commit *commit, const char *name, uint64_t mine, uint64_t theirs,
                                ufo_error *error) {
  if (theirs == 0) {
    return ufo_fail(error, UFO_CONFLICT,
                    "cannot commit to store %s: '%s', of which version %llu was edited, was removed by another commit",
                    commit->core->path, name, (unsigned long long)mine);
  }
  if (mine == 0) {
    return ufo_fail(error, UFO_CONFLICT,
                    "cannot commit to store %s: '%s', which did not exist, was created by another commit and is at "
                    "version %llu",
                    commit->core->path, name, (unsigned long long)theirs);
  }
  return ufo_fail(error, UFO_CONFLICT,
                  "cannot commit to store %s: '%s' was edited from version %llu, but another commit made version %llu; "
                  "read it again and repeat the change",
                  commit->core->path, name, (unsigned long long)mine, (unsigned long long)theirs);
}

/* The children of the list that a name holds now, whatever their depth: id -> version. */
typedef struct family {
  uint64_t list_id; /* 0: the name holds no list */
  uint64_t list_version;
  ufo_u64map versions;
  ufo_u64map parents; /* id -> id of the list that it is in */
} family;

typedef struct gathering {
  ufo_commit *commit;
  family *members;
  ufo_descent descent;
  uint64_t list; /* whose children are gathered */
} gathering;

static ufo_status gather(gathering *gathered, uint64_t id, uint64_t version, ufo_error *error);

static ufo_status gather_child(void *user, uint64_t chunk, uint64_t entry_version, const ufo_entry *entry,
                               ufo_error *error) {
  (void)chunk, (void)entry_version;
  gathering *gathered = user;
  if (!entry->is_child) return ufo_fail(error, UFO_CORRUPT, "a list has an element that is a chunk");
  void *value = (void *)(uintptr_t)entry->child_version;
  void *parent = (void *)(uintptr_t)gathered->list;
  if (!ufo_u64map_put(&gathered->members->versions, entry->child_id, value, NULL) ||
      !ufo_u64map_put(&gathered->members->parents, entry->child_id, parent, NULL))
    return out_of_memory(error);
  ufo_record record;
  uint64_t version;
  ufo_status status =
      ufo_catalogue_get_object(gathered->commit->etxn, entry->child_id, entry->child_version, &version, &record, error);
  return status || !ufo_has_children(record.type) ? status : gather(gathered, entry->child_id, version, error);
}

static ufo_status gather(gathering *gathered, uint64_t id, uint64_t version, ufo_error *error) {
  if (ufo_descent_was_in(&gathered->descent, id)) return UFO_OK; /* it is damaged; what replaces it need not be */
  ufo_status status = ufo_descent_enter(&gathered->descent, id, error);
  if (status) return status;
  uint64_t outer = gathered->list;
  gathered->list = id;
  status = ufo_map_walk(gathered->commit->etxn, id, 0, version, gather_child, gathered, error);
  gathered->list = outer;
  ufo_descent_leave(&gathered->descent);
  return status;
}

static ufo_status next_version(ufo_draft *draft, ufo_error *error) {
  draft->commit.version = draft->commit.from_version + !draft->commit.untouched;
  if (draft->commit.version < UFO_VERSION_LIMIT) return UFO_OK;
  return ufo_fail(error, UFO_FULL, "object %llu has had too many versions", (unsigned long long)draft->commit.id);
}

static ufo_status set_live(ufo_commit *commit, ufo_draft *draft, ufo_error *error) {
  return ufo_u64map_put(&commit->live, draft->commit.id, draft, NULL) ? UFO_OK : out_of_memory(error);
}

static ufo_status make_new(ufo_commit *commit, ufo_draft *draft, ufo_error *error) {
  if (commit->counters.next_object >= UFO_ID_LIMIT) {
    return ufo_fail(error, UFO_FULL, "store %s has had %llu objects, which is all it can number", commit->core->path,
                    (unsigned long long)UFO_ID_LIMIT - 1);
  }
  draft->commit.id = commit->counters.next_object++;
  draft->commit.version = 1;
  return set_live(commit, draft, error);
}

static ufo_status attributes_changed(ufo_commit *commit, const ufo_draft *draft, bool *changed_out, ufo_error *error) {
  *changed_out = false;
  if (!draft->attributes_set) return UFO_OK;
  ufo_slice old;
  ufo_status status = ufo_catalogue_get_attributes(commit->etxn, draft->commit.id, &draft->commit.record, &old, error);
  if (status) return status;
  bool same =
      old.bytes == draft->attributes_bytes && (old.bytes == 0 || !memcmp(old.data, draft->attributes, old.bytes));
  *changed_out = !same;
  return UFO_OK;
}

/* Are chunks of the one version chunks of the other? */
static bool same_layout(const ufo_record *a, const ufo_record *b) {
  return a->type == b->type && a->element_bytes == b->element_bytes && a->chunk_bytes == b->chunk_bytes;
}

/* A merge must not undo what others wrote: did a version after `mine` write one of the draft's chunks? */
static ufo_status check_disjoint(ufo_commit *commit, const ufo_draft *draft, uint64_t id, uint64_t mine, uint64_t found,
                                 const char *name, ufo_error *error) {
  for (size_t i = 0; i < draft->extents.slots; i++) {
    if (!draft->extents.values[i]) continue;
    uint64_t chunk = draft->extents.keys[i], version = 0;
    ufo_entry entry;
    ufo_status status = ufo_map_find(commit->etxn, id, chunk, found, &entry, &version, error);
    if (status == UFO_MISSING || (!status && version <= mine)) continue;
    if (status) return status;
    return ufo_fail(error, UFO_CONFLICT,
                    "cannot commit to store %s: '%s' was edited from version %llu, and version %llu of another commit "
                    "wrote the same chunk %llu: merging would undo that",
                    commit->core->path, name, (unsigned long long)mine, (unsigned long long)version,
                    (unsigned long long)chunk);
  }
  return UFO_OK;
}

static ufo_status resolve_elements(ufo_commit *commit, ufo_draft *list, const char *name, bool *changed_out,
                                   ufo_error *error);

/* The draft becomes the next version of object `id`, now at `version`: if it can; else *continues_out is false. */
static ufo_status try_continue(ufo_commit *commit, ufo_draft *draft, uint64_t id, uint64_t version, const char *name,
                               bool *continues_out, ufo_error *error) {
  *continues_out = false;
  if (ufo_u64map_get(&commit->live, id)) return UFO_OK; /* something else is that object already */
  uint64_t found;
  ufo_record record;
  ufo_status status = ufo_catalogue_get_object(commit->etxn, id, version, &found, &record, error);
  if (status) return status;
  uint64_t mine = draft->base ? draft->base->map_version : found;
  bool moved_on = found != mine, same = same_layout(&record, &draft->record);
  if (moved_on && draft->policy == UFO_POLICY_CHECKED && !ufo_planted("conflict-ignored"))
    return fail_conflict(commit, name, mine, found, error);
  if (moved_on && draft->policy == UFO_POLICY_MERGE && (!same || record.length != draft->record.length)) {
    return fail_conflict(commit, name, mine, found, error);
  }
  if (moved_on && draft->policy == UFO_POLICY_MERGE) {
    status = check_disjoint(commit, draft, id, mine, found, name, error);
    if (status) return status;
  }
  if (!same) return UFO_OK;
  draft->commit.id = id;
  draft->commit.from_version = found;
  draft->commit.continues = true;
  draft->commit.record = record;
  bool changed, elements_changed;
  status = attributes_changed(commit, draft, &changed, error);
  if (!status) status = resolve_elements(commit, draft, name, &elements_changed, error);
  if (status) return status;
  changed = changed || elements_changed;
  bool takes_back = moved_on && draft->policy == UFO_POLICY_REPLACE;
  draft->commit.untouched =
      !changed && draft->extents.count == 0 && record.length == draft->record.length && !takes_back;
  status = next_version(draft, error);
  if (!status) status = set_live(commit, draft, error);
  *continues_out = !status;
  return status;
}

static ufo_status resolve_list(ufo_commit *commit, ufo_draft *list, const char *name, const family *members,
                               bool is_top, ufo_error *error);

/* A draft without a name of its own. */
static ufo_status resolve_child(ufo_commit *commit, ufo_draft *draft, const char *name, const family *members,
                                ufo_error *error) {
  if (ufo_draft_is_put_list(draft)) return resolve_list(commit, draft, name, members, false, error);
  uint64_t id = draft->origin_id, version = 0;
  if (!id && draft->is_put && draft->base) {
    version = (uint64_t)(uintptr_t)ufo_u64map_get(&members->versions, draft->base->map_id);
    if (version) id = draft->base->map_id;
  }
  bool continues = false;
  ufo_status status = id ? try_continue(commit, draft, id, version, name, &continues, error) : UFO_OK;
  return status || continues ? status : make_new(commit, draft, error);
}

/* Of a list that is continued: those of its elements that were edited, if it is one. */
static ufo_status resolve_elements(ufo_commit *commit, ufo_draft *list, const char *name, bool *changed_out,
                                   ufo_error *error) {
  const family nobody = {0};
  *changed_out = false;
  for (uint64_t i = 0; i < list->child_count; i++) {
    ufo_draft *child = list->children[i];
    if (!child) continue;
    ufo_status status = resolve_child(commit, child, name, &nobody, error);
    if (status) return status;
    if (!child->commit.untouched) *changed_out = true;
  }
  return UFO_OK;
}

static ufo_status list_is_untouched(ufo_commit *commit, ufo_draft *list, bool *untouched_out, ufo_error *error) {
  bool changed;
  ufo_status status = attributes_changed(commit, list, &changed, error);
  *untouched_out = !changed;
  for (uint64_t i = 0; i < list->child_count && !status && *untouched_out; i++) {
    ufo_entry entry;
    const ufo_draft *child = list->children[i];
    status = ufo_map_find(commit->etxn, list->commit.id, i, list->commit.from_version, &entry, NULL, error);
    if (!status && (entry.child_id != child->commit.id || entry.child_version != child->commit.version)) {
      *untouched_out = false;
    }
  }
  return status == UFO_MISSING ? ufo_fail(error, UFO_CORRUPT, "a list has lost an element") : status;
}

/* Words lead into the text that their object has beside them. So they go on only together with that text; and what
 * others did to the words is merged only if the text is what it was. */
static ufo_status resolve_parts(ufo_commit *commit, ufo_draft *list, const char *name, const family *members,
                                ufo_error *error) {
  const family nobody = {0};
  ufo_draft *words = list->children[UFO_TEXT_WORDS], *text = list->children[UFO_TEXT_BYTES];
  ufo_status status = resolve_child(commit, text, name, members, error);
  if (status) return status;
  const void *parent = text->commit.continues ? ufo_u64map_get(&members->parents, text->commit.id) : NULL;
  bool together = parent && words->base && ufo_u64map_get(&members->parents, words->base->map_id) == parent;
  status = resolve_child(commit, words, name, together ? members : &nobody, error);
  if (status || !together || !words->commit.continues || words->policy != UFO_POLICY_MERGE) return status;
  uint64_t mine = text->base->map_version, found = text->commit.from_version;
  bool merged = words->commit.from_version != words->base->map_version;
  return merged && mine != found ? fail_conflict(commit, name, mine, found, error) : UFO_OK;
}

/* The list that the draft may continue; *id_out is 0 if there is none. */
static ufo_status find_heritage(ufo_commit *commit, const ufo_draft *list, const family *members, bool is_top,
                                uint64_t *id_out, uint64_t *version_out, ufo_record *record, ufo_error *error) {
  uint64_t id = 0;
  *id_out = 0;
  for (uint64_t i = 0; i < list->child_count && !id; i++) {
    if (!list->children[i]->commit.continues) continue;
    if (is_top) id = members->list_id;
    else id = (uint64_t)(uintptr_t)ufo_u64map_get(&members->parents, list->children[i]->commit.id);
  }
  if (!id || ufo_u64map_get(&commit->live, id) || (!is_top && id == members->list_id)) return UFO_OK;
  uint64_t version = is_top ? members->list_version : (uint64_t)(uintptr_t)ufo_u64map_get(&members->versions, id);
  ufo_status status = ufo_catalogue_get_object(commit->etxn, id, version, version_out, record, error);
  if (!status && record->type == list->record.type && record->length == list->record.length) *id_out = id;
  return status;
}

static ufo_status resolve_list(ufo_commit *commit, ufo_draft *list, const char *name, const family *members,
                               bool is_top, ufo_error *error) {
  ufo_status status = UFO_OK;
  bool is_text = list->record.type == UFO_CHARACTER;
  if (is_text) status = resolve_parts(commit, list, name, members, error);
  for (uint64_t i = 0; i < list->child_count && !is_text && !status; i++)
    status = resolve_child(commit, list->children[i], name, members, error);
  if (status) return status;
  uint64_t id;
  status = find_heritage(commit, list, members, is_top, &id, &list->commit.from_version, &list->commit.record, error);
  if (status) return status;
  if (!id) return make_new(commit, list, error);
  list->commit.id = id;
  list->commit.continues = true;
  status = list_is_untouched(commit, list, &list->commit.untouched, error);
  if (!status) status = next_version(list, error);
  return status ? status : set_live(commit, list, error);
}

/* Is what the name holds now what this transaction may replace? */
static ufo_status check_name(ufo_commit *commit, const ufo_pending *pending, uint64_t version, ufo_error *error) {
  const ufo_draft *draft = pending->draft;
  if (ufo_planted("conflict-ignored")) return UFO_OK;
  if (pending->current_id == pending->base_id && version == pending->base_version) return UFO_OK;
  if (draft && draft->is_put && draft->policy == UFO_POLICY_REPLACE) return UFO_OK;
  bool merges = draft && draft->is_put && draft->policy == UFO_POLICY_MERGE;
  if (merges && draft->origin_id && draft->origin_id == pending->current_id) return UFO_OK;
  if (pending->base_id && pending->current_id && pending->current_id != pending->base_id) {
    return ufo_fail(error, UFO_CONFLICT,
                    "cannot commit to store %s: '%s', of which version %llu was edited, was replaced by another commit "
                    "with an object that is at version %llu",
                    commit->core->path, pending->name, (unsigned long long)pending->base_version,
                    (unsigned long long)version);
  }
  return fail_conflict(commit, pending->name, pending->base_version, version, error);
}

static ufo_status resolve_name(ufo_commit *commit, ufo_pending *pending, ufo_error *error) {
  ufo_draft *draft = pending->draft;
  family members = {0};
  uint64_t version = 0;
  ufo_record record = {0};
  ufo_status status = ufo_catalogue_get_name(commit->etxn, pending->name, &pending->current_id, error);
  if (!status && pending->current_id) {
    status = ufo_catalogue_get_object(commit->etxn, pending->current_id, 0, &version, &record, error);
  }
  if (!status) status = check_name(commit, pending, version, error);
  if (status || !draft) return status;
  if (ufo_draft_is_put_list(draft)) {
    if (ufo_has_children(record.type) && !ufo_u64map_get(&commit->kept, pending->current_id)) {
      members = (family){.list_id = pending->current_id, .list_version = version};
      gathering gathered = {.commit = commit, .members = &members};
      status = gather(&gathered, members.list_id, version, error);
      ufo_descent_end(&gathered.descent);
    }
    if (!status) status = resolve_list(commit, draft, pending->name, &members, true, error);
    ufo_u64map_clear(&members.versions);
    ufo_u64map_clear(&members.parents);
    return status;
  }
  uint64_t id = draft->origin_id;
  if (id && draft->is_put && pending->current_id != pending->base_id) id = 0; /* somebody else's object is there now */
  if (draft->is_put && draft->base && draft->base->map_id == pending->current_id) id = pending->current_id;
  if (id && draft->is_put && ufo_u64map_get(&commit->kept, id)) id = 0; /* it was renamed, and goes on there */
  bool continues = false;
  if (id) status = try_continue(commit, draft, id, 0, pending->name, &continues, error);
  return status || continues ? status : make_new(commit, draft, error);
}

/* A put object goes on only if nothing else does as that object; what it is inside of a put list, its elements say. */
static ufo_status note_kept(ufo_commit *commit, ufo_draft *draft, ufo_error *error) {
  ufo_status status = UFO_OK;
  if (draft->origin_id && !draft->is_put)
    return ufo_u64map_put(&commit->kept, draft->origin_id, draft, NULL) ? UFO_OK : out_of_memory(error);
  for (uint64_t i = 0; ufo_draft_is_put_list(draft) && i < draft->child_count && !status; i++)
    status = note_kept(commit, draft->children[i], error);
  return status;
}

ufo_status ufo_commit_resolve(ufo_commit *commit, ufo_error *error) {
  const ufo_txn *txn = commit->txn;
  for (size_t i = 0; i < txn->pending_count; i++) {
    ufo_draft *draft = txn->pending[i]->draft;
    ufo_status status = draft ? note_kept(commit, draft, error) : UFO_OK;
    if (status) return status;
  }
  for (size_t i = 0; i < txn->pending_count; i++) {
    ufo_pending *pending = txn->pending[i];
    if (!pending->draft && !pending->removed) continue;
    ufo_status status = resolve_name(commit, pending, error);
    if (status == UFO_CONFLICT) return status;
    if (status) {
      return ufo_fail_prefix(error, status, "cannot commit '%s' to store %s", pending->name, commit->core->path);
    }
  }
  return UFO_OK;
}
