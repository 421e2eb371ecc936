/* What verifying says, and when it ends. Damage is made by writing into the file's tables with LMDB itself. */
#include "fixture.h"

TestSuite(verify, .init = fixture_make, .fini = fixture_remove, .timeout = 60);

static int stop(void *user, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  return ++*(int *)user == 2;
}

/* Someone who waits no longer must be heard while entries are read that have no bytes of their own. */
Test(verify, progress_ends_it) {
  enum { CHUNK = 4096, CHUNKS = 40000 };
  int32_t *values = malloc((size_t)CHUNKS * CHUNK);
  for (int i = 0; i < CHUNKS * CHUNK / 4; i++) values[i] = i / (CHUNK / 4) + 1; /* each chunk is a constant */
  ufo_store *store = open_store(in_folder("s.ufo"));
  put_now(store, "x", spec_of(UFO_INTEGER, 0, CHUNKS * CHUNK / 4, CHUNK), values);
  free(values);
  int calls = 0;
  cr_assert_eq(ufo_store_verify(store, NULL, stop, &calls, &error), UFO_END);
  cr_assert_eq(calls, 2);
  calls = 2;
  OK(ufo_store_verify(store, show_damage, stop, &calls, &error));
  cr_assert_gt(calls, 4);
  ufo_store_close(store);
}
