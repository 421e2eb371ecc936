/* scan.c - opens a store, lists it, and sums a column of doubles of any size through an ordinary pointer.
 *
 *   scan STORE NAME */
#include <inttypes.h>
#include <stdio.h>
#include <ufostore/ufostore.h>

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: scan STORE NAME\n"), 2;
  ufo_error error;
  ufo_store *store = NULL;
  ufo_store_iterator *objects = NULL;
  ufo_pool *pool = NULL;
  ufo_view *view = NULL;
  ufo_object_info info = {.struct_size = sizeof info};
  const ufo_store_options reading = {.struct_size = sizeof reading, .mode = UFO_OPEN_READ_ONLY};
  const ufo_pool_options budget = {.struct_size = sizeof budget, .budget_bytes = UINT64_C(256) << 20};

  if (ufo_store_open(argv[1], &reading, &store, &error)) goto failed;
  if (ufo_store_list(store, NULL, &objects, &error)) goto failed;
  ufo_status status;
  while ((status = ufo_store_iterator_next(objects, &info, &error)) == UFO_OK)
    printf("%-24s %-10s %12" PRIu64 "\n", info.name, ufo_type_name(info.type), info.length);
  if (status != UFO_END) goto failed;

  if (ufo_store_info(store, NULL, argv[2], 0, &info, &error)) goto failed;
  if (info.type != UFO_DOUBLE) {
    snprintf(error.message, sizeof error.message, "%s is %s, not double", argv[2], ufo_type_name(info.type));
    goto failed;
  }
  if (ufo_pool_create(&budget, &pool, &error)) goto failed;
  if (ufo_view_open(store, NULL, pool, argv[2], NULL, &view, &error)) goto failed;
  const double *column = ufo_view_data(view); /* chunks load as they are touched, and leave when room is needed */
  double sum = 0;
  for (uint64_t i = 0; i < ufo_view_length(view); i++) sum += column[i];
  printf("sum of %s: %.17g\n", argv[2], sum);

failed:;
  const int exit_status = view ? 0 : (fprintf(stderr, "scan: %s\n", error.message), 1);
  ufo_view_release(view);
  (void)ufo_pool_destroy(pool, NULL);
  ufo_store_iterator_free(objects);
  ufo_store_close(store);
  return exit_status;
}
