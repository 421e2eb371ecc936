/* describe.c - see describe.h. */
#include "describe.h"

#include "print.h"
#include "text.h"

#include <string.h>

enum { SHOWN_MAX = 6, WIDTH_MAX = 60 };

void describe_json(json *j, const meaning *m) {
  const ufo_object_info *info = &m->info;
  char time[48];
  json_string(j, "name", info->name);
  json_string(j, "type", ufo_type_name(info->type));
  json_string(j, "kind", m->label);
  json_unsigned(j, "length", info->length);
  if (m->kind == KIND_DATA_FRAME) {
    json_unsigned(j, "rows", m->length);
    json_unsigned(j, "columns", info->length);
  } else if (info->type == UFO_SERIALIZED && m->length_known) {
    json_unsigned(j, "r_length", m->length);
  }
  json_unsigned(j, "version", info->version);
  json_unsigned(j, "id", info->id);
  json_unsigned(j, "element_bytes", info->element_bytes);
  json_unsigned(j, "chunk_bytes", info->chunk_bytes);
  json_unsigned(j, "chunk_count", info->chunk_count);
  json_unsigned(j, "chunks_written", info->chunks_written);
  json_unsigned(j, "chunks_changed", info->chunks_changed);
  json_unsigned(j, "chunks_lost", info->chunks_lost);
  json_unsigned(j, "stored_bytes", info->stored_bytes);
  json_unsigned(j, "raw_bytes", m->raw_bytes);
  if (info->stored_bytes) json_double(j, "ratio", (double)m->raw_bytes / (double)info->stored_bytes);
  else json_null(j, "ratio");
  json_open(j, "codecs", '{');
  for (int codec = 0; codec < UFO_CODEC_COUNT; codec++)
    if (info->codec_chunks[codec]) json_unsigned(j, ufo_codec_name((ufo_codec)codec), info->codec_chunks[codec]);
  json_close(j, '}');
  json_string(j, "created", format_time_utc(time, sizeof time, info->created_ns));
  json_string(j, "changed", format_time_utc(time, sizeof time, info->changed_ns));
}

/* ---- attributes ---- */

static int32_t int_at(const ufo_attribute *attribute, uint64_t index) {
  int32_t value;
  memcpy(&value, (const char *)attribute->data + index * sizeof value, sizeof value);
  return value;
}

static double double_at(const ufo_attribute *attribute, uint64_t index) {
  double value;
  memcpy(&value, (const char *)attribute->data + index * sizeof value, sizeof value);
  return value;
}

/* Element `index` as text that is safe on a terminal. */
static void format_item(char *out, size_t out_size, const ufo_attribute *attribute, uint64_t index) {
  char number[FORMAT_MAX] = "", escaped[4 * WIDTH_MAX];
  uint32_t length;
  switch (attribute->type) {
  case UFO_ATTRIBUTE_LOGICAL:
    ufo_csv_format_logical(number, int_at(attribute, index));
    break;
  case UFO_ATTRIBUTE_INTEGER:
    ufo_csv_format_integer(number, int_at(attribute, index));
    break;
  case UFO_ATTRIBUTE_DOUBLE:
    ufo_csv_format_double(number, double_at(attribute, index));
    break;
  case UFO_ATTRIBUTE_RAW:
    snprintf(number, sizeof number, "%02x", ((const unsigned char *)attribute->data)[index]);
    break;
  case UFO_ATTRIBUTE_STRING: {
    const char *text = ufo_attributes_string(attribute, index, &length);
    if (!text) break;
    size_t shown = length;
    if (shown > WIDTH_MAX) /* cut at the end of a character */
      for (shown = WIDTH_MAX; shown && ((unsigned char)text[shown] & 0xC0) == 0x80;) shown--;
    snprintf(out, out_size, "\"%s%s\"", escape_into(escaped, sizeof escaped, text, shown), shown < length ? "..." : "");
    return;
  }
  case UFO_ATTRIBUTE_FOREIGN:
    break;
  }
  snprintf(out, out_size, "%s", number[0] ? number : "NA");
}

void describe_attribute(FILE *file, const ufo_attribute *attribute) {
  char text[5 * WIDTH_MAX], count[32];
  if (attribute->type == UFO_ATTRIBUTE_FOREIGN) {
    fprintf(file, "%s in a host's own format", format_size(text, sizeof text, attribute->count));
    return;
  }
  size_t width = 0;
  uint64_t i = 0;
  for (; i < attribute->count && i < SHOWN_MAX; i++) {
    format_item(text, sizeof text, attribute, i);
    width += text_width(text) + 1;
    if (i && width > WIDTH_MAX) break;
    fprintf(file, "%s%s", i ? " " : "", text);
  }
  if (i < attribute->count) fprintf(file, " ... (%s in all)", format_count(count, sizeof count, attribute->count));
  if (!attribute->count) fputs("(empty)", file);
}

void describe_attribute_json(json *j, const ufo_attribute *attribute) {
  uint32_t length;
  if (attribute->type == UFO_ATTRIBUTE_FOREIGN) {
    json_open(j, attribute->key, '{');
    json_unsigned(j, "foreign_bytes", attribute->count);
    json_close(j, '}');
    return;
  }
  json_open(j, attribute->key, '[');
  for (uint64_t i = 0; i < attribute->count; i++) {
    const char *text;
    switch (attribute->type) {
    case UFO_ATTRIBUTE_LOGICAL:
      if (int_at(attribute, i) == NA_INT32) json_null(j, NULL);
      else json_bool(j, NULL, int_at(attribute, i) != 0);
      break;
    case UFO_ATTRIBUTE_INTEGER:
      if (int_at(attribute, i) == NA_INT32) json_null(j, NULL);
      else json_signed(j, NULL, int_at(attribute, i));
      break;
    case UFO_ATTRIBUTE_DOUBLE:
      if (is_na_double(double_at(attribute, i))) json_null(j, NULL);
      else json_double(j, NULL, double_at(attribute, i));
      break;
    case UFO_ATTRIBUTE_RAW:
      json_unsigned(j, NULL, ((const unsigned char *)attribute->data)[i]);
      break;
    case UFO_ATTRIBUTE_STRING:
      text = ufo_attributes_string(attribute, i, &length);
      if (text) json_text(j, NULL, text, length);
      else json_null(j, NULL);
      break;
    case UFO_ATTRIBUTE_FOREIGN:
      break;
    }
  }
  json_close(j, ']');
}

void describe_codecs(FILE *file, const ufo_object_info *info) {
  uint64_t total = info->chunks_lost;
  const char *comma = "";
  for (int codec = 0; codec < UFO_CODEC_COUNT; codec++) total += info->codec_chunks[codec];
  for (int codec = 0; codec < UFO_CODEC_COUNT; codec++) {
    uint64_t chunks = info->codec_chunks[codec];
    if (!chunks) continue;
    double share = 100.0 * (double)chunks / (double)total;
    fprintf(file, share < 1 ? "%s%s <1%%" : "%s%s %.0f%%", comma, ufo_codec_name((ufo_codec)codec), share);
    comma = ", ";
  }
  if (info->chunks_lost) fprintf(file, "%s%llu lost", comma, (unsigned long long)info->chunks_lost);
  if (!total) fputs("-", file);
}
