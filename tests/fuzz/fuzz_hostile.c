/* A store whose pages are sound and whose records lie: records are changed, replaced, moved or deleted, with seals that
 * hold, and then everything that the library offers is done with the store. Any error is in order; a signal, a hang, or
 * a sanitizer's report is not. (Damage without a right seal is for tests/fault; this is what an enemy would write.)
 *
 * Input: edits one after another. Each is: table, which record of it, what to do, then what that takes (edit_record).
 */
#include "fuzz.h"

#include <fcntl.h>

#include <ufostore/ufostore.h>

#include "store/record.h"

unsigned fuzz_mutations = 300;

enum { CHUNK = 4096, EDITS_MAX = 8, READ_MAX = 1 << 16, STEPS_MAX = 64 };
#define MAP_BYTES (UINT64_C(16) << 20)

static ufo_error error;
static ufo_pool *pool;
static char pristine[128], path[128], lock[140], copy_path[128];

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    ufo_status status_ = (call);                                                                                       \
    if (status_) fprintf(stderr, "%s: %s\n", ufo_status_name(status_), error.message);                                 \
    PROMISE(!status_ && #call);                                                                                        \
  } while (0)

/* ---- the store before ----------------------------------------------------------------------------------------------
 */

static ufo_store *open_at(const char *at) {
  ufo_store *store = NULL;
  ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_WRITE, .map_bytes = MAP_BYTES};
  return ufo_store_open(at, &options, &store, &error) ? NULL : store;
}

static ufo_object_spec spec_of(ufo_type type, uint64_t length) {
  return (ufo_object_spec){
      .struct_size = sizeof(ufo_object_spec), .type = type, .length = length, .chunk_bytes = CHUNK};
}

