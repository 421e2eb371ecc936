/* model.h - a store as plain memory, and edits that are made on both: what fuzz_api.c compares the library with. */
#ifndef UFO_FUZZ_MODEL_H
#define UFO_FUZZ_MODEL_H

#include "fuzz.h"
#include "strings.h"

enum { NAMES = 6, LABELS = 2, CHUNK = 4096, CHILDREN_MAX = 3, BODY_BYTES_MAX = 5 * CHUNK };
#define MAP_BYTES (UINT64_C(16) << 20)

static ufo_error error;

#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    ufo_status status_ = (call);                                                                                       \
    if (status_ != UFO_OK) fprintf(stderr, "%s: %s\n", ufo_status_name(status_), error.message);                       \
    PROMISE(status_ == UFO_OK && #call);                                                                               \
  } while (0)

typedef struct thing {
  int exists;
  ufo_type type;
  uint32_t element_bytes; /* of strings: see strings.h */
  uint64_t length;
  uint8_t *bytes;
  int attribute; /* -1: none */
  int child_count;
  struct thing *children; /* of a list */
} thing;

typedef struct model {
  thing things[NAMES];
} model;

/* What the transaction did to a name. PERHAPS: it wrote nothing, so that a rival's commit may conflict or not. */
typedef enum touched { UNTOUCHED, PERHAPS, EDITED } touched;
static inline void mark(touched *t, int surely) {
  if (surely) *t = EDITED;
  else if (*t == UNTOUCHED) *t = PERHAPS;
}

static inline const char *name_of(int n) {
  static const char *const names[NAMES] = {"a", "b c", "\xC3\xA4", "d/..", "~", "eeeeeeeeeeeeeeee"};
  return names[n];
}
static inline const char *label_of(int label) { return label ? "later" : "first"; }

/* ---- things --------------------------------------------------------------------------------------------------------
 */

static inline uint64_t bytes_of(const thing *t) { return t->length * t->element_bytes; }

static inline thing thing_copy(const thing *t) {
  thing copy = *t;
  if (t->bytes) {
    PROMISE(copy.bytes = malloc(bytes_of(t) + 1));
    memcpy(copy.bytes, t->bytes, bytes_of(t));
  }
  if (t->child_count) {
    PROMISE(copy.children = calloc((size_t)t->child_count, sizeof *copy.children));
    for (int i = 0; i < t->child_count; i++) copy.children[i] = thing_copy(&t->children[i]);
  }
  return copy;
}

static inline void thing_free(thing *t) {
  for (int i = 0; i < t->child_count; i++) thing_free(&t->children[i]);
  free(t->children);
  free(t->bytes);
  *t = (thing){.attribute = -1};
}

static inline model model_copy(const model *m) {
  model copy;
  for (int n = 0; n < NAMES; n++) copy.things[n] = thing_copy(&m->things[n]);
  return copy;
}

static inline void model_free(model *m) {
  for (int n = 0; n < NAMES; n++) thing_free(&m->things[n]);
}

/* Values in one of five styles, each of which another codec is best for. */
static inline void take_values(input *in, const thing *t, uint64_t count, uint8_t *out) {
  uint8_t style = take_byte(in);
  uint64_t bytes = count * t->element_bytes, x = style;
  switch (style % 5) {
  case 0:
    memset(out, 0, bytes);
    break;
  case 1:
    memset(out, style, bytes);
    break;
  case 2:
    for (uint64_t i = 0; i < bytes; i++)
      out[i] = (uint8_t)((i / t->element_bytes + style) >> (8 * (i % t->element_bytes % 4)));
    break;
  case 3:
    for (uint64_t i = 0; i < bytes; i++) out[i] = "the quick brown fox "[(i + style) % 20];
    break;
  default:
    for (uint64_t i = 0; i < bytes; i++) {
      x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
      out[i] = (uint8_t)(x >> 56);
    }
  }
}

static inline thing take_thing(input *in) {
  static const ufo_type types[] = {UFO_LOGICAL, UFO_INTEGER, UFO_DOUBLE,    UFO_COMPLEX,
                                   UFO_RAW,     UFO_RECORD,  UFO_SERIALIZED};
  thing t = {.exists = 1, .attribute = -1};
  uint8_t choice = take_byte(in);
  t.type = (choice & 0x60) == 0x60 ? UFO_CHARACTER : types[choice % 7];
  t.element_bytes = t.type == UFO_RECORD ? 24 : t.type == UFO_CHARACTER ? 8 : ufo_type_bytes(t.type);
  t.length = take_number(in, 2) % (BODY_BYTES_MAX / t.element_bytes + 1);
  if (choice & 0x80) t.length = t.length * t.element_bytes / CHUNK * CHUNK / t.element_bytes; /* on the edge */
  PROMISE(t.bytes = calloc(bytes_of(&t) + 1, 1));
  take_values(in, &t, t.length, t.bytes);
  return t;
}

