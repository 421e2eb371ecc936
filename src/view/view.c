/* view.c - a view's life, and what its region asks of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"
#include "region/pool.h"
#include "util/checked.h"
#include "util/fail.h"
#include "view/view.h"

/* ---- the region's source --------------------------------------------------------------------------------------- */

/* The view's last chunk, where what was put has been added to since (ufo_txn_put_text_views). */
static ufo_status load_part(ufo_object *base, uint64_t chunk, uint32_t there, void *target, uint64_t bytes,
                            ufo_error *error) {
  uint8_t *whole = malloc(there);
  if (!whole) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = ufo_object_load(base, chunk, whole, error);
  if (status == UFO_OK) memcpy(target, whole, bytes);
  free(whole);
  return status;
}

static int populate_hashed(void *user, uint64_t offset, uint64_t bytes, void *target, uint64_t *hash_out,
                           ufo_error *error) {
  ufo_view *view = user;
  uint64_t chunk = offset / view->chunk_bytes;
  ufo_object *base;
  ufo_extent *extent = ufo_overlay_get(view, chunk, &base);
  ufo_status status;
  uint32_t there = ufo_object_chunk_raw_bytes(base, chunk);
  if (!extent && there > bytes) {
    status = load_part(base, chunk, there, target, bytes, error);
  } else if (!extent) {
    UFO_ASSERT(there == bytes);
    status = ufo_object_load_hashed(base, chunk, target, hash_out, error);
  } else if (ufo_extent_meta(extent)->raw_bytes != bytes) {
    status =
        ufo_fail(error, UFO_CORRUPT, "changed chunk %llu of '%s' has %u bytes, not %llu", (unsigned long long)chunk,
                 view->name, ufo_extent_meta(extent)->raw_bytes, (unsigned long long)bytes);
  } else {
    status = ufo_extent_load(extent, target, error);
    *hash_out = ufo_extent_meta(extent)->hash;
  }
  ufo_extent_release(extent);
  ufo_object_release(base);
  return status;
}

static int populate(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *error) {
  uint64_t hash;
  return populate_hashed(user, offset, bytes, target, &hash, error);
}

static const char *path_of(const ufo_view *view) { return ufo_spill_path(view->spill); }

static int writeback(void *user, uint64_t offset, uint64_t bytes, const void *data, ufo_error *error) {
  ufo_view *view = user;
  ufo_extent *extent = NULL;
  ufo_status status = ufo_extent_create(view->spill, view->type, view->element_bytes, data, (uint32_t)bytes,
                                        &view->habit, &extent, error);
  if (status != UFO_OK)
    return ufo_fail_prefix(error, status, "cannot set aside changes of '%s' of store %s", view->name, path_of(view));
  status = ufo_overlay_set(view, offset / view->chunk_bytes, extent, error);
  if (status != UFO_OK) ufo_extent_release(extent);
  return status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void free_view(ufo_view *view) {
  ufo_overlay_clear(view);
  ufo_changes_free(&view->put_changes);
  ufo_object_release(view->base);
  if (view->spill) ufo_spill_release(view->spill);
  free(view);
}

/* The view has its base and shape; gives it memory. */
static ufo_status make_region(ufo_view *view, ufo_error *error) {
  if (view->chunk_bytes % ufo_page_bytes() != 0)
    return ufo_fail(error, UFO_UNSUPPORTED,
                    "cannot view '%s' of store %s: its chunks of %u bytes are not whole pages of %llu bytes",
                    view->name, path_of(view), view->chunk_bytes, (unsigned long long)ufo_page_bytes());
  /* Chunks are cut by bytes: elements that do not divide a chunk are no matter to the region. */
  bool divides = view->chunk_bytes % view->element_bytes == 0;
  uint64_t unit = divides ? view->element_bytes : 1;
  uint64_t bytes;
  if (ufo_mul_overflows(view->length, view->element_bytes, &bytes))
    return ufo_fail(error, UFO_FULL, "cannot view '%s' of store %s: %llu elements do not fit the address space",
                    view->name, path_of(view), (unsigned long long)view->length);
  ufo_region_options options = {
      .struct_size = sizeof options,
      .header_bytes = view->header_bytes,
      .element_bytes = unit,
      .count = bytes / unit,
      .chunk_elements = view->chunk_bytes / unit,
      .access = view->access,
      .source = {.populate_bytes = populate,
                 .populate_hashed = populate_hashed,
                 .writeback = writeback,
                 .user = view,
                 .flags = UFO_SOURCE_READ_AHEAD},
  };
  ufo_status status = ufo_region_create(view->pool, &options, &view->region, error);
  if (status != UFO_OK)
    return ufo_fail_prefix(error, status, "cannot view '%s' of store %s", view->name, path_of(view));
  return UFO_OK;
}

static ufo_status check_options(const char *name, const ufo_view_options **options, ufo_error *error) {
  static const ufo_view_options defaults = {.struct_size = sizeof defaults};
  if (!*options) *options = &defaults;
  if ((*options)->struct_size == sizeof **options) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "cannot view '%s': options.struct_size is %zu, not %zu", name,
                  (*options)->struct_size, sizeof **options);
}