/* Something in every table: versions, a list, attributes, shared blobs, garbage, a snapshot with a name of the past. */
static void prepare(void) {
  static double noise[2048];
  static int32_t ramp[3000];
  for (int i = 0; i < 2048; i++) noise[i] = (double)((unsigned)i * 2654435761u) / 7;
  for (int i = 0; i < 3000; i++) ramp[i] = i;
  ufo_pool_options options = {.struct_size = sizeof options, .budget_bytes = 4 * CHUNK, .scratch_dir = fuzz_folder()};
  OK(ufo_pool_create(&options, &pool, &error));
  snprintf(pristine, sizeof pristine, "%s/pristine.ufo", fuzz_folder());
  snprintf(path, sizeof path, "%s/hostile.ufo", fuzz_folder());
  snprintf(lock, sizeof lock, "%s/hostile.ufo-lock", fuzz_folder());
  snprintf(copy_path, sizeof copy_path, "%s/compact.ufo", fuzz_folder());
  ufo_store *store = open_at(pristine);
  PROMISE(store);
  ufo_object_spec doubles = spec_of(UFO_DOUBLE, 2048), integers = spec_of(UFO_INTEGER, 3000);
  ufo_attributes *attributes;
  static const char *const texts[] = {"one", NULL, "two"}, *const children[] = {"c1", "c2"};
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set_strings(attributes, "names", texts, NULL, 3, &error));
  OK(ufo_attributes_set(attributes, "dim", UFO_ATTRIBUTE_INTEGER, ramp, 2, &error));
  ufo_txn *txn;
  OK(ufo_txn_begin(store, &txn, &error));
  OK(ufo_txn_put(txn, "x", &doubles, noise, &error));
  OK(ufo_txn_put(txn, "gone", &integers, ramp, &error));
  OK(ufo_txn_put(txn, "c1", &integers, ramp, &error));
  OK(ufo_txn_put(txn, "c2", &doubles, noise, &error));
  OK(ufo_txn_put_list(txn, "l", children, 2, &error));
  OK(ufo_txn_set_attributes(txn, "l", attributes, &error));
  OK(ufo_txn_set_attributes(txn, "x", attributes, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_attributes_free(attributes);
  OK(ufo_snapshot_create(store, "then", &error));
  ufo_view *view;
  OK(ufo_view_open(store, NULL, pool, "x", NULL, &view, &error));
  OK(ufo_txn_begin(store, &txn, &error));
  OK(ufo_txn_put_view(txn, "shared", view, UFO_PUT_CHECKED, &error));
  OK(ufo_txn_write(txn, "x", 600, 600, noise, &error));
  OK(ufo_txn_remove(txn, "gone", &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_view_release(view);
  OK(ufo_txn_begin(store, &txn, &error));
  OK(ufo_txn_write(txn, "x", 0, 100, noise + 9, &error));
  OK(ufo_txn_put(txn, "gone", &integers, ramp, &error));
  OK(ufo_txn_commit(txn, &error));
  ufo_store_close(store);
}

static void copy_file(void) {
  static uint8_t buffer[1 << 16];
  int in = open(pristine, O_RDONLY | O_CLOEXEC), out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  PROMISE(in >= 0 && out >= 0);
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) != 0;) PROMISE(n > 0 && write(out, buffer, (size_t)n) == n);
  close(in);
  close(out);
}

/* ---- the enemy -----------------------------------------------------------------------------------------------------
 */

typedef struct found_record {
  uint8_t key[512], content[2048];
  size_t key_bytes, bytes;
} found_record;

/* Record number `index` of a table, counted around. False if it has none. */
static int find_record(ufo_etxn *txn, ufo_table table, uint64_t index, found_record *r) {
  ufo_cursor *cursor;
  ufo_slice key, value;
  uint64_t entries;
  OK(ufo_engine_get_entries(txn, table, &entries, &error));
  if (!entries) return 0;
  OK(ufo_cursor_open(txn, table, &cursor, &error));
  ufo_status status = ufo_cursor_seek(cursor, NULL, 0, &key, &value, &error);
  for (index %= entries; index && !status; index--) status = ufo_cursor_next(cursor, &key, &value, &error);
  if (!status) {
    r->key_bytes = key.bytes < sizeof r->key ? key.bytes : sizeof r->key;
    memcpy(r->key, key.data, r->key_bytes);
    size_t seal = table == UFO_TABLE_BLOBS ? 0 : UFO_SEAL_BYTES;
    r->bytes = value.bytes > seal ? value.bytes - seal : 0;
    if (r->bytes > sizeof r->content - UFO_SEAL_BYTES) r->bytes = sizeof r->content - UFO_SEAL_BYTES;
    memcpy(r->content, value.data, r->bytes);
  }
  ufo_cursor_close(cursor);
  return !status;
}

static void put_record(ufo_etxn *txn, ufo_table table, found_record *r) {
  if (!r->key_bytes || r->key_bytes > 500) return;
  if (table == UFO_TABLE_BLOBS)
    OK(ufo_engine_put(txn, table, r->key, r->key_bytes, r->content, r->bytes, false, &error));
  else OK(ufo_record_put(txn, table, r->key, r->key_bytes, r->content, r->bytes, false, &error));
}

static void edit_record(ufo_etxn *txn, input *in) {
  static found_record r;
  ufo_table table = (ufo_table)(take_byte(in) % UFO_TABLE_COUNT);
  uint8_t index = take_byte(in), what = take_byte(in);
  r.key_bytes = r.bytes = 0;
  if (!find_record(txn, table, index, &r)) r.key_bytes = 0;
  switch (what % 6) {
  case 0:
  case 1: { /* a number in it */
    unsigned at = take_byte(in), width = 1u << (take_byte(in) % 4);
    uint64_t number = take_number(in, width);
    if (at + width > r.bytes) return;
    memcpy(r.content + at, &number, width);
    break;
  }
  case 2: /* another content */
    r.bytes = take_byte(in);
    for (size_t i = 0; i < r.bytes; i++) r.content[i] = take_byte(in);
    break;
  case 3: /* none */
    if (r.key_bytes) OK(ufo_engine_delete(txn, table, r.key, r.key_bytes, &error));
    return;
  case 4: { /* the same under another key */
    unsigned at = take_byte(in), width = 1u << (take_byte(in) % 4);
    uint64_t number = __builtin_bswap64(take_number(in, width)) >> (64 - 8 * width);
    if (at + width > r.key_bytes) return;
    memcpy(r.key + at, &number, width);
    break;
  }
  default: /* any key, any content */
    r.key_bytes = take_byte(in);
    for (size_t i = 0; i < r.key_bytes; i++) r.key[i] = take_byte(in);
    r.bytes = take_byte(in);
    for (size_t i = 0; i < r.bytes; i++) r.content[i] = take_byte(in);
  }
  put_record(txn, table, &r);
}

static void edit_file(input *in) {
  ufo_engine *engine;
  ufo_etxn *txn;
  ufo_engine_options options = {.writable = true, .no_sync = true, .map_bytes = MAP_BYTES};
  OK(ufo_engine_open(path, &options, &engine, &error));
  OK(ufo_engine_begin_write(engine, NULL, &txn, &error));
  for (unsigned i = 0; i < EDITS_MAX && in->left; i++) edit_record(txn, in);
  OK(ufo_engine_commit(txn, &error));
  ufo_engine_close(engine);
}

/* ---- the victim ----------------------------------------------------------------------------------------------------
 */

/* Errors are as good as success; only what they say is looked at. */
static int said(ufo_status status) {
  PROMISE(status == UFO_OK || status == UFO_END || (error.code == status && error.message[0]));
  return status == UFO_OK;
}

static int touch(void *user) {
  const ufo_view *view = user;
  const volatile uint8_t *data = ufo_view_data(view);
  return ufo_view_length(view) ? data[0] : 0;
}

static void use_object(ufo_store *store, const char *name) {
  static uint8_t buffer[READ_MAX];
  ufo_object_info info = {.struct_size = sizeof info}, child = {.struct_size = sizeof child};
  ufo_attributes *attributes;
  if (said(ufo_store_attributes(store, NULL, name, 0, &attributes, &error))) ufo_attributes_free(attributes);
  if (!said(ufo_store_info(store, NULL, name, 0, &info, &error))) return;
  if (info.type == UFO_LIST) {
    for (uint64_t i = 0; i < info.length && i < 4; i++)
      said(ufo_store_child_info(store, NULL, name, 0, i, &child, &error));
    said(ufo_store_child_info(store, NULL, name, 0, info.length - 1, &child, &error));
    return;
  }
  PROMISE(info.element_bytes > 0);
  uint64_t most = READ_MAX / info.element_bytes, count = info.length < most ? info.length : most;
  said(ufo_store_read(store, NULL, name, 0, 0, count, buffer, &error));
  said(ufo_store_read(store, NULL, name, 0, info.length - count, count, buffer, &error));
  ufo_view *view;
  if (info.chunk_bytes <= CHUNK && said(ufo_view_open(store, NULL, pool, name, NULL, &view, &error))) {
    said(ufo_guarded(NULL, touch, view, NULL, &error));
    ufo_view_release(view);
  }
}

static void use_names(ufo_store *store) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  if (!said(ufo_store_list(store, NULL, &iterator, &error))) return;
  char before[UFO_NAME_MAX + 1] = "";
  for (int i = 0; i < STEPS_MAX && said(ufo_store_iterator_next(iterator, &info, &error)); i++) {
    PROMISE(strcmp(before, info.name) < 0); /* else it might never end */
    strcpy(before, info.name);
    use_object(store, info.name);
  }
  ufo_store_iterator_free(iterator);
  static const char *const names[] = {"x", "l", "l$one", "l[[2]]", "shared", "gone"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) use_object(store, names[i]);
}

