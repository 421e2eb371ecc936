/* column.c - see column.h. */
#include "column.h"

#include "cli.h"
#include "cstrings.h"
#include "elements.h"
#include "meaning.h"
#include "rstrings.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct label {
  const char *text; /* NULL: NA */
  uint32_t length;
} label;

struct column {
  ufo_store *store;
  const char *address;
  elements source;
  meaning m;
  uint64_t length, first, at, end;
  unsigned char *block; /* elements block_first .. block_first + block_count - 1 */
  uint64_t block_first, block_count, block_capacity;
  label *labels; /* of a factor; pointing into m.attributes */
  uint64_t label_count;
  rstrings *serialized; /* strings as R serializes them; NULL: none */
  cstrings *strings;    /* NULL: none */
  char *text;
};

ufo_status range_resolve(ufo_store *store, const char *address, uint64_t length, uint64_t first, uint64_t *end,
                         ufo_error *error) {
  char wanted[48] = "";
  if (*end != UINT64_MAX) snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)*end);
  if (first <= length && (*end == UINT64_MAX || *end <= length)) {
    if (*end == UINT64_MAX) *end = length;
    return UFO_OK;
  }
  return set_error(error, UFO_USAGE, "%s: object '%s': the range %llu:%s is outside its %llu elements",
                   ufo_store_path(store), address, (unsigned long long)first, wanted, (unsigned long long)length);
}

static ufo_status load_labels(column *c, ufo_error *error) {
  ufo_attribute levels;
  if (!ufo_attributes_find(c->m.attributes, "levels", &levels) || levels.type != UFO_ATTRIBUTE_STRING) return UFO_OK;
  c->labels = calloc(levels.count ? levels.count : 1, sizeof *c->labels);
  if (!c->labels) return set_errno(error, "cannot read object '%s'", c->address);
  c->label_count = levels.count;
  for (uint64_t i = 0; i < levels.count; i++)
    c->labels[i].text = ufo_attributes_string(&levels, i, &c->labels[i].length);
  return UFO_OK;
}

static ufo_status open_parts(column *c, uint64_t memory_bytes, ufo_error *error) {
  const ufo_object_info *info = &c->m.info;
  if (info->type == UFO_LIST)
    return set_error(error, UFO_USAGE, "%s: object '%s' is a %s of %llu elements, not a vector; name one: '%s[[1]]'",
                     ufo_store_path(c->store), c->address, c->m.label, (unsigned long long)info->length, c->address);
  ufo_status status = UFO_OK;
  c->length = info->length;
  if (info->type == UFO_CHARACTER) return cstrings_open(&c->source, info->length, &c->strings, error);
  c->block_capacity = elements_per_block(info, memory_bytes);
  if (info->type == UFO_SERIALIZED) {
    status = rstrings_open(&c->source, info->length, c->block_capacity, &c->serialized, error);
    if (!status) c->length = rstrings_length(c->serialized);
    return status;
  }
  if (c->m.kind == KIND_FACTOR && (status = load_labels(c, error))) return status;
  c->block = malloc(c->block_capacity * info->element_bytes);
  c->text = malloc(2 * (size_t)info->element_bytes + FORMAT_MAX);
  if (!c->block || !c->text) return set_errno(error, "cannot read object '%s'", c->address);
  return UFO_OK;
}

ufo_status column_open(ufo_store *store, const char *address, uint64_t version, uint64_t first, uint64_t end,
                       uint64_t memory_bytes, column **column_out, ufo_error *error) {
  *column_out = NULL;
  column *c = calloc(1, sizeof *c);
  if (!c) return set_errno(error, "cannot read object '%s'", address);
  *c = (column){.store = store, .address = address};
  ufo_status status = meaning_read(store, address, version, &c->m, error);
  c->source = elements_of(store, address, &c->m.info);
  if (!status) status = open_parts(c, memory_bytes, error);
  if (!status) status = column_narrow(c, first, end, error);
  if (status) column_close(c);
  else *column_out = c;
  return status;
}

ufo_status column_narrow(column *c, uint64_t first, uint64_t end, ufo_error *error) {
  ufo_status status = range_resolve(c->store, c->address, c->length, first, &end, error);
  if (status) return status;
  c->first = c->at = first;
  c->end = end;
  if (c->strings) cstrings_skip(c->strings, first);
  return c->serialized ? rstrings_skip(c->serialized, first, error) : UFO_OK;
}

