/* The shape of a region: sizes, chunks that cut elements, headers, ends, lookup; and read-only regions. */
#include "region_kit.h"

/* Byte b of the body is a function of its place, whatever the element. */
static uint8_t byte_of(uint64_t b) { return (uint8_t)(b * 131 + (b >> 12) * 7 + 1); }

static int populate_bytes_of(void *user, uint64_t first, uint64_t count, void *target, ufo_error *e) {
  (void)e;
  uint64_t element = *(const uint64_t *)user;
  uint8_t *out = target;
  for (uint64_t i = 0; i < count * element; i++) out[i] = byte_of(first * element + i);
  return UFO_OK;
}

Test(region, chunk_is_the_request_rounded_up_to_a_page, .timeout = 60) {
  ufo_pool *pool = new_pool(32 << 20);
  static const uint64_t requests[] = {1, 1000, 1024, 1025, 100000, 1000003};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    ufo_region *region = new_region(pool, 4, 10 * requests[i] + 1, requests[i], UFO_ACCESS_READ_WRITE,
                                    (ufo_source){.populate_bytes = populate_zero_bytes});
    ufo_region_info info = info_of(region);
    uint64_t expected = (4 * requests[i] + PAGE - 1) / PAGE * PAGE;
    cr_assert_eq(info.chunk_bytes, expected);
    cr_assert_eq(info.chunk_count, (info.body_bytes + expected - 1) / expected);
    cr_assert_eq(info.body, ufo_region_body(region));
    cr_assert_eq(info.pool, pool);
    /* One touch makes one chunk resident, not more. */
    cr_assert_eq(*(int32_t *)ufo_region_body(region), 0);
    cr_assert(becomes_resident(region, expected < 10 * 4 * requests[i] + 4 ? expected : PAGE));
    ufo_region_release(region);
  }
  ufo_region *region =
      new_region(pool, 8, 1 << 20, 0, UFO_ACCESS_READ_WRITE, (ufo_source){.populate_bytes = populate_zero_bytes});
  cr_assert_eq(info_of(region).chunk_bytes, 64 * 1024);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

Test(region, elements_of_any_size_may_be_cut_by_chunks, .timeout = 60) {
  ufo_pool *pool = new_pool(1 << 20);
  static uint64_t elements[] = {1, 3, 4, 8, 24, 5000};
  static const uint64_t chunk_bytes[] = {1, PAGE, 3 * PAGE};
  for (size_t e = 0; e < sizeof elements / sizeof *elements; e++) {
    for (size_t c = 0; c < 3; c++) {
      uint64_t element = elements[e], count = 100001 / element + 2;
      uint64_t chunk = (chunk_bytes[c] + element - 1) / element;
      ufo_region *region = new_region(pool, element, count, chunk, UFO_ACCESS_READ_WRITE,
                                      (ufo_source){.populate = populate_bytes_of, .user = &elements[e]});
      const uint8_t *body = ufo_region_body(region);
      uint64_t bytes = info_of(region).body_bytes;
      cr_assert_eq(bytes, element * count);
      uint64_t wrong = 0, mapped = (bytes + PAGE - 1) / PAGE * PAGE;
      for (uint64_t b = bytes; b-- > 0;) wrong += body[b] != byte_of(b);
      for (uint64_t b = bytes; b < mapped; b++) wrong += body[b] != 0;
      cr_assert_eq(wrong, 0, "%" PRIu64 " wrong bytes with elements of %" PRIu64, wrong, element);
      ufo_region_release(region);
    }
  }
  OK(ufo_pool_destroy(pool, &error));
}

