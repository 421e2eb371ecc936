/* The scratch file: pieces keep their bytes, room is reused, and a fork shares nothing that is written after it. */
#include "region_kit.h"

#include "os/scratch.h"

static void fill(uint8_t *bytes, size_t size, unsigned seed) {
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

static bool is_filled(const ufo_scratch *scratch, ufo_piece piece, unsigned seed) {
  static uint8_t got[70000], expected[70000];
  ufo_error e;
  if (ufo_scratch_read((ufo_scratch *)(uintptr_t)scratch, piece, got, &e) != UFO_OK) return false;
  fill(expected, piece.bytes, seed);
  return memcmp(got, expected, piece.bytes) == 0;
}

Test(scratch, pieces_keep_their_bytes_and_room_is_reused, .timeout = 60) {
  enum { PIECES = 64 };
  ufo_scratch *scratch;
  OK(ufo_scratch_create("/tmp", &scratch, &error));
  static uint8_t bytes[70000];
  ufo_piece pieces[PIECES] = {{0}};
  unsigned seeds[PIECES] = {0};
  uint64_t state = 7, furthest = 0;
  for (unsigned step = 1; step < 5000; step++) {
    unsigned at = (unsigned)(next_random(&state) % PIECES);
    if (pieces[at].bytes) {
      cr_assert(is_filled(scratch, pieces[at], seeds[at]));
      ufo_scratch_discard(scratch, pieces[at]);
    }
    uint32_t size = (uint32_t)(1 + next_random(&state) % (step % 2 ? 69999 : 5000));
    fill(bytes, size, step);
    OK(ufo_scratch_write(scratch, bytes, size, &pieces[at], &error));
    cr_assert_eq(pieces[at].bytes, size);
    seeds[at] = step;
    if (pieces[at].offset + size > furthest) furthest = pieces[at].offset + size;
  }
  uint64_t live = 0;
  for (int i = 0; i < PIECES; i++) {
    cr_assert(is_filled(scratch, pieces[i], seeds[i]));
    live += (pieces[i].bytes + 4095u) / 4096 * 4096;
  }
  cr_assert_eq(ufo_scratch_used_bytes(scratch), live);
  cr_assert_lt(furthest, 18 * 64 * 70000u); /* far less than was written in all */
  for (int i = 0; i < PIECES; i++) ufo_scratch_discard(scratch, pieces[i]);
  cr_assert_eq(ufo_scratch_used_bytes(scratch), 0);
  ufo_scratch_free(scratch);
  ufo_scratch_free(NULL);
}

Test(scratch, a_missing_folder_is_an_error_that_names_it, .timeout = 30) {
  ufo_scratch *scratch;
  ufo_piece piece;
  OK(ufo_scratch_create("/nowhere/at/all", &scratch, &error));
  FAILS(UFO_MISSING, ufo_scratch_write(scratch, "x", 1, &piece, &error));
  cr_assert_not_null(strstr(error.message, "/nowhere/at/all"));
  cr_assert_eq(piece.bytes, 0);
  cr_assert_eq(ufo_scratch_used_bytes(scratch), 0);
  ufo_scratch_free(scratch);
}

Test(scratch, pieces_survive_a_fork_on_both_sides, .timeout = 60) {
  enum { PIECES = 50, SIZE = 9000 };
  ufo_scratch *scratch;
  OK(ufo_scratch_create("/tmp", &scratch, &error));
  static uint8_t bytes[SIZE];
  ufo_piece pieces[PIECES], more;
  for (unsigned i = 0; i < PIECES; i++) {
    fill(bytes, SIZE, i);
    OK(ufo_scratch_write(scratch, bytes, SIZE, &pieces[i], &error));
  }
  int ready[2];
  cr_assert_eq(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    ufo_error e;
    char go;
    EXPECT(read(ready[0], &go, 1) == 1); /* the parent has discarded and written by now */
    for (unsigned i = 0; i < PIECES; i++) EXPECT(is_filled(scratch, pieces[i], i));
    for (unsigned i = 0; i < PIECES; i++) ufo_scratch_discard(scratch, pieces[i]);
    for (unsigned i = 0; i < PIECES; i++) {
      fill(bytes, SIZE, 1000 + i);
      EXPECT(ufo_scratch_write(scratch, bytes, SIZE, &pieces[i], &e) == UFO_OK);
    }
    pid_t grandchild = fork();
    if (grandchild == 0) {
      atomic_store(&kit_wrong, 0);
      for (unsigned i = 0; i < PIECES; i++) EXPECT(is_filled(scratch, pieces[i], 1000 + i));
      fill(bytes, SIZE, 5);
      EXPECT(ufo_scratch_write(scratch, bytes, SIZE, &more, &e) == UFO_OK && is_filled(scratch, more, 5));
      _exit(kit_wrong != 0);
    }
    EXPECT(wait_for(grandchild) == 0);
    for (unsigned i = 0; i < PIECES; i++) EXPECT(is_filled(scratch, pieces[i], 1000 + i));
    _exit(kit_wrong != 0);
  }
  for (unsigned i = 0; i < PIECES; i += 2) ufo_scratch_discard(scratch, pieces[i]);
  for (unsigned i = 0; i < PIECES; i += 2) {
    fill(bytes, SIZE, 2000 + i);
    OK(ufo_scratch_write(scratch, bytes, SIZE, &pieces[i], &error));
  }
  cr_assert_eq(write(ready[1], "x", 1), 1);
  cr_assert_eq(wait_for(child), 0);
  for (unsigned i = 0; i < PIECES; i++) cr_assert(is_filled(scratch, pieces[i], i % 2 ? i : 2000 + i));
  ufo_scratch_free(scratch);
}

/* What is rewritten between forks does not pile up: the processes on the other side are gone. */
Test(scratch, forks_do_not_make_it_grow, .timeout = 60) {
  enum { PIECES = 32, SIZE = 9000 };
  ufo_scratch *scratch;
  OK(ufo_scratch_create("/tmp", &scratch, &error));
  static uint8_t bytes[SIZE];
  ufo_piece pieces[PIECES] = {{0}};
  uint64_t furthest = 0;
  uint32_t files = 0;
  for (unsigned round = 0; round < 100; round++) { /* more forks than a process could have files of old */
    for (unsigned i = 0; i < PIECES; i++) {
      if (round > 0) cr_assert(is_filled(scratch, pieces[i], round - 1 + i));
      ufo_scratch_discard(scratch, pieces[i]);
      fill(bytes, SIZE, round + i);
      OK(ufo_scratch_write(scratch, bytes, SIZE, &pieces[i], &error));
      if (pieces[i].offset > furthest) furthest = pieces[i].offset;
      if (pieces[i].file > files) files = pieces[i].file;
    }
    pid_t child = fork();
    if (child == 0) {
      for (unsigned i = 0; i < PIECES; i++) EXPECT(is_filled(scratch, pieces[i], round + i));
      _exit(kit_wrong != 0);
    }
    cr_assert_eq(wait_for(child), 0);
  }
  cr_assert_lt(furthest, PIECES * 12288u);
  cr_assert_leq(files, 2);
  ufo_scratch_free(scratch);
}
