/* meaning.c - see meaning.h. */
#include "meaning.h"

#include "cli.h"
#include "print.h"
#include "rstrings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 64 };

char *child_address(const char *address, uint64_t index) {
  char *child = NULL;
  if (asprintf(&child, "%s[[%llu]]", address, (unsigned long long)index + 1) < 0) return NULL;
  return child;
}

/* Sets `name_out` if `list` (an address) is a list with the object as an element that has a name. */
static ufo_status name_in_list(ufo_store *store, const char *list, uint64_t id, char *name_out, ufo_error *error) {
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_store_info(store, NULL, list, 0, &info, error);
  if (status == UFO_MISSING || (!status && info.type != UFO_LIST)) return UFO_OK;
  for (uint64_t i = 0, count = info.length, version = info.version; i < count && !status; i++) {
    status = ufo_store_child_info(store, NULL, list, version, i, &info, error);
    if (status || info.id != id || !*info.name) continue;
    memcpy(name_out, info.name, sizeof info.name);
    return UFO_OK;
  }
  return status;
}

ufo_status element_name(ufo_store *store, const char *address, uint64_t id, char name_out[UFO_NAME_MAX + 1],
                        ufo_error *error) {
  size_t length = strlen(address);
  snprintf(name_out, UFO_NAME_MAX + 1, "%s", address);
  /* A list's name may itself hold these characters, so each place is tried. */
  for (size_t cut = length; cut-- > 1;) {
    if (address[cut] != '$' && address[cut] != '[') continue;
    char *list = strndup(address, cut);
    if (!list) return set_errno(error, "cannot read object '%s'", address);
    ufo_status status = name_in_list(store, list, id, name_out, error);
    free(list);
    if (status || strcmp(name_out, address) != 0) return status;
  }
  return UFO_OK;
}

static bool has_class(const meaning *m, const char *class) {
  ufo_attribute attribute;
  if (!ufo_attributes_find(m->attributes, "class", &attribute) || attribute.type != UFO_ATTRIBUTE_STRING) return false;
  for (uint64_t i = 0; i < attribute.count; i++) {
    uint32_t length;
    const char *text = ufo_attributes_string(&attribute, i, &length);
    if (text && length == strlen(class) && memcmp(text, class, length) == 0) return true;
  }
  return false;
}

/* Element `index` of a numeric attribute; false if it is NA or there is none. */
static bool attribute_number(const meaning *m, const char *key, uint64_t index, double *number_out) {
  ufo_attribute attribute;
  if (!ufo_attributes_find(m->attributes, key, &attribute) || index >= attribute.count || !attribute.data) return false;
  if (attribute.type == UFO_ATTRIBUTE_INTEGER) {
    int32_t value;
    memcpy(&value, (const char *)attribute.data + index * sizeof value, sizeof value);
    *number_out = value;
    return value != INT32_MIN;
  }
  if (attribute.type != UFO_ATTRIBUTE_DOUBLE) return false;
  memcpy(number_out, (const char *)attribute.data + index * sizeof *number_out, sizeof *number_out);
  return *number_out == *number_out;
}

static bool attribute_word(const meaning *m, const char *key, char *out, size_t out_size) {
  ufo_attribute attribute;
  uint32_t length;
  if (!ufo_attributes_find(m->attributes, key, &attribute) || attribute.type != UFO_ATTRIBUTE_STRING) return false;
  const char *text = ufo_attributes_string(&attribute, 0, &length);
  if (text) escape_into(out, out_size, text, length);
  return text != NULL;
}

/* Rows of a data frame, from row.names: R's compact form {NA, -n}, or one name for each row. */
static uint64_t data_frame_rows(const meaning *m) {
  ufo_attribute attribute;
  double rows;
  if (!ufo_attributes_find(m->attributes, "row.names", &attribute)) return 0;
  bool compact = attribute.type != UFO_ATTRIBUTE_STRING && attribute.count == 2 &&
                 !attribute_number(m, "row.names", 0, &rows) && attribute_number(m, "row.names", 1, &rows);
  return compact ? (uint64_t)(rows < 0 ? -rows : rows) : attribute.count;
}