/* Takes over the reference to `base` in every case. */
static ufo_status make_view(ufo_store *store, ufo_txn *txn, ufo_pool *pool, ufo_object *base, const char *name,
                            int64_t index, const ufo_view_options *options, ufo_view **view_out, ufo_error *error) {
  ufo_view *view = calloc(1, sizeof *view);
  if (!view) {
    ufo_object_release(base);
    return ufo_fail(error, UFO_FULL, "out of memory for a view of '%s'", name);
  }
  const ufo_object_info *info = ufo_object_get_info(base);
  view->base = base;
  view->pool = pool;
  view->access = options->access;
  view->header_bytes = options->header_bytes;
  if (index < 0) snprintf(view->name, sizeof view->name, "%s", name);
  else snprintf(view->name, sizeof view->name, "%s[[%lld]]", name, (long long)index + 1);
  ufo_status status;
  if (info->type == UFO_LIST) {
    status = ufo_fail(error, UFO_USAGE, "cannot view '%s' as a vector: it is a list of %llu elements; view those",
                      view->name, (unsigned long long)info->length);
    goto failed;
  }
  if (info->type == UFO_CHARACTER) {
    status = ufo_fail(error, UFO_USAGE, "cannot view the strings '%s' as one vector: view their words and their text",
                      view->name);
    goto failed;
  }
  view->type = info->type;
  view->element_bytes = info->element_bytes;
  view->chunk_bytes = info->chunk_bytes;
  view->length = info->length;
  view->chunk_count = info->chunk_count;
  bool stage = txn && !ufo_store_is_read_only(store);
  status = ufo_spill_open(store, stage ? txn : NULL, stage ? UFO_SPILL_STORE : UFO_SPILL_SCRATCH, &view->spill, error);
  if (status == UFO_OK) status = make_region(view, error);
  if (status != UFO_OK) goto failed;
  *view_out = view;
  return UFO_OK;
failed:
  free_view(view);
  return status;
}

static ufo_status open_view(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name, int64_t index,
                            const ufo_view_options *options, ufo_view **view_out, ufo_error *error) {
  *view_out = NULL;
  if (!store || !pool || !name) return ufo_fail(error, UFO_USAGE, "cannot open a view without a store, pool and name");
  ufo_object *base;
  ufo_status status = check_options(name, &options, error);
  if (status == UFO_OK) status = ufo_object_open(store, txn, name, index, options->version, &base, error);
  if (status != UFO_OK) return status;
  return make_view(store, txn, pool, base, name, index, options, view_out, error);
}

ufo_status ufo_view_open(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name,
                         const ufo_view_options *options, ufo_view **view_out, ufo_error *error) {
  return open_view(store, txn, pool, name, -1, options, view_out, error);
}