static int see_version(void *user, const ufo_version_info *info) {
  return ++*(int *)user > STEPS_MAX || !info->version;
}
static int see_snapshot(void *user, const ufo_snapshot_info *info) {
  return ++*(int *)user > STEPS_MAX || !info->generation;
}
static int see_damage(void *user, const ufo_damage *damage) { return ++*(int *)user > 1000 || !damage->cause; }

static void change(ufo_store *store, const char *name, int what) {
  static const uint8_t values[10 * READ_MAX];
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_object_spec spec = spec_of(UFO_DOUBLE, 700);
  ufo_txn *txn;
  if (!said(ufo_txn_begin(store, &txn, &error))) return;
  /* Elements are as long as the file says. */
  if (what < 2 && (!said(ufo_store_info(store, txn, name, 0, &info, &error)) || info.element_bytes > READ_MAX))
    what = 6;
  if (what == 0) said(ufo_txn_write(txn, name, 3, 1, values, &error));
  if (what == 1) said(ufo_txn_append(txn, name, values, 10, &error));
  if (what == 2) said(ufo_txn_put(txn, name, &spec, values, &error));
  if (what == 3) said(ufo_txn_rename(txn, name, "renamed", &error));
  if (what == 4) said(ufo_txn_remove(txn, name, &error));
  if (what == 5) said(ufo_txn_set_attributes(txn, name, NULL, &error));
  if (!said(ufo_txn_commit(txn, &error))) ufo_txn_abort(txn);
}

static void use_store(void) {
  int seen = 0;
  ufo_store *store = open_at(path), *then;
  if (store) {
    ufo_store_stat stat = {.struct_size = sizeof stat};
    use_names(store);
    said(ufo_store_get_stat(store, &stat, &error));
    said(ufo_store_versions(store, "x", see_version, &seen, &error));
    said(ufo_snapshot_list(store, see_snapshot, &seen, &error));
    seen = 0;
    said(ufo_store_verify(store, see_damage, NULL, &seen, &error));
    static const char *const names[] = {"x", "l", "gone", "shared"};
    for (int what = 0; what < 6; what++) change(store, names[what % 4], what);
    change(store, "x", 1);
    if (said(ufo_store_compact(store, copy_path, &error))) unlink(copy_path);
    ufo_store_options options = {
        .struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY, .map_bytes = MAP_BYTES, .snapshot = "then"};
    if (said(ufo_store_open(path, &options, &then, &error))) {
      use_names(then);
      ufo_store_close(then);
    }
    said(ufo_snapshot_remove(store, "then", &error));
    for (int i = 0; i < 4; i++) change(store, "x", 2);
    ufo_store_close(store);
  }
  unlink(path);
  unlink(lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!pool) prepare();
  input in = {data, size};
  copy_file();
  edit_file(&in);
  use_store();
  return 0;
}
