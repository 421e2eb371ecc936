/* text_read.c - copying strings out of the store.
 *
 * Words are read in order. The text is read by chunks, of which some are kept: strings that are equal lie together, and
 * others in the order in which they came. */
#include <stdlib.h>
#include <string.h>

#include "store/handle.h"
#include "store/record.h"
#include "store/store.h"
#include "store/text.h"
#include "store/word.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

enum { WORDS = 4096, ATTEMPTS_MAX = 100 };
#define CACHE_BYTES (UINT64_C(4) << 20)

/* One chunk of the text. */
typedef struct kept {
  uint64_t chunk; /* and one more; 0: none */
  char *bytes;
} kept;

typedef struct reading {
  ufo_object *words, *text;
  const ufo_object_info *about; /* the text */
  kept *cache;                  /* a chunk is kept at its number modulo `places` */
  uint64_t places;
  char *joined; /* a string that lies in several chunks */
  uint64_t joined_capacity;
} reading;

static ufo_status get_chunk(reading *r, uint64_t chunk, const char **bytes_out, ufo_error *error) {
  kept *place = &r->cache[chunk % r->places];
  *bytes_out = NULL;
  if (!place->bytes && !(place->bytes = malloc(r->about->chunk_bytes)))
    return ufo_fail(error, UFO_FULL, "out of memory");
  if (place->chunk != chunk + 1) {
    place->chunk = 0;
    ufo_status status = ufo_object_load(r->text, chunk, place->bytes, error);
    if (status) return status;
    place->chunk = chunk + 1;
  }
  *bytes_out = place->bytes;
  return UFO_OK;
}

/* The bytes of the text, which has them; valid until the next call. */
static ufo_status get_bytes(reading *r, uint64_t offset, uint64_t count, const char **bytes_out, ufo_error *error) {
  uint32_t chunk_bytes = r->about->chunk_bytes;
  uint64_t chunk = offset / chunk_bytes, skip = offset % chunk_bytes;
  const char *bytes = NULL;
  *bytes_out = "";
  if (count == 0) return UFO_OK; /* at the end there is no chunk */
  *bytes_out = NULL;
  if (skip + count <= chunk_bytes) {
    ufo_status status = get_chunk(r, chunk, &bytes, error);
    if (!status) *bytes_out = bytes + skip;
    return status;
  }
  if (r->joined_capacity < count) {
    free(r->joined);
    r->joined = malloc(count);
    r->joined_capacity = r->joined ? count : 0;
    if (!r->joined)
      return ufo_fail(error, UFO_FULL, "out of memory for a string of %llu bytes", (unsigned long long)count);
  }
  for (uint64_t done = 0; done < count; chunk++, skip = 0) {
    uint64_t part = ufo_min(count - done, chunk_bytes - skip);
    ufo_status status = get_chunk(r, chunk, &bytes, error);
    if (status) return status;
    memcpy(r->joined + done, bytes + skip, part);
    done += part;
  }
  *bytes_out = r->joined;
  return UFO_OK;
}

static ufo_status get_string(reading *r, const uint64_t *word, ufo_string *string, ufo_error *error) {
  uint64_t end = r->about->length;
  ufo_word is;
  if (!ufo_word_read(*word, &is) || is.is_inline || ufo_word_end(&is) > end)
    return ufo_text_decode(word, NULL, end, NULL, string, error); /* needs no text */
  *string = (ufo_string){.length = is.length, .encoding = (ufo_encoding)is.encoding};
  ufo_status status = get_bytes(r, is.offset, is.length, &string->bytes, error);
  if (status || !is.is_long) return status;
  string->length = ufo_get_le64((const uint8_t *)string->bytes);
  uint64_t begin = ufo_word_end(&is);
  if (string->length >= UFO_STRING_BYTES_MAX || string->length > end - begin)
    return ufo_fail(error, UFO_CORRUPT, "it says that it has %llu bytes, and begins at byte %llu of a text of %llu",
                    (unsigned long long)string->length, (unsigned long long)begin, (unsigned long long)end);
  return get_bytes(r, begin, string->length, &string->bytes, error);
}