ufo_status ufo_view_open_child(ufo_store *store, ufo_txn *txn, ufo_pool *pool, const char *name, uint64_t index,
                               const ufo_view_options *options, ufo_view **view_out, ufo_error *error) {
  *view_out = NULL;
  if (index > INT64_MAX) return ufo_fail(error, UFO_USAGE, "'%s' has no element so far out", name);
  return open_view(store, txn, pool, name, (int64_t)index, options, view_out, error);
}

/* The object is pending in a transaction that is given up at once: its content stays readable, and is zeros. */
ufo_status ufo_view_create(ufo_store *store, ufo_pool *pool, const ufo_object_spec *spec,
                           const ufo_view_options *options, ufo_view **view_out, ufo_error *error) {
  static const char name[] = UFO_VIEW_OF_NOTHING;
  *view_out = NULL;
  if (!store || !pool || !spec)
    return ufo_fail(error, UFO_USAGE, "cannot create a view without a store, pool and specification");
  ufo_status status = check_options(name, &options, error);
  if (status == UFO_OK && options->version != 0)
    status = ufo_fail(error, UFO_USAGE, "cannot create a view of version %llu", (unsigned long long)options->version);
  ufo_txn *txn;
  ufo_object *base = NULL;
  if (status == UFO_OK) status = ufo_txn_begin(store, &txn, error);
  if (status != UFO_OK) return status;
  status = ufo_txn_create(txn, name, spec, error);
  if (status == UFO_OK) status = ufo_object_open(store, txn, name, -1, 0, &base, error);
  ufo_txn_abort(txn);
  if (status != UFO_OK) return status;
  return make_view(store, NULL, pool, base, name, -1, options, view_out, error);
}

ufo_status ufo_view_clone(ufo_view *view, ufo_view **clone_out, ufo_error *error) {
  *clone_out = NULL;
  /* What is changed in memory joins the overlay, which is then shared. */
  ufo_status status = ufo_region_flush(view->region, error);
  if (status != UFO_OK)
    return ufo_fail_prefix(error, status, "cannot duplicate the view of '%s' of store %s", view->name, path_of(view));
  ufo_view *clone = calloc(1, sizeof *clone);
  if (!clone) return ufo_fail(error, UFO_FULL, "out of memory to duplicate the view of '%s'", view->name);
  *clone = (ufo_view){
      .pool = view->pool,
      .access = view->access,
      .header_bytes = view->header_bytes,
      .type = view->type,
      .element_bytes = view->element_bytes,
      .chunk_bytes = view->chunk_bytes,
      .length = view->length,
      .chunk_count = view->chunk_count,
  };
  memcpy(clone->name, view->name, sizeof clone->name);
  clone->spill = ufo_spill_retain(view->spill);
  /* Another thread cannot put the view meanwhile, so base and overlay belong together. */
  ufo_extent_release(ufo_overlay_get(view, UINT64_MAX, &clone->base));
  ufo_changes changes;
  status = ufo_overlay_list(view, &changes, error);
  for (uint64_t i = 0; status == UFO_OK && i < changes.count; i++) {
    ufo_extent *extent = ufo_extent_retain(changes.extents[i]);
    status = ufo_overlay_set(clone, changes.chunks[i], extent, error);
    if (status != UFO_OK) ufo_extent_release(extent);
  }
  ufo_changes_free(&changes);
  if (status == UFO_OK) status = make_region(clone, error);
  if (status != UFO_OK) {
    free_view(clone);
    return status;
  }
  *clone_out = clone;
  return UFO_OK;
}

void ufo_view_release(ufo_view *view) {
  if (!view) return;
  ufo_put_forget(view->pending);
  ufo_region_release(view->region);
  free_view(view);
}

/* ---- questions ------------------------------------------------------------------------------------------------------
 */