static inline ufo_object_spec spec_of(const thing *t) {
  return (ufo_object_spec){.struct_size = sizeof(ufo_object_spec),
                           .type = t->type,
                           .element_bytes = t->type == UFO_RECORD ? t->element_bytes : 0,
                           .length = t->length,
                           .chunk_bytes = CHUNK};
}

static inline void put_thing(ufo_txn *txn, const char *name, const thing *t) {
  ufo_object_spec spec = spec_of(t);
  if (t->type == UFO_CHARACTER) {
    PROMISE(ufo_txn_put(txn, name, &spec, t->bytes, &error) == UFO_USAGE);
    put_strings(txn, name, CHUNK, t->bytes, t->length);
  } else {
    OK(ufo_txn_put(txn, name, &spec, t->bytes, &error));
  }
}

/* ---- comparing -----------------------------------------------------------------------------------------------------
 */

static inline void compare_vector(ufo_store *store, ufo_txn *txn, const char *address, const thing *t) {
  static uint8_t found[BODY_BYTES_MAX * 2];
  ufo_object_info info = {.struct_size = sizeof info};
  OK(ufo_store_info(store, txn, address, 0, &info, &error));
  PROMISE(info.type == t->type && info.length == t->length);
  if (t->type == UFO_CHARACTER) {
    compare_strings(store, txn, address, t->bytes, t->length);
    return;
  }
  PROMISE(info.element_bytes == t->element_bytes && bytes_of(t) <= sizeof found);
  OK(ufo_store_read(store, txn, address, 0, 0, t->length, found, &error));
  PROMISE(!bytes_of(t) || !memcmp(found, t->bytes, bytes_of(t)));
  if (t->length > 2) { /* and a piece of it, across chunks */
    uint64_t first = t->length / 3, count = t->length / 2;
    OK(ufo_store_read(store, txn, address, 0, first, count, found, &error));
    PROMISE(!memcmp(found, t->bytes + first * t->element_bytes, count * t->element_bytes));
  }
}

static inline void compare_thing(ufo_store *store, ufo_txn *txn, int n, const thing *t) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_info(store, txn, name_of(n), 0, &info, &error);
  if (!t->exists) {
    PROMISE(status == UFO_MISSING);
    return;
  }
  OK(status);
  if (t->child_count) {
    PROMISE(info.type == UFO_LIST && info.length == (uint64_t)t->child_count);
    for (int i = 0; i < t->child_count; i++) {
      char address[64];
      snprintf(address, sizeof address, "%s[[%d]]", name_of(n), i + 1);
      compare_vector(store, txn, address, &t->children[i]);
    }
  } else {
    compare_vector(store, txn, name_of(n), t);
  }
  ufo_attributes *attributes;
  ufo_attribute value;
  OK(ufo_store_attributes(store, txn, name_of(n), 0, &attributes, &error));
  int there = ufo_attributes_find(attributes, "k", &value);
  PROMISE(there == (t->attribute >= 0) && (!there || *(const int32_t *)value.data == t->attribute));
  ufo_attributes_free(attributes);
}

static inline void compare_model(ufo_store *store, ufo_txn *txn, const model *m) {
  int expected = 0, seen = 0;
  for (int n = 0; n < NAMES; n++) {
    compare_thing(store, txn, n, &m->things[n]);
    expected += m->things[n].exists;
  }
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  char before[UFO_NAME_MAX + 1] = "";
  OK(ufo_store_list(store, txn, &iterator, &error));
  ufo_status status;
  for (; !(status = ufo_store_iterator_next(iterator, &info, &error)); seen++) {
    PROMISE(strcmp(before, info.name) < 0);
    strcpy(before, info.name);
  }
  PROMISE(status == UFO_END && seen == expected);
  ufo_store_iterator_free(iterator);
}

/* ---- edits of a transaction, on both -------------------------------------------------------------------------------
 */

static inline void replace(model *m, touched *edited, int n, thing fresh) {
  thing_free(&m->things[n]);
  m->things[n] = fresh;
  mark(&edited[n], 1);
}

static inline void put_in_pieces(ufo_txn *txn, int n, const thing *t, uint64_t piece) {
  ufo_object_spec spec = spec_of(t);
  ufo_writer *writer;
  spec.length = 0;
  OK(ufo_writer_open(txn, name_of(n), &spec, &writer, &error));
  for (uint64_t at = 0; at < bytes_of(t); at += piece)
    OK(ufo_writer_write(writer, t->bytes + at, bytes_of(t) - at < piece ? bytes_of(t) - at : piece, &error));
  OK(ufo_writer_finish(writer, &error));
}

static inline void put_list(ufo_txn *txn, model *m, touched *edited, int n, input *in) {
  static const char *const names[CHILDREN_MAX] = {"child 1", "child 2", "child 3"};
  thing list = {.exists = 1, .type = UFO_LIST, .attribute = -1};
  list.child_count = 1 + take_byte(in) % CHILDREN_MAX;
  PROMISE(list.children = calloc((size_t)list.child_count, sizeof *list.children));
  for (int i = 0; i < list.child_count; i++) {
    list.children[i] = take_thing(in);
    put_thing(txn, names[i], &list.children[i]);
  }
  OK(ufo_txn_put_list(txn, name_of(n), names, (uint64_t)list.child_count, &error));
  replace(m, edited, n, list);
}

