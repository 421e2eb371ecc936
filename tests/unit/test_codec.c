/* Chunks come back bit for bit, whatever encoding they took; damaged ones are refused, and never read out of bounds. */
#include "codec/codec.h"
#include "codec/trial.h"
#include "columns.h"
#include "random.h"
#include "util/fail.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define PAGE 4096u

/* A copy in a block of exactly this length, so that the address sanitizer sees the first byte past it. */
static void *exactly(const void *bytes, size_t n) {
  void *copy = malloc(n ? n : 1);
  cr_assert(copy);
  if (n) memcpy(copy, bytes, n);
  return copy;
}

static void assert_decodes(ufo_codec_memory *memory, const ufo_chunk_meta *meta, const void *stored, const void *raw,
                           const char *what) {
  ufo_error error = {0};
  void *bytes = exactly(stored, meta->stored_bytes);
  uint8_t *target = malloc(meta->raw_bytes + 1u);
  memset(target, 0xA5, meta->raw_bytes + 1u);
  ufo_status status = ufo_codec_decode(memory, meta, bytes, target, &error);
  cr_assert_eq(status, UFO_OK, "%s, %u bytes: %s", what, meta->raw_bytes, error.message);
  cr_assert(memcmp(target, raw, meta->raw_bytes) == 0, "%s, %u bytes, codec %u: other bytes", what, meta->raw_bytes,
            meta->codec);
  cr_assert_eq(target[meta->raw_bytes], 0xA5, "%s: wrote past the end", what);
  free(target);
  free(bytes);
}

static void assert_round_trip(ufo_codec_memory *memory, ufo_type type, uint32_t element_bytes, const void *raw,
                              uint32_t n, const char *what) {
  ufo_chunk_meta meta;
  ufo_error error = {0};
  const void *stored;
  void *exact = exactly(raw, n);
  cr_assert_eq(ufo_codec_encode(memory, type, element_bytes, exact, n, NULL, &meta, &stored, &error), UFO_OK);
  cr_assert_eq(meta.raw_bytes, n);
  cr_assert_leq(meta.stored_bytes, n, "%s: longer than it was", what);
  cr_assert_eq(meta.hash, XXH3_64bits(raw, n), "the hash is that of the decoded bytes for every codec");
  assert_decodes(memory, &meta, stored, raw, what);
  free(exact);
}

Test(codec, every_kind_of_column_round_trips_at_random_lengths, .timeout = 60) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint64_t state = 7;
  uint8_t *raw = aligned_alloc(64, 16 * PAGE);
  for (size_t kind = 0; kind < COLUMN_KINDS; kind++) {
    column_fill(kind, 5 + kind, raw, 16 * PAGE);
    for (int i = 0; i < 60; i++) {
      uint32_t n = i < 20 ? (uint32_t)i : (uint32_t)random_below(&state, i < 50 ? 3 * PAGE + 20 : 16 * PAGE);
      assert_round_trip(memory, column_kinds[kind].type, column_kinds[kind].element_bytes, raw, n,
                        column_kinds[kind].name);
    }
  }
  free(raw);
  ufo_codec_memory_free(memory);
}

Test(codec, every_codec_round_trips_with_every_width, .timeout = 60) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint64_t state = 11;
  uint8_t *raw = aligned_alloc(64, 4 * PAGE), *stored = malloc((size_t)LZ4_compressBound(4 * PAGE));
  cr_assert_eq(ufo_codec_memory_encoding(memory, 4 * PAGE, NULL), UFO_OK);
  for (unsigned width = 1; width <= 255; width++)
    for (uint8_t codec = UFO_CODEC_LZ4; codec < UFO_CODEC_COUNT; codec++) {
      if (codec == UFO_CODEC_DELTA_SHUFFLE_LZ4 && width != 4 && width != 8) continue;
      for (int i = 0; i < 6; i++) {
        uint32_t n = 1 + (uint32_t)random_below(&state, 3 * PAGE + 16);
        column_fill(random_below(&state, COLUMN_KINDS), width, raw, 4 * PAGE);
        ufo_chunk_meta meta = {.codec = codec, .width = (uint8_t)width, .raw_bytes = n, .hash = XXH3_64bits(raw, n)};
        meta.stored_bytes = ufo_trial(memory, (ufo_candidate){codec, (uint8_t)width}, raw, n, stored,
                                      (uint32_t)LZ4_compressBound((int)n));
        cr_assert_gt(meta.stored_bytes, 0);
        assert_decodes(memory, &meta, stored, raw, "forced codec");
      }
    }
  free(raw);
  free(stored);
  ufo_codec_memory_free(memory);
}