static ufo_status read_all(reading *r, uint64_t first, uint64_t count, ufo_string_fn visit, void *user,
                           ufo_error *error) {
  uint64_t words[WORDS] = {0};
  uint64_t chunk_bytes = ufo_object_get_info(r->words)->chunk_bytes;
  if (count > chunk_bytes) ufo_object_expect(r->words, ufo_div_up((first + count) * sizeof *words, chunk_bytes));
  for (uint64_t done = 0; done < count; done += WORDS) {
    uint64_t part = ufo_min(WORDS, count - done);
    ufo_status status =
        ufo_object_read_bytes(r->words, (first + done) * sizeof *words, part * sizeof *words, words, error);
    for (uint64_t i = 0; i < part && !status; i++) {
      ufo_string string;
      status = get_string(r, &words[i], &string, error);
      if (status)
        return ufo_fail_prefix(error, status, "cannot read string %llu", (unsigned long long)(first + done + i));
      if (visit(user, first + done + i, &string)) return UFO_END;
    }
    if (status) return status;
  }
  return UFO_OK;
}

/* Words and text of the same version of the object. */
static ufo_status open_parts(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, reading *r,
                             ufo_object_info *info, ufo_error *error) {
  for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    ufo_object_info after = {.struct_size = sizeof after};
    *info = (ufo_object_info){.struct_size = sizeof *info};
    ufo_status status = ufo_store_info(store, txn, name, version, info, error);
    if (status) return status;
    if (info->type != UFO_CHARACTER) {
      return ufo_fail(error, UFO_USAGE, "cannot read '%s' of store %s as strings: it is of type %s", name,
                      ufo_store_path(store), ufo_type_name(info->type));
    }
    /* Parts of what is current are opened as such: those of another version need a handle that may write, or a
     * snapshot. */
    bool current =
        !ufo_store_info(store, txn, name, 0, &after, NULL) && after.id == info->id && after.version == info->version;
    uint64_t at = current ? 0 : version;
    status = ufo_object_open(store, txn, name, UFO_TEXT_WORDS, at, &r->words, error);
    if (!status) status = ufo_object_open(store, txn, name, UFO_TEXT_BYTES, at, &r->text, error);
    bool same = at || (!ufo_store_info(store, txn, name, 0, &after, NULL) && after.id == info->id &&
                       after.version == info->version);
    if (same) return status;
    ufo_object_release(r->words);
    ufo_object_release(r->text);
    r->words = r->text = NULL;
  }
  return ufo_fail(error, UFO_CONFLICT, "cannot read '%s' of store %s: others change it all the time", name,
                  ufo_store_path(store));
}

ufo_status ufo_text_read(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, uint64_t first,
                         uint64_t count, ufo_string_fn visit, void *user, ufo_error *error) {
  return ufo_text_read_cached(store, txn, name, version, first, count, CACHE_BYTES, visit, user, error);
}

ufo_status ufo_text_read_cached(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, uint64_t first,
                                uint64_t count, uint64_t cache_bytes, ufo_string_fn visit, void *user,
                                ufo_error *error) {
  reading r = {0};
  ufo_object_info info;
  if (!visit) return ufo_fail(error, UFO_USAGE, "nothing to give the strings to");
  ufo_status status = open_parts(store, txn, name, version, &r, &info, error);
  if (!status && !ufo_range_inside(first, count, info.length)) {
    status = ufo_fail(error, UFO_USAGE, "cannot read strings %llu to %llu of '%s' of store %s: it has %llu",
                      (unsigned long long)first, (unsigned long long)(first + count), name, ufo_store_path(store),
                      (unsigned long long)info.length);
  } else if (!status) {
    r.about = ufo_object_get_info(r.text);
    r.places = ufo_max(2, cache_bytes / r.about->chunk_bytes);
    r.cache = calloc(r.places, sizeof *r.cache);
    status = r.cache ? read_all(&r, first, count, visit, user, error) : ufo_fail(error, UFO_FULL, "out of memory");
    if (status && status != UFO_END)
      status = ufo_fail_prefix(error, status, "cannot read '%s' of store %s", name, ufo_store_path(store));
  }
  for (uint64_t i = 0; r.cache && i < r.places; i++) free(r.cache[i].bytes);
  free(r.cache);
  free(r.joined);
  ufo_object_release(r.words);
  ufo_object_release(r.text);
  return status;
}