void *ufo_view_data(const ufo_view *view) { return ufo_region_body(view->region); }
const char *ufo_view_name(const ufo_view *view) { return view->name; }
uint64_t ufo_view_length(const ufo_view *view) { return view->length; }
ufo_region *ufo_view_region(const ufo_view *view) { return view->region; }

/* The union of the overlay and what is changed in memory, ascending, malloc'ed. */
static ufo_status changed_chunks(ufo_view *view, uint64_t **chunks_out, uint64_t *count_out, ufo_error *error) {
  uint64_t *dirty = NULL, *merged = NULL;
  size_t dirty_count = 0;
  ufo_changes kept = {0};
  ufo_region_settle_presumed(view->region);
  ufo_status status = ufo_region_resident_chunks(view->region, true, &dirty, &dirty_count, error);
  if (status == UFO_OK) status = ufo_overlay_list(view, &kept, error);
  uint64_t count = 0;
  if (status == UFO_OK && dirty_count + kept.count > 0) {
    merged = malloc((dirty_count + kept.count) * sizeof *merged);
    if (!merged)
      status = ufo_fail(error, UFO_FULL, "out of memory for a list of the changed chunks of '%s'", view->name);
    for (uint64_t d = 0, k = 0; merged && (d < dirty_count || k < kept.count);) {
      bool from_dirty = k == kept.count || (d < dirty_count && dirty[d] <= kept.chunks[k]);
      uint64_t chunk = from_dirty ? dirty[d] : kept.chunks[k];
      if (d < dirty_count && dirty[d] == chunk) d++;
      if (k < kept.count && kept.chunks[k] == chunk) k++;
      merged[count++] = chunk;
    }
  }
  free(dirty);
  ufo_changes_free(&kept);
  *chunks_out = merged;
  *count_out = count;
  return status;
}

ufo_status ufo_view_get_info(ufo_view *view, ufo_view_info *info, ufo_error *error) {
  uint64_t *chunks, count;
  ufo_status status = changed_chunks(view, &chunks, &count, error);
  if (status != UFO_OK) return status;
  free(chunks);
  ufo_changes kept;
  status = ufo_overlay_list(view, &kept, error);
  if (status != UFO_OK) return status;
  uint64_t spilled = 0;
  for (uint64_t i = 0; i < kept.count; i++) spilled += ufo_extent_meta(kept.extents[i])->stored_bytes;
  ufo_changes_free(&kept);
  ufo_object *base;
  ufo_extent_release(ufo_overlay_get(view, UINT64_MAX, &base));
  const ufo_object_info *object = ufo_object_get_info(base);
  ufo_view_info now = {
      .struct_size = info->struct_size,
      .object_id = object->id,
      .version = object->version,
      .type = view->type,
      .element_bytes = view->element_bytes,
      .length = view->length,
      .chunk_bytes = view->chunk_bytes,
      .chunk_count = view->chunk_count,
      .chunks_changed = count,
      .spilled_bytes = spilled,
  };
  ufo_object_release(base);
  snprintf(now.name, sizeof now.name, "%.*s", UFO_NAME_MAX, view->name);
  memcpy(info, &now, ufo_min(info->struct_size, sizeof now));
  return UFO_OK;
}

ufo_status ufo_view_changed(ufo_view *view, ufo_view_changed_fn visit, void *user, ufo_error *error) {
  uint64_t *chunks, count;
  ufo_status status = changed_chunks(view, &chunks, &count, error);
  for (uint64_t i = 0; status == UFO_OK && i < count;) {
    uint64_t end = i + 1;
    while (end < count && chunks[end] == chunks[end - 1] + 1) end++;
    /* Elements that lie in these chunks even in part. */
    uint64_t first = chunks[i] * view->chunk_bytes / view->element_bytes;
    uint64_t last = ufo_div_up((chunks[end - 1] + 1) * (uint64_t)view->chunk_bytes, view->element_bytes);
    if (visit(user, first, ufo_min(last, view->length) - first)) status = UFO_END;
    i = end;
  }
  free(chunks);
  return status;
}