/* Appends to, or writes in, a vector. */
static inline void edit_vector(ufo_txn *txn, model *m, touched *edited, int n, int append, input *in) {
  static uint8_t values[BODY_BYTES_MAX];
  thing *t = &m->things[n];
  if (!t->exists || t->child_count || t->type == UFO_SERIALIZED || (t->type == UFO_CHARACTER && !append)) {
    memset(values, 0, 64);
    ufo_status status = append ? ufo_txn_append(txn, name_of(n), values, 1, &error)
                               : ufo_txn_write(txn, name_of(n), 0, 1, values, &error);
    PROMISE(status == (t->exists ? UFO_USAGE : UFO_MISSING));
    return;
  }
  if (append) {
    uint64_t room = (sizeof values - bytes_of(t)) / t->element_bytes, more = take_number(in, 2) % (room + 1);
    take_values(in, t, more, values);
    if (t->type == UFO_CHARACTER) append_strings(txn, name_of(n), values, more);
    else OK(ufo_txn_append(txn, name_of(n), values, more, &error));
    PROMISE(t->bytes = realloc(t->bytes, bytes_of(t) + more * t->element_bytes + 1));
    memcpy(t->bytes + bytes_of(t), values, more * t->element_bytes);
    t->length += more;
    mark(&edited[n], more > 0);
  } else {
    uint64_t first = take_number(in, 2) % (t->length + 1), count = take_number(in, 2) % (t->length - first + 1);
    take_values(in, t, count, values);
    OK(ufo_txn_write(txn, name_of(n), first, count, values, &error));
    memcpy(t->bytes + first * t->element_bytes, values, count * t->element_bytes);
    mark(&edited[n], count > 0);
    PROMISE(ufo_txn_write(txn, name_of(n), t->length, 1, values, &error) == UFO_USAGE);
  }
}

static inline void rename_or_remove(ufo_txn *txn, model *m, touched *edited, int n, int to) {
  thing *t = &m->things[n];
  if (to == n) {
    PROMISE(ufo_txn_remove(txn, name_of(n), &error) == (t->exists ? UFO_OK : UFO_MISSING));
    if (t->exists) mark(&edited[n], 1);
    thing_free(t);
    return;
  }
  /* Where both are wrong, either may be said. */
  ufo_status status = ufo_txn_rename(txn, name_of(n), name_of(to), &error);
  if (!t->exists) PROMISE(status == UFO_MISSING || (m->things[to].exists && status == UFO_USAGE));
  else PROMISE(status == (m->things[to].exists ? UFO_USAGE : UFO_OK));
  if (status) return;
  thing_free(&m->things[to]);
  m->things[to] = *t;
  *t = (thing){.attribute = -1};
  mark(&edited[n], 1);
  mark(&edited[to], 1);
}

static inline void set_attribute(ufo_txn *txn, model *m, touched *edited, int n, int32_t value) {
  ufo_attributes *attributes;
  OK(ufo_attributes_create(&attributes, &error));
  OK(ufo_attributes_set(attributes, "k", UFO_ATTRIBUTE_INTEGER, &value, 1, &error));
  ufo_status status = ufo_txn_set_attributes(txn, name_of(n), value & 7 ? attributes : NULL, &error);
  ufo_attributes_free(attributes);
  PROMISE(status == (m->things[n].exists ? UFO_OK : UFO_MISSING));
  if (status) return;
  m->things[n].attribute = value & 7 ? value : -1;
  mark(&edited[n], 1);
}

/* Edit number `what`, 0 to 6, of the pending model `m` and of the transaction. */
static inline void edit_both(ufo_txn *txn, model *m, touched *edited, int what, int n, int to, input *in) {
  thing fresh;
  ufo_object_spec spec;
  switch (what) {
  case 0:
    fresh = take_thing(in);
    spec = spec_of(&fresh);
    memset(fresh.bytes, 0, bytes_of(&fresh));
    OK(ufo_txn_create(txn, name_of(n), &spec, &error));
    replace(m, edited, n, fresh);
    break;
  case 1:
    fresh = take_thing(in);
    if (to & 1 && fresh.type != UFO_CHARACTER) put_in_pieces(txn, n, &fresh, 1 + take_number(in, 2) % (2 * CHUNK));
    else put_thing(txn, name_of(n), &fresh);
    replace(m, edited, n, fresh);
    break;
  case 2:
  case 3:
    edit_vector(txn, m, edited, n, what == 2, in);
    break;
  case 4:
    rename_or_remove(txn, m, edited, n, to);
    break;
  case 5:
    set_attribute(txn, m, edited, n, take_byte(in));
    break;
  default:
    put_list(txn, m, edited, n, in);
  }
}

#endif