Test(codec, zero_and_constant_chunks_store_nothing) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint8_t raw[3 * PAGE] = {0};
  ufo_chunk_meta meta;
  const void *stored;
  cr_assert_eq(ufo_codec_encode(memory, UFO_DOUBLE, 8, raw, sizeof raw, NULL, &meta, &stored, NULL), UFO_OK);
  cr_assert_eq(meta.codec, UFO_CODEC_ZERO);
  cr_assert_eq(meta.stored_bytes, 0);
  assert_decodes(memory, &meta, stored, raw, "zero");

  for (uint32_t width = 1; width <= 16; width++) {
    for (uint32_t i = 0; i < sizeof raw; i++) raw[i] = (uint8_t)(1 + i % width);
    uint32_t n = (uint32_t)sizeof raw - 3; /* ends in the middle of an element */
    cr_assert_eq(ufo_codec_encode(memory, UFO_RECORD, width, raw, n, NULL, &meta, &stored, NULL), UFO_OK);
    cr_assert_eq(meta.codec, UFO_CODEC_CONSTANT, "width %u", width);
    cr_assert_eq(meta.inline_bytes, width);
    cr_assert_eq(meta.stored_bytes, 0);
    assert_decodes(memory, &meta, stored, raw, "constant");
  }
  /* -0 is not zero, and must come back as -0. */
  double negative[512];
  for (int i = 0; i < 512; i++) negative[i] = -0.0;
  assert_round_trip(memory, UFO_DOUBLE, 8, negative, sizeof negative, "-0");
  cr_assert_eq(ufo_codec_encode(memory, UFO_DOUBLE, 8, negative, sizeof negative, NULL, &meta, &stored, NULL), UFO_OK);
  cr_assert_eq(meta.codec, UFO_CODEC_CONSTANT);
  ufo_codec_memory_free(memory);
}

static void assert_damaged(ufo_codec_memory *memory, const ufo_chunk_meta *meta, uint8_t *target, const char *what) {
  ufo_error error;
  cr_assert_eq(ufo_codec_decode(memory, meta, NULL, target, &error), UFO_CORRUPT, "%s", what);
}

/* The hash of what repeats is remembered, and must be that of exactly this element, width and length. */
Test(codec, a_remembered_hash_is_of_the_same_content) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  static uint8_t raw[2][2 * PAGE], target[2 * PAGE];
  for (size_t i = 0; i < sizeof raw[0]; i++) {
    raw[0][i] = (uint8_t)(1 + i % 8);
    raw[1][i] = (uint8_t)(2 + i % 8);
  }
  const void *stored;
  ufo_chunk_meta meta[2], zero, damaged;
  static const uint8_t zeros[2 * PAGE];
  for (int i = 0; i < 2; i++)
    cr_assert_eq(ufo_codec_encode(memory, UFO_DOUBLE, 8, raw[i], 2 * PAGE, NULL, &meta[i], &stored, NULL), UFO_OK);
  cr_assert_eq(ufo_codec_encode(memory, UFO_DOUBLE, 8, zeros, 2 * PAGE, NULL, &zero, &stored, NULL), UFO_OK);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 2; i++) {
      assert_decodes(memory, &meta[i], NULL, raw[i], "the first time, and again");
      assert_decodes(memory, &meta[i], NULL, raw[i], "from memory");
      damaged = meta[i];
      damaged.inline_data[3] ^= 1;
      assert_damaged(memory, &damaged, target, "another element");
      damaged = meta[i];
      damaged.raw_bytes = PAGE;
      assert_damaged(memory, &damaged, target, "another length");
      damaged = meta[i];
      damaged.inline_bytes = 4;
      assert_damaged(memory, &damaged, target, "another width");
      assert_decodes(memory, &meta[i], NULL, raw[i], "after damage");
      damaged = meta[i];
      damaged.hash ^= 1;
      assert_damaged(memory, &damaged, target, "another hash");
    }
    assert_decodes(memory, &zero, NULL, zeros, "zeros");
    damaged = zero;
    damaged.hash ^= 1;
    assert_damaged(memory, &damaged, target, "zeros of another hash");
    damaged = zero;
    damaged.raw_bytes = PAGE;
    assert_damaged(memory, &damaged, target, "fewer zeros");
  }
  ufo_codec_memory_free(memory);
}