Test(region, of_no_and_of_one_element, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  ufo_region *none = new_formula(pool, 0);
  cr_assert_not_null(ufo_region_body(none));
  cr_assert_eq(info_of(none).chunk_count, 0);
  OK(ufo_region_pin(none, 0, 0, 0, &error));
  ufo_region_unpin(none, 0, 0);
  OK(ufo_region_flush(none, &error));
  OK(ufo_region_reset(none, &error));
  OK(ufo_region_advise(none, 0, 0, UFO_ADVICE_WILLNEED, &error));
  FAILS(UFO_USAGE, ufo_region_pin(none, 0, 1, 0, &error));
  ufo_region *one = new_formula(pool, 1);
  const uint64_t *body = ufo_region_body(one);
  cr_assert_eq(body[0], value_of(0));
  for (int i = 1; i < 512; i++) cr_assert_eq(body[i], 0);
  cr_assert_eq(ufo_region_header(one), NULL);
  ufo_region_release(none);
  ufo_region_release(one);
  ufo_region_release(NULL);
  OK(ufo_pool_destroy(pool, &error));
}

Test(region, header_bytes_end_where_the_body_begins, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  for (int access = UFO_ACCESS_READ_WRITE; access <= UFO_ACCESS_READ_ONLY; access++) {
    for (uint64_t bytes = 1; bytes < 3 * PAGE; bytes += 4095) {
      ufo_region_options options = {.struct_size = sizeof options,
                                    .header_bytes = bytes,
                                    .element_bytes = 8,
                                    .count = 3000,
                                    .access = (ufo_access)access,
                                    .source = {.populate = populate_formula}};
      ufo_region *region;
      OK(ufo_region_create(pool, &options, &region, &error));
      char *header = ufo_region_header(region), *body = ufo_region_body(region);
      cr_assert_eq(header + bytes, body);
      cr_assert_eq((uintptr_t)body % PAGE, 0);
      for (uint64_t i = 0; i < bytes; i++) cr_assert_eq(header[i], 0);
      memset(header, 0x5A, bytes);
      cr_assert_eq(((uint64_t *)(void *)body)[2999], value_of(2999));
      cr_assert_eq(header[bytes - 1], 0x5A);
      cr_assert_eq(ufo_region_find(pool, header), region);
      cr_assert_eq(ufo_region_find(pool, body - 1), region);
      cr_assert_eq(ufo_region_find(pool, body), region);
      cr_assert_eq(ufo_region_find(pool, body + 23999), region);
      cr_assert_neq(ufo_region_find(pool, body + 6 * PAGE), region);
      cr_assert_null(ufo_region_find(pool, &options));
      cr_assert_null(ufo_region_find(pool, NULL));
      ufo_region_release(region);
      cr_assert_null(ufo_region_find(pool, body));
    }
  }
  OK(ufo_pool_destroy(pool, &error));
}

Test(region, of_a_thousand_billion_doubles, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  const uint64_t count = 1000000000000;
  ufo_region *region = new_formula(pool, count);
  uint64_t *body = ufo_region_body(region);
  cr_assert_eq(body[count - 1], value_of(count - 1));
  cr_assert_eq(body[0], value_of(0));
  body[count / 2] = 7;
  for (uint64_t i = 0; i < 1000; i++) cr_assert_eq(body[i * 512], value_of(i * 512));
  cr_assert_eq(body[count / 2], 7);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

static ufo_region_options good_options(void) {
  return (ufo_region_options){.struct_size = sizeof(ufo_region_options),
                              .element_bytes = 8,
                              .count = 1000,
                              .source = {.populate = populate_formula}};
}

Test(region, refuses_impossible_options, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  ufo_region *region = (ufo_region *)(void *)pool;
  FAILS(UFO_USAGE, ufo_region_create(pool, NULL, &region, &error));
  cr_assert_null(region);
  ufo_region_options bad = good_options();
  bad.struct_size--;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.element_bytes = 0;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.source.populate_bytes = populate_zero_bytes;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.source.populate = NULL;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.count = UINT64_MAX / 8 + 1;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.count = UINT64_MAX / 8;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.chunk_elements = UINT64_MAX / 4;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.header_bytes = UINT64_MAX - 1;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.header_bytes = UINT64_MAX - 3 * PAGE;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.count = (uint64_t)1 << 46;
  FAILS(UFO_FULL, ufo_region_create(pool, &bad, &region, &error));
  bad = good_options(), bad.count = 1 << 20, bad.chunk_elements = (1 << 16) + 1;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error)); /* larger than half the budget */
  bad.access = (ufo_access)7;
  FAILS(UFO_USAGE, ufo_region_create(pool, &bad, &region, &error));
  FAILS(UFO_USAGE, ufo_region_create(NULL, &bad, &region, &error));
  cr_assert_null(region);
  cr_assert_eq(stats_of(pool).regions, 0);
  OK(ufo_pool_destroy(pool, &error));
}

