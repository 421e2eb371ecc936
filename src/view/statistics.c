/* statistics.c - what is known of all values of a view, put together from its chunks. */
#include <string.h>

#include "util/checked.h"
#include "util/fail.h"
#include "view/view.h"

typedef struct gathering {
  const ufo_changes *changes; /* instead of the base's */
  uint64_t change;            /* the first one that was not met */
  ufo_view_statistics result;
  bool first;
  double last_least, last_greatest; /* of the chunk before */
} gathering;

/* In an ascending chunk without NA the first value is the least one, the last the greatest. */
static void join(gathering *all, const ufo_chunk_stats *stats) {
  ufo_view_statistics *result = &all->result;
  bool ascending = stats->flags & UFO_STATS_ASCENDING, descending = stats->flags & UFO_STATS_DESCENDING;
  if (!all->first) {
    ascending = ascending && all->last_greatest <= stats->min;
    descending = descending && all->last_least >= stats->max;
  }
  result->is_ascending = result->is_ascending && ascending;
  result->is_descending = result->is_descending && descending;
  result->missing += stats->na_count;
  if (stats->flags & UFO_STATS_HAS_RANGE) {
    result->least = result->has_range && result->least < stats->min ? result->least : stats->min;
    result->greatest = result->has_range && result->greatest > stats->max ? result->greatest : stats->max;
    result->has_range = 1;
  }
  all->first = false;
  all->last_least = stats->min;
  all->last_greatest = stats->max;
}

static ufo_status add_chunk(void *user, uint64_t chunk, const ufo_chunk_stats *stats, ufo_error *error) {
  gathering *all = user;
  (void)error;
  if (all->change < all->changes->count && all->changes->chunks[all->change] == chunk)
    stats = &ufo_extent_meta(all->changes->extents[all->change++])->stats;
  if (!(stats->flags & UFO_STATS_PRESENT)) {
    all->result.is_known = 0;
    return UFO_END;
  }
  join(all, stats);
  return UFO_OK;
}

static bool has_statistics(ufo_type type) { return type == UFO_LOGICAL || type == UFO_INTEGER || type == UFO_DOUBLE; }

ufo_status ufo_view_get_statistics(ufo_view *view, ufo_view_statistics *statistics, ufo_error *error) {
  gathering all = {.first = true, .result = {.is_known = 1, .is_ascending = 1, .is_descending = 1}};
  ufo_changes changes = {0};
  ufo_object *base = NULL;
  ufo_status status = UFO_OK;
  if (!has_statistics(view->type)) {
    all.result.is_known = 0;
  } else {
    status = ufo_region_flush(view->region, error);
    if (status != UFO_OK)
      return ufo_fail_prefix(error, status, "cannot tell the statistics of '%s' of store %s", view->name,
                             ufo_spill_path(view->spill));
    status = ufo_overlay_list(view, &changes, error);
    if (status != UFO_OK) return status;
    all.changes = &changes;
    ufo_extent_release(ufo_overlay_get(view, UINT64_MAX, &base));
    status = ufo_object_each_stats(base, add_chunk, &all, error);
    if (status == UFO_END) status = UFO_OK;
    ufo_object_release(base);
    ufo_changes_free(&changes);
  }
  if (status != UFO_OK) return status;
  if (!all.result.is_known) all.result = (ufo_view_statistics){0};
  size_t bytes = statistics->struct_size;
  all.result.struct_size = bytes;
  memcpy(statistics, &all.result, ufo_min(bytes, sizeof all.result));
  return UFO_OK;
}