/* As many bytes as pages have would take one page more for the header that the engine puts before them. */
Test(codec, the_tail_of_raw_chunks_is_kept_where_that_saves_a_page) {
  static const struct {
    uint32_t bytes, tail;
  } cases[] = {{PAGE - 17, 0}, {PAGE - 16, 0},     {PAGE - 15, 16},     {PAGE - 1, 16},           {PAGE, 16},
               {PAGE + 1, 0},  {2 * PAGE - 16, 0}, {2 * PAGE - 15, 16}, {2 * PAGE, 16},           {2000, 0},
               {1, 0},         {16 * PAGE, 16},    {16 * PAGE + 1, 0},  {UFO_CHUNK_BYTES_MAX, 16}};
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint64_t state = 3;
  uint8_t *raw = malloc(UFO_CHUNK_BYTES_MAX), *target = malloc(UFO_CHUNK_BYTES_MAX);
  random_fill(&state, raw, UFO_CHUNK_BYTES_MAX);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint32_t n = cases[i].bytes;
    ufo_chunk_meta meta;
    const void *stored;
    cr_assert_eq(ufo_codec_encode(memory, UFO_INTEGER, 4, raw, n, NULL, &meta, &stored, NULL), UFO_OK);
    if (n > 1) cr_assert_eq(meta.codec, UFO_CODEC_RAW);
    if (n == 1) continue; /* a constant */
    cr_assert_eq(meta.inline_bytes, cases[i].tail, "%u bytes", n);
    cr_assert_eq(meta.stored_bytes + meta.inline_bytes, n);
    cr_assert_eq(memcmp(meta.inline_data, raw + meta.stored_bytes, meta.inline_bytes), 0);
    assert_decodes(memory, &meta, stored, raw, "with a tail");
    cr_assert(ufo_codec_is_plain(&meta));
    memcpy(target, stored, meta.stored_bytes); /* as if read there */
    cr_assert_eq(ufo_codec_decode(memory, &meta, target, target, NULL), UFO_OK);
    cr_assert_eq(memcmp(target, raw, n), 0, "in place, %u bytes", n);
    if (!cases[i].tail) continue;
    ufo_chunk_meta bad[4] = {meta, meta, meta, meta};
    bad[0].inline_data[15] ^= 1;
    bad[1].inline_bytes = 17;
    bad[2].inline_bytes = 0;
    bad[3].raw_bytes = 8; /* less than the tail */
    for (int b = 0; b < 4; b++) cr_assert_eq(ufo_codec_decode(memory, &bad[b], stored, target, NULL), UFO_CORRUPT);
  }
  free(raw), free(target);
  ufo_codec_memory_free(memory);
}

Test(codec, no_bytes_at_all) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  assert_round_trip(memory, UFO_INTEGER, 4, "", 0, "empty");
  ufo_codec_memory_free(memory);
}

Test(codec, a_chunk_past_the_limit_is_refused_before_memory_is_taken) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  ufo_chunk_meta meta = {.codec = UFO_CODEC_SHUFFLE_LZ4, .width = 8, .raw_bytes = UFO_CHUNK_BYTES_MAX + 1};
  ufo_error error = {0};
  const void *stored;
  cr_assert_eq(ufo_codec_decode(memory, &meta, "", NULL, &error), UFO_CORRUPT);
  cr_assert(strstr(error.message, "limit"));
  meta.raw_bytes = UINT32_MAX;
  cr_assert_eq(ufo_codec_decode(memory, &meta, "", NULL, NULL), UFO_CORRUPT);
  cr_assert_eq(memory->decoding, 0);
  cr_assert_eq(ufo_codec_encode(memory, UFO_RAW, 1, "", UFO_CHUNK_BYTES_MAX + 1, NULL, &meta, &stored, NULL),
               UFO_USAGE);
  ufo_codec_memory_free(memory);
}

