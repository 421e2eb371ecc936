/* Views of no object, for results; and what is known of the values of a view without reading them. */
#include "one_store.h"

#include <math.h>

enum { CHUNK = 4096, PER_CHUNK = CHUNK / 8, CHUNKS = 40, LENGTH = CHUNKS * PER_CHUNK - 100, BUDGET = 8 * CHUNK };

static ufo_pool *pool;

static void make(void) {
  store_make();
  pool = make_pool(BUDGET);
}

static void unmake(void) {
  OK(ufo_pool_destroy(pool, &error));
  store_end();
}

TestSuite(view_results, .init = make, .fini = unmake, .timeout = 60);

static ufo_view *create(ufo_type type, uint64_t length) {
  ufo_object_spec spec = spec_of(type, 0, length, CHUNK);
  ufo_view *view;
  OK(ufo_view_create(store, pool, &spec, NULL, &view, &error));
  return view;
}

static ufo_view_statistics statistics_of(ufo_view *view) {
  ufo_view_statistics statistics = {.struct_size = sizeof statistics};
  OK(ufo_view_get_statistics(view, &statistics, &error));
  return statistics;
}

static ufo_view *put_and_open(const double *values, uint64_t length) {
  put_now(store, "x", spec_of(UFO_DOUBLE, 0, length, CHUNK), values);
  return open_view(store, NULL, pool, "x");
}

Test(view_results, is_zeros_until_written_and_spills_without_touching_the_store) {
  uint64_t generation = stat_of(store).generation;
  ufo_view *view = create(UFO_DOUBLE, LENGTH);
  double *data = ufo_view_data(view);
  cr_assert_eq(ufo_view_length(view), LENGTH);
  cr_assert_eq(data[0], 0);
  cr_assert_eq(data[LENGTH - 1], 0);
  for (uint64_t i = 0; i < LENGTH; i++) data[i] = sqrt((double)i);
  for (uint64_t i = 0; i < LENGTH; i++) cr_assert_eq(data[i], sqrt((double)i));
  ufo_view_info info = view_info(view);
  cr_assert_gt(info.spilled_bytes, 0);
  cr_assert_eq(info.version, 0);
  cr_assert_str_eq(info.name, UFO_VIEW_OF_NOTHING);
  ufo_view_release(view);
  cr_assert_eq(stat_of(store).generation, generation);
  cr_assert_eq(stat_of(store).staged_blobs, 0);
  cr_assert_eq(stat_of(store).objects, 0);
}

Test(view_results, can_be_put_into_any_store_and_goes_on) {
  ufo_store *other = open_store(in_folder("other.ufo"));
  ufo_view *view = create(UFO_DOUBLE, LENGTH);
  double *data = ufo_view_data(view), *expected = malloc(LENGTH * sizeof *expected);
  for (uint64_t i = 0; i < LENGTH; i++) data[i] = expected[i] = 1 / (double)(i + 1);
  put_view_now(store, "here", view);
  put_view_now(other, "there", view);
  assert_content(store, NULL, "here", expected, LENGTH * 8);
  assert_content(other, NULL, "there", expected, LENGTH * 8);
  data[7] = expected[7] = 3;
  put_view_now(other, "again", view);
  assert_content(other, NULL, "again", expected, LENGTH * 8);
  ufo_view_release(view);
  assert_sound(other);
  ufo_store_close(other);
  free(expected);
}

Test(view_results, refuses_what_cannot_be) {
  ufo_object_spec list = spec_of(UFO_LIST, 0, 1, 0), fine = spec_of(UFO_DOUBLE, 0, 1, CHUNK);
  ufo_view_options versioned = {.struct_size = sizeof versioned, .version = 2};
  ufo_view *view = (ufo_view *)&list;
  cr_assert_eq(ufo_view_create(store, pool, &list, NULL, &view, &error), UFO_USAGE);
  cr_assert_null(view);
  cr_assert_eq(ufo_view_create(store, pool, &fine, &versioned, &view, &error), UFO_USAGE);
  cr_assert_eq(ufo_view_create(store, NULL, &fine, NULL, &view, &error), UFO_USAGE);
  put_now(store, "x", fine, &(double){1});
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_store *reader;
  OK(ufo_store_open(ufo_store_path(store), &options, &reader, &error));
  cr_assert_eq(ufo_view_create(reader, pool, &fine, NULL, &view, &error), UFO_USAGE);
  ufo_store_close(reader);
}