/* Chunks are kept by 32-bit lengths when they spill, so larger ones are refused rather than cut. */
Test(region, refuses_chunks_of_more_than_a_gibibyte, .timeout = 30) {
  ufo_pool *pool = new_pool((uint64_t)64 << 30);
  ufo_region *region;
  ufo_region_options options = good_options();
  options.count = (uint64_t)1 << 32;
  options.chunk_elements = (uint64_t)1 << 29;
  FAILS(UFO_USAGE, ufo_region_create(pool, &options, &region, &error));
  options.chunk_elements = (uint64_t)1 << 27;
  OK(ufo_region_create(pool, &options, &region, &error));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* "All in one chunk" is often said by a huge number: nothing may be allocated by that number. */
Test(region, chunk_request_beyond_the_body, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  ufo_region *region =
      new_region(pool, 8, 20000, (uint64_t)1 << 50, UFO_ACCESS_READ_WRITE, (ufo_source){.populate = populate_formula});
  uint64_t *body = ufo_region_body(region);
  cr_assert_eq(info_of(region).chunk_count, 1);
  body[19999] = 1;
  OK(ufo_region_flush(region, &error));
  OK(ufo_region_pin(region, 0, 160000, 1, &error));
  ufo_region_unpin(region, 0, 160000);
  OK(ufo_region_advise(region, 0, 160000, UFO_ADVICE_DONTNEED, &error));
  cr_assert(becomes_resident(region, 0));
  OK(ufo_region_advise(region, 0, 160000, UFO_ADVICE_WILLNEED, &error));
  cr_assert(becomes_resident(region, 40 * PAGE));
  cr_assert_eq(body[19999], 1);
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}

/* ---- read-only -----------------------------------------------------------------------------------------------------
 */

static int overwrite(void *address) {
  *(volatile uint64_t *)address = 99;
  return 0;
}

Test(region, read_only_refuses_writes, .timeout = 30) {
  ufo_pool *pool = new_pool(1 << 20);
  ufo_region *region = new_region(pool, 8, 5000, 512, UFO_ACCESS_READ_ONLY, (ufo_source){.populate = populate_formula});
  uint64_t *body = ufo_region_body(region);
  FAILS(UFO_USAGE, ufo_guarded(region, overwrite, &body[600], NULL, &error)); /* cold */
  cr_assert_eq(body[600], value_of(600));
  FAILS(UFO_USAGE, ufo_guarded(NULL, overwrite, &body[600], NULL, &error)); /* resident */
  cr_assert_eq(body[600], value_of(600));
  FAILS(UFO_USAGE, ufo_region_pin(region, 0, 8, 1, &error));
  pid_t child = fork();
  if (child == 0) {
    overwrite(&body[601]);
    _exit(0);
  }
  cr_assert_eq(wait_for(child), 256 + SIGSEGV);
  for (uint64_t i = 0; i < 5000; i++) cr_assert_eq(body[i], value_of(i));
  cr_assert_eq(stats_of(pool).write_faults, 0);
  OK(ufo_region_advise(region, 0, 40000, UFO_ADVICE_DONTNEED, &error));
  cr_assert_eq(stats_of(pool).writebacks, 0);
  cr_assert_eq(body[4999], value_of(4999));
  ufo_region_release(region);
  OK(ufo_pool_destroy(pool, &error));
}