static void find_kind(meaning *m) {
  char word[40];
  const ufo_object_info *info = &m->info;
  snprintf(m->label, sizeof m->label, "%s", ufo_type_name(info->type) ? ufo_type_name(info->type) : "unknown");
  m->length = info->length;
  m->length_known = true;
  bool number = info->type == UFO_DOUBLE || info->type == UFO_INTEGER;
  if (info->type == UFO_LIST) {
    m->kind = has_class(m, "data.frame") ? KIND_DATA_FRAME : KIND_LIST;
    if (m->kind == KIND_DATA_FRAME) {
      snprintf(m->label, sizeof m->label, "data.frame");
      m->length = data_frame_rows(m);
    }
  } else if (info->type == UFO_CHARACTER) {
    m->kind = KIND_STRINGS;
  } else if (info->type == UFO_SERIALIZED) {
    double length;
    m->kind = KIND_SERIALIZED;
    if (attribute_word(m, R_TYPE_KEY, word, sizeof word)) {
      if (strcmp(word, "character") == 0) m->kind = KIND_STRINGS;
      snprintf(m->label, sizeof m->label, "%s", word);
    }
    m->length_known = attribute_number(m, R_LENGTH_KEY, 0, &length) && length >= 0;
    if (m->length_known) m->length = (uint64_t)length;
  } else if (info->type == UFO_INTEGER && has_class(m, "factor")) {
    m->kind = KIND_FACTOR;
    snprintf(m->label, sizeof m->label, "factor");
  } else if (number && has_class(m, "Date")) {
    m->kind = KIND_DATE;
    snprintf(m->label, sizeof m->label, "Date");
  } else if (number && has_class(m, "POSIXct")) {
    m->kind = KIND_DATETIME;
    snprintf(m->label, sizeof m->label, "POSIXct");
  } else if (info->type == UFO_RECORD) {
    snprintf(m->label, sizeof m->label, "record of %u", info->element_bytes);
  }
}

static void find_shape(meaning *m) {
  char count[32], other[32];
  size_t at = 0;
  double extent;
  if (m->kind == KIND_DATA_FRAME) {
    snprintf(m->shape, sizeof m->shape, "%s x %s", format_count(count, sizeof count, m->length),
             format_count(other, sizeof other, m->info.length));
    return;
  }
  ufo_attribute dim;
  if (ufo_attributes_find(m->attributes, "dim", &dim) && dim.count >= 2 && dim.count <= 4) {
    for (uint64_t i = 0; i < dim.count && attribute_number(m, "dim", i, &extent) && extent >= 0; i++) {
      format_count(count, sizeof count, (uint64_t)extent);
      int printed = snprintf(m->shape + at, sizeof m->shape - at, "%s%s", i ? " x " : "", count);
      if (printed > 0 && (size_t)printed < sizeof m->shape - at) at += (size_t)printed;
    }
  }
  if (!at)
    snprintf(m->shape, sizeof m->shape, "%s", m->length_known ? format_count(count, sizeof count, m->length) : "-");
}

static bool has_parts(const ufo_object_info *info) { return info->type == UFO_LIST || info->type == UFO_CHARACTER; }

/* Uncompressed bytes of what `info` describes. A list has them in its children. */
static ufo_status find_raw_bytes(ufo_store *store, const char *address, uint64_t version, const ufo_object_info *info,
                                 unsigned depth, uint64_t *bytes_out, ufo_error *error) {
  if (!has_parts(info)) {
    if (__builtin_mul_overflow(info->length, (uint64_t)info->element_bytes, bytes_out)) *bytes_out = UINT64_MAX;
    return UFO_OK;
  }
  *bytes_out = 0;
  if (depth == NESTING_MAX) return UFO_OK;
  uint64_t count = info->type == UFO_CHARACTER ? 2 : info->length; /* words and text */
  for (uint64_t i = 0; i < count; i++) {
    ufo_object_info child = {.struct_size = sizeof child};
    uint64_t bytes = 0;
    ufo_status status = ufo_store_child_info(store, NULL, address, version, i, &child, error);
    if (status) return status;
    if (has_parts(&child)) {
      char *inner = child_address(address, i);
      if (!inner) return set_errno(error, "cannot read object '%s'", address);
      status = find_raw_bytes(store, inner, child.version, &child, depth + 1, &bytes, error);
      free(inner);
    } else {
      status = find_raw_bytes(store, address, version, &child, depth, &bytes, error);
    }
    if (status) return status;
    if (__builtin_add_overflow(*bytes_out, bytes, bytes_out)) *bytes_out = UINT64_MAX;
  }
  return UFO_OK;
}

ufo_status meaning_read(ufo_store *store, const char *address, uint64_t version, meaning *m, ufo_error *error) {
  memset(m, 0, sizeof *m);
  m->info.struct_size = sizeof m->info;
  ufo_status status = ufo_store_info(store, NULL, address, version, &m->info, error);
  if (!status) status = ufo_store_attributes(store, NULL, address, version, &m->attributes, error);
  if (!status) status = find_raw_bytes(store, address, version, &m->info, 0, &m->raw_bytes, error);
  if (status) {
    meaning_free(m);
    return status;
  }
  find_kind(m);
  find_shape(m);
  return UFO_OK;
}

void meaning_free(meaning *m) {
  if (m->attributes) ufo_attributes_free(m->attributes);
  m->attributes = NULL;
}