Test(codec, each_bad_field_has_its_own_refusal) {
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint8_t raw[PAGE], target[PAGE];
  for (uint32_t i = 0; i < PAGE; i++) raw[i] = (uint8_t)(i / 256);
  ufo_chunk_meta good;
  const void *stored;
  cr_assert_eq(ufo_codec_encode(memory, UFO_DOUBLE, 8, raw, PAGE, NULL, &good, &stored, NULL), UFO_OK);
  void *bytes = exactly(stored, good.stored_bytes);
  struct {
    const char *what;
    ufo_status status;
    ufo_chunk_meta meta;
  } cases[10];
  for (int i = 0; i < 10; i++) cases[i].meta = good, cases[i].status = UFO_CORRUPT;
  cases[0].what = "unknown codec", cases[0].meta.codec = 7, cases[0].status = UFO_UNSUPPORTED;
  cases[1].what = "width 0", cases[1].meta.codec = UFO_CODEC_SHUFFLE_LZ4, cases[1].meta.width = 0;
  cases[2].what = "delta of 5 bytes", cases[2].meta.codec = UFO_CODEC_DELTA_SHUFFLE_LZ4, cases[2].meta.width = 5;
  cases[3].what = "constant of 0 bytes", cases[3].meta.codec = UFO_CODEC_CONSTANT;
  cases[4].what = "constant of 17 bytes", cases[4].meta.codec = UFO_CODEC_CONSTANT, cases[4].meta.inline_bytes = 17;
  cases[5].what = "hash", cases[5].meta.hash ^= 1;
  cases[6].what = "nothing stored", cases[6].meta.stored_bytes = 0;
  cases[7].what = "too much stored", cases[7].meta.stored_bytes = UINT32_MAX;
  cases[8].what = "raw of another length", cases[8].meta.codec = UFO_CODEC_RAW;
  cases[9].what = "decodes to less", cases[9].meta.raw_bytes = PAGE + 8;
  uint8_t *longer = malloc(PAGE + 8);
  for (int i = 0; i < 10; i++) {
    ufo_error error = {0};
    ufo_status status = ufo_codec_decode(memory, &cases[i].meta, bytes, i == 9 ? longer : target, &error);
    cr_expect_eq(status, cases[i].status, "%s: status %d", cases[i].what, status);
    cr_expect_eq(error.code, status);
    cr_expect_neq(error.message[0], '\0', "%s", cases[i].what);
  }
  cr_expect_eq(ufo_codec_decode(memory, &good, bytes, target, NULL), UFO_OK);
  free(longer);
  free(bytes);
  ufo_codec_memory_free(memory);
}

/* One bit of what a reader is given is wrong: an error, or the very same bytes (the bit did not matter). */
Test(codec, single_bit_flips_never_give_other_bytes, .timeout = 120) {
  enum { FLIPS = 20000 };
  ufo_codec_memory *memory = ufo_codec_memory_create();
  uint64_t state = 99;
  uint8_t *raw = aligned_alloc(64, 4 * PAGE);
  int refused = 0;
  for (int flip = 0; flip < FLIPS; flip++) {
    size_t kind = (size_t)flip % COLUMN_KINDS;
    uint32_t n = 1 + (uint32_t)random_below(&state, 3 * PAGE);
    if (flip % 17 == 0) memset(raw, flip % 2, 4 * PAGE);
    else column_fill(kind, (uint64_t)flip / 200, raw, 4 * PAGE);
    ufo_chunk_meta meta, bad;
    const void *stored;
    cr_assert_eq(ufo_codec_encode(memory, column_kinds[kind].type, column_kinds[kind].element_bytes, raw, n, NULL,
                                  &meta, &stored, NULL),
                 UFO_OK);
    bad = meta;
    uint8_t *bytes = exactly(stored, meta.stored_bytes);
    uint32_t bit = (uint32_t)random_u64(&state);
    if (meta.stored_bytes && flip % 3) bytes[bit / 8 % meta.stored_bytes] ^= (uint8_t)(1u << bit % 8);
    else ((uint8_t *)&bad)[bit / 8 % sizeof bad] ^= (uint8_t)(1u << bit % 8);
    /* The buffers are as long as the damaged record says, where the decoder should believe it at all. */
    uint32_t claimed = bad.raw_bytes <= UFO_CHUNK_BYTES_MAX ? bad.raw_bytes : 0;
    uint8_t *target = malloc(claimed + 1u);
    if (bad.stored_bytes > meta.stored_bytes && bad.stored_bytes <= 2 * UFO_CHUNK_BYTES_MAX) {
      bytes = realloc(bytes, bad.stored_bytes);
      memset(bytes + meta.stored_bytes, 0, bad.stored_bytes - meta.stored_bytes);
    }
    ufo_error error = {0};
    ufo_status status = ufo_codec_decode(memory, &bad, bytes, target, &error);
    if (status == UFO_OK) {
      cr_assert_eq(bad.raw_bytes, n, "flip %d", flip);
      cr_assert(memcmp(target, raw, n) == 0, "flip %d of codec %u: other bytes", flip, meta.codec);
    } else {
      cr_assert(status == UFO_CORRUPT || status == UFO_UNSUPPORTED, "flip %d: status %d", flip, status);
      cr_assert_eq(error.code, status);
      refused++;
    }
    free(target);
    free(bytes);
  }
  /* Most bits matter: those of the statistics, and padding, do not. */
  cr_assert_gt(refused, FLIPS / 2);
  free(raw);
  ufo_codec_memory_free(memory);
}