Test(view_results, statistics_are_those_of_all_chunks) {
  double *values = malloc(LENGTH * sizeof *values);
  for (uint64_t i = 0; i < LENGTH; i++) values[i] = (double)(i / 3) - 50;
  ufo_view *view = put_and_open(values, LENGTH);
  ufo_view_statistics all = statistics_of(view);
  cr_assert(all.is_known && all.has_range && all.is_ascending && !all.is_descending);
  cr_assert_eq(all.missing, 0);
  cr_assert_eq(all.least, values[0]);
  cr_assert_eq(all.greatest, values[LENGTH - 1]);
  cr_assert_eq(quiet_stats(pool).fills, 0, "no chunk was read");
  ufo_view_release(view);
  values[0] = INFINITY; /* in order inside of every other chunk */
  values[PER_CHUNK] = -INFINITY;
  values[2 * PER_CHUNK] = NAN;
  view = put_and_open(values, LENGTH);
  all = statistics_of(view);
  cr_assert(all.is_known && !all.is_ascending && !all.is_descending);
  cr_assert_eq(all.missing, 1);
  cr_assert_eq(all.least, -INFINITY);
  cr_assert_eq(all.greatest, INFINITY);
  ufo_view_release(view);
  free(values);
}

Test(view_results, order_may_break_between_two_chunks) {
  double *values = malloc(LENGTH * sizeof *values);
  for (uint64_t i = 0; i < LENGTH; i++) values[i] = (double)(i % PER_CHUNK);
  ufo_view *view = put_and_open(values, LENGTH);
  cr_assert(!statistics_of(view).is_ascending);
  ufo_view_release(view);
  for (uint64_t i = 0; i < LENGTH; i++) values[i] = -(double)i;
  view = put_and_open(values, LENGTH);
  cr_assert(statistics_of(view).is_descending && !statistics_of(view).is_ascending);
  ufo_view_release(view);
  free(values);
}

Test(view_results, statistics_know_of_changes_in_memory_and_outside) {
  double *values = calloc(LENGTH, sizeof *values);
  ufo_view *view = put_and_open(values, LENGTH);
  cr_assert(statistics_of(view).is_ascending && statistics_of(view).is_descending);
  double *data = ufo_view_data(view);
  for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) data[chunk * PER_CHUNK] = (double)chunk + 1;
  ufo_view_statistics all = statistics_of(view);
  cr_assert_eq(all.least, 0);
  cr_assert_eq(all.greatest, CHUNKS);
  cr_assert(!all.is_ascending);
  data[LENGTH - 1] = NAN;
  cr_assert_eq(statistics_of(view).missing, 1);
  ufo_view_release(view);
  free(values);
}

Test(view_results, statistics_of_what_was_never_written_and_of_other_types) {
  ufo_view *zeros = create(UFO_INTEGER, 5000), *none = create(UFO_INTEGER, 0), *bytes = create(UFO_RAW, 10);
  ufo_view_statistics all = statistics_of(zeros);
  cr_assert(all.is_known && all.has_range && all.is_ascending && all.is_descending);
  cr_assert_eq(all.least, 0);
  cr_assert_eq(all.greatest, 0);
  ((int32_t *)ufo_view_data(zeros))[4999] = INT32_MIN;
  all = statistics_of(zeros);
  cr_assert_eq(all.missing, 1);
  cr_assert_eq(all.least, 0);
  cr_assert(statistics_of(none).is_known && !statistics_of(none).has_range);
  cr_assert(!statistics_of(bytes).is_known);
  ufo_view_release(zeros);
  ufo_view_release(none);
  ufo_view_release(bytes);
}
