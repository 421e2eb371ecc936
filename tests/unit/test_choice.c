/* The choice per chunk is no worse than the best single codec for the whole column would have been, plus 1 %. */
#include "codec/codec.h"
#include "codec/trial.h"
#include "columns.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define CHUNKS 4

static void assert_choice_is_good(uint32_t chunk_bytes) {
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
                                    &meta, &stored, NULL),
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

Test(choice, chunks_of_4_kib, .timeout = 60) { assert_choice_is_good(4096); }
Test(choice, chunks_of_32_kib, .timeout = 60) { assert_choice_is_good(32 * 1024); }
Test(choice, chunks_of_64_kib, .timeout = 60) { assert_choice_is_good(64 * 1024); }
Test(choice, chunks_of_256_kib, .timeout = 60) { assert_choice_is_good(256 * 1024); }
Test(choice, chunks_of_1_mib, .timeout = 60) { assert_choice_is_good(1024 * 1024); }