void column_close(column *c) {
  if (!c) return;
  rstrings_close(c->serialized);
  cstrings_close(c->strings);
  free(c->labels);
  free(c->block);
  free(c->text);
  meaning_free(&c->m);
  free(c);
}

uint64_t column_count(const column *c) { return c->end - c->first; }

/* Reads the block that begins with the next element and ends with a block's border, so that chunks are not cut. */
static ufo_status load_block(column *c, ufo_error *error) {
  uint64_t count = c->block_capacity - c->at % c->block_capacity;
  if (count > c->end - c->at) count = c->end - c->at;
  c->block_count = 0;
  ufo_status status = elements_read(&c->source, c->at, count, c->block, error);
  if (status) return status;
  c->block_first = c->at;
  c->block_count = count;
  return UFO_OK;
}

static double number_at(const column *c, const unsigned char *element) {
  int32_t whole;
  double number;
  if (c->m.info.type == UFO_DOUBLE) return memcpy(&number, element, sizeof number), number;
  memcpy(&whole, element, sizeof whole);
  return whole == NA_INT32 ? na_double() : whole;
}

static size_t format_bytes(char *out, const unsigned char *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  return 2 * count;
}

static ufo_status label_at(const column *c, int32_t code, cell *out, ufo_error *error) {
  out->is_text = true;
  out->is_na = code == NA_INT32;
  if (out->is_na) return UFO_OK;
  if (code < 1 || (uint64_t)code > c->label_count)
    return set_error(error, UFO_CORRUPT, "%s: object '%s', element %llu: code %d of a factor with %llu levels",
                     ufo_store_path(c->store), c->address, (unsigned long long)c->at, (int)code,
                     (unsigned long long)c->label_count);
  out->text = c->labels[code - 1].text;
  out->length = c->labels[code - 1].length;
  out->is_na = !out->text;
  return UFO_OK;
}

static ufo_status format_element(column *c, const unsigned char *element, cell *out, ufo_error *error) {
  int32_t whole;
  double parts[2];
  out->text = c->text;
  switch (c->m.info.type) {
  case UFO_LOGICAL:
    memcpy(&whole, element, sizeof whole);
    out->is_na = whole == NA_INT32;
    out->length = ufo_csv_format_logical(c->text, whole);
    return UFO_OK;
  case UFO_INTEGER:
    memcpy(&whole, element, sizeof whole);
    if (c->m.kind == KIND_FACTOR) return label_at(c, whole, out, error);
    out->is_na = whole == NA_INT32;
    if (c->m.kind == KIND_PLAIN) return out->length = ufo_csv_format_integer(c->text, whole), UFO_OK;
    break;
  case UFO_DOUBLE:
    break;
  case UFO_COMPLEX:
    memcpy(parts, element, sizeof parts);
    out->is_na = is_na_double(parts[0]) || is_na_double(parts[1]);
    out->length = format_complex(c->text, parts[0], parts[1]);
    return UFO_OK;
  default:
    return out->length = format_bytes(c->text, element, c->m.info.element_bytes), UFO_OK;
  }
  double number = number_at(c, element);
  out->is_na = is_na_double(number);
  if (c->m.kind == KIND_DATE) out->length = ufo_csv_format_date(c->text, number);
  else if (c->m.kind == KIND_DATETIME) out->length = ufo_csv_format_time(c->text, number);
  else out->length = ufo_csv_format_double(c->text, number);
  return UFO_OK;
}

ufo_status column_next(column *c, cell *out, ufo_error *error) {
  ufo_status status;
  if (c->at == c->end) return UFO_END;
  *out = (cell){0};
  if (c->strings || c->serialized) {
    status = c->strings ? cstrings_next(c->strings, &out->text, &out->length, error)
                        : rstrings_next(c->serialized, &out->text, &out->length, error);
    out->is_text = true;
    out->is_na = !out->text;
  } else {
    if (c->at >= c->block_first + c->block_count && (status = load_block(c, error))) return status;
    status = format_element(c, c->block + (c->at - c->block_first) * c->m.info.element_bytes, out, error);
  }
  if (status) return status;
  if (out->is_na) out->text = "NA", out->length = 2;
  c->at++;
  return UFO_OK;
}
