/* The choice per chunk is no worse than the best single codec for the whole column would have been, plus 1 %. */
#include "codec/codec.h"
#include "codec/trial.h"
#include "columns.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define CHUNKS 4

static void assert_choice_is_good(uint32_t chunk_bytes, bool with_habit) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint8_t *raw = aligned_alloc(64, (size_t)CHUNKS * chunk_bytes);
  uint32_t capacity = (uint32_t)LZ4_compressBound((int)chunk_bytes);
  uint8_t *room = malloc(capacity);
  cr_assert_eq(ufo_codec_memory_encoding(memory, chunk_bytes, NULL), UFO_OK);
  for (size_t kind = 0; kind < COLUMN_KINDS; kind++) {
    const column_kind *column = &column_kinds[kind];
    column_fill(kind, 3, raw, (size_t)CHUNKS * chunk_bytes);
    ufo_candidate candidates[UFO_CANDIDATES_MAX];
    unsigned n = ufo_candidates(column->type, column->element_bytes, candidates);
    uint64_t best = (uint64_t)CHUNKS * chunk_bytes, chosen = 0;
    ufo_codec_habit habit = {0};
    for (unsigned c = 0; c < n; c++) {
      uint64_t sum = 0;
      for (size_t i = 0; i < CHUNKS; i++)
        sum += ufo_trial(memory, candidates[c], raw + i * chunk_bytes, chunk_bytes, room, capacity);
      if (sum < best) best = sum;
    }
    for (size_t i = 0; i < CHUNKS; i++) {
      ufo_chunk_meta meta;
      const void *stored;
      cr_assert_eq(ufo_codec_encode(memory, column->type, column->element_bytes, raw + i * chunk_bytes, chunk_bytes,
                                    with_habit ? &habit : NULL, &meta, &stored, NULL),
                   UFO_OK);
      chosen += meta.stored_bytes;
    }
    cr_expect_leq(chosen, best + best / 100, "%s in chunks of %u: %llu bytes, the best single codec takes %llu",
                  column->name, chunk_bytes, (unsigned long long)chosen, (unsigned long long)best);
  }
  free(room);
  free(raw);
  ufo_codec_memory_free(memory);
}

Test(choice, chunks_of_4_kib, .timeout = 60) { assert_choice_is_good(4096, false); }
Test(choice, chunks_of_32_kib, .timeout = 60) { assert_choice_is_good(32 * 1024, false); }
Test(choice, chunks_of_64_kib, .timeout = 60) { assert_choice_is_good(64 * 1024, false); }
Test(choice, chunks_of_256_kib, .timeout = 60) { assert_choice_is_good(256 * 1024, false); }
Test(choice, chunks_of_1_mib, .timeout = 60) { assert_choice_is_good(1024 * 1024, false); }

/* ---- what won before, known -------------------------------------------------------------------------------------- */

Test(habit, chunks_of_4_kib, .timeout = 60) { assert_choice_is_good(4096, true); }
Test(habit, chunks_of_32_kib, .timeout = 60) { assert_choice_is_good(32 * 1024, true); }
Test(habit, chunks_of_64_kib, .timeout = 60) { assert_choice_is_good(64 * 1024, true); }
Test(habit, chunks_of_1_mib, .timeout = 60) { assert_choice_is_good(1024 * 1024, true); }

static uint32_t encode(ufo_codec_memory *memory, const column_kind *column, const uint8_t *raw, uint32_t bytes,
                       ufo_codec_habit *habit) {
  ufo_chunk_meta meta;
  const void *stored;
  cr_assert_eq(ufo_codec_encode(memory, column->type, column->element_bytes, raw, bytes, habit, &meta, &stored, NULL),
               UFO_OK);
  return meta.stored_bytes;
}

/* After three chunks of one kind, one of another of the same type: never more than 1 % worse than if nothing was known.
 */
Test(habit, is_given_up_when_the_data_change, .timeout = 120) {
  enum { BYTES = 64 * 1024 };
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint8_t *before = aligned_alloc(64, 3 * BYTES), *raw = aligned_alloc(64, BYTES);
  size_t pairs = 0;
  for (size_t from = 0; from < COLUMN_KINDS; from++) {
    for (size_t to = 0; to < COLUMN_KINDS; to++) {
      const column_kind *old = &column_kinds[from], *now = &column_kinds[to];
      if (old->type != now->type || old->element_bytes != now->element_bytes || from == to) continue;
      ufo_codec_habit habit = {0};
      column_fill(from, 3, before, 3 * BYTES);
      for (size_t i = 0; i < 3; i++) encode(memory, old, before + i * BYTES, BYTES, &habit);
      column_fill(to, 4, raw, BYTES);
      uint32_t fresh = encode(memory, now, raw, BYTES, NULL), known = encode(memory, now, raw, BYTES, &habit);
      cr_expect_leq(known, fresh + fresh / 100, "%s after %s: %u bytes instead of %u", now->name, old->name, known,
                    fresh);
      pairs++;
    }
  }
  cr_expect_gt(pairs, 20);
  free(before);
  free(raw);
  ufo_codec_memory_free(memory);
}
