#include "words.h"

#include "condition.h"
#include "encoding.h"
#include "memory.h"
#include "store.h"
#include "strings.h"
#include "subset.h"

#include <string.h>

/* Bytes of text that a vector collects in ordinary memory before they go to its view. */
#define COLLECTED_MAX (UINT64_C(1) << 20)
#define ROOM_MIN (UINT64_C(1) << 20)
#define PIECE 4096
#define RECENT 1024

static const ufo_object_spec words_spec = {.struct_size = sizeof words_spec, .type = UFO_RECORD, .element_bytes = 8};

/* ---- making ----------------------------------------------------------------------------------------------------- */

static ufo_status create_view(const ufor_store *handle, const ufo_object_spec *spec, ufo_view **view,
                              ufo_error *error) {
  ufo_status status = ufo_view_create(handle->store, ufor_pool(), spec, NULL, view, error);
  if (status != UFO_FULL) return status;
  ufor_memory_collect();
  return ufo_view_create(handle->store, ufor_pool(), spec, NULL, view, error);
}

static ufo_status create_text(const ufor_store *handle, uint64_t room, ufo_view **text, ufo_error *error) {
  const ufo_object_spec spec = {.struct_size = sizeof spec, .type = UFO_RAW, .length = room};
  return create_view(handle, &spec, text, error);
}

/* The vector of `length` empty strings in `shell`, beside `text`, which it takes in every case. */
static SEXP make(SEXP shell, const ufor_store *handle, R_xlen_t length, ufo_view *text) {
  ufo_object_spec spec = words_spec;
  spec.length = (uint64_t)length;
  ufo_view *words = NULL;
  ufo_view_info info = {.struct_size = sizeof info};
  ufo_error error;
  ufo_status status = create_view(handle, &spec, &words, &error);
  if (status == UFO_OK) status = ufo_view_get_info(words, &info, &error);
  if (status != UFO_OK) {
    ufo_view_release(words);
    ufo_view_release(text);
    ufor_raise(&error, NULL, NULL);
  }
  const ufo_object_info shape = {.name = UFO_VIEW_OF_NOTHING, .type = UFO_CHARACTER, .chunk_bytes = info.chunk_bytes};
  if (ufor_strings_fill(shell, words, text, &shape, &error) != UFO_OK) ufor_raise(&error, NULL, NULL);
  return ufor_view_vector(shell);
}

SEXP ufor_words(SEXP pointer, SEXP length) {
  const ufor_store *handle = ufor_store_from(pointer);
  SEXP shell = PROTECT(ufor_view_shell(handle->path));
  ufo_view *text;
  ufo_error error;
  if (create_text(handle, ROOM_MIN, &text, &error) != UFO_OK) ufor_raise(&error, NULL, NULL);
  SEXP vector = make(shell, handle, (R_xlen_t)Rf_asReal(length), text);
  ufor_strings *strings = ufor_view_in(shell)->strings;
  strings->room = ROOM_MIN;
  strings->length = 0;
  UNPROTECT(1);
  return vector;
}

SEXP ufor_words_beside(SEXP pointer, SEXP length, SEXP x) {
  const ufor_store *handle = ufor_store_from(pointer);
  const ufor_view *source = TYPEOF(x) == STRSXP ? ufor_view_behind(x) : NULL;
  const R_xlen_t count = (R_xlen_t)Rf_asReal(length);
  /* To clone what was written costs as much as to write it. */
  if (source == NULL || (source->strings->room > 0 && count < source->length / 4)) return R_NilValue;
  SEXP shell = PROTECT(ufor_view_shell(handle->path));
  ufo_view *text;
  ufo_error error;
  if (ufo_view_clone(source->strings->text, &text, &error) != UFO_OK) ufor_raise(&error, NULL, NULL);
  SEXP vector = make(shell, handle, count, text);
  ufor_strings *strings = ufor_view_in(shell)->strings;
  strings->room = source->strings->room;
  strings->length = source->strings->length;
  strings->is_beside = 1;
  if (source->strings->added != NULL && ufo_text_clone(source->strings->added, &strings->added, &error) != UFO_OK)
    ufor_raise(&error, NULL, NULL);
  UNPROTECT(1);
  return vector;
}

SEXP ufor_words_take(SEXP target, SEXP first, SEXP x, SEXP index) {
  const ufor_view *to = ufor_view_behind(target), *source = ufor_view_behind(x);
  const R_xlen_t at = (R_xlen_t)Rf_asReal(first), count = Rf_xlength(index);
  if (to == NULL || source == NULL || to->strings == NULL || source->strings == NULL || !to->strings->is_beside)
    ufor_raise_format(UFO_USAGE, NULL, NULL, "Strings cannot be taken from a vector with another text");
  if (at < 0 || at > to->length || count > to->length - at)
    ufor_raise_format(UFO_USAGE, NULL, NULL, "Elements %.0f to %.0f are not in a vector of length %.0f", (double)at + 1,
                      (double)at + (double)count, (double)to->length);
  if (count > 0) ufor_subset_words(source, index, (uint64_t *)to->data + at);
  return R_NilValue;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Makes room for `bytes` more of text. A page that cannot be read or written jumps out of here: what is new is the
 * vector's at once. */
static void make_room(SEXP pointer, ufor_view *view, uint64_t bytes) {
  ufor_strings *strings = view->strings;
  const uint64_t needed = strings->length + bytes;
  if (needed <= strings->room) return;
  const uint64_t room = needed < ROOM_MIN / 2 ? ROOM_MIN : 2 * needed;
  ufo_error error;
  ufo_view_release(strings->next_text);
  strings->next_text = NULL;
  if (create_text(ufor_store_from(pointer), room, &strings->next_text, &error) != UFO_OK)
    ufor_raise(&error, NULL, NULL);
  char *to = ufo_view_data(strings->next_text);
  for (uint64_t at = 0; at < strings->length; at += COLLECTED_MAX) {
    uint64_t rest = strings->length - at;
    memcpy(to + at, strings->bytes + at, (size_t)(rest < COLLECTED_MAX ? rest : COLLECTED_MAX));
    R_CheckUserInterrupt();
  }
  ufo_view_release(strings->text);
  strings->text = strings->next_text;
  strings->next_text = NULL;
  strings->bytes = to;
  strings->room = room;
}

/* From ordinary memory to the view. */
static void flush(SEXP pointer, ufor_view *view) {
  ufor_strings *strings = view->strings;
  if (strings->added == NULL) return;
  uint64_t bytes;
  ufo_text_bytes(strings->added, &bytes);
  make_room(pointer, view, bytes);
  const char *from = ufo_text_bytes(strings->added, &bytes);
  if (bytes > 0) memcpy((char *)ufo_view_data(strings->text) + strings->length, from, (size_t)bytes);
  strings->length += bytes;
  ufo_text_free(strings->added);
  strings->added = NULL;
}

static int is_there(const ufor_strings *strings, const uint64_t *word, const ufo_string *string) {
  ufo_string old;
  ufo_error ignored;
  if (*word == UFO_WORD_EMPTY || *word == UFO_WORD_NA) return 0;
  if (ufo_text_decode(word, strings->bytes, strings->length, strings->added, &old, &ignored) != UFO_OK) return 0;
  return old.length == string->length && old.encoding == string->encoding &&
         memcmp(old.bytes, string->bytes, (size_t)old.length) == 0;
}

static uint64_t collected(const ufor_strings *strings) {
  uint64_t bytes = 0;
  if (strings->added != NULL) ufo_text_bytes(strings->added, &bytes);
  return bytes;
}

/* The word of a string that is neither NA nor empty. */
static uint64_t word_for(ufor_strings *strings, uint64_t old, SEXP value) {
  const void *top = vmaxget();
  ufo_string string = ufor_encoding_string(value);
  uint64_t word = old;
  ufo_error error;
  ufo_status status = UFO_OK;
  if (!is_there(strings, &old, &string)) {
    if (strings->added == NULL) status = ufo_text_create(strings->length, &strings->added, &error);
    if (status == UFO_OK) status = ufo_text_add(strings->added, &string, &word, &error);
  }
  vmaxset(top);
  if (status != UFO_OK) ufor_raise(&error, NULL, NULL);
  return word;
}

void ufor_words_write(SEXP pointer, SEXP x, R_xlen_t first, SEXP values) {
  ufor_view *view = ufor_view_behind(x);
  ufor_strings *strings = view->strings;
  uint64_t *words = (uint64_t *)view->data + first;
  const R_xlen_t count = Rf_xlength(values);
  /* Words of strings that were written a moment ago. */
  SEXP recent[RECENT] = {NULL};
  uint64_t recent_words[RECENT];
  for (R_xlen_t i = 0; i < count; i++) {
    SEXP value = STRING_ELT(values, i);
    const uint64_t old = words[i];
    const size_t place = ((uintptr_t)value >> 4) % RECENT;
    uint64_t word = value == NA_STRING ? UFO_WORD_NA : UFO_WORD_EMPTY;
    if (value != NA_STRING && LENGTH(value) > 0) {
      if (recent[place] != value) {
        recent_words[place] = word_for(strings, old, value);
        recent[place] = value;
      }
      word = recent_words[place];
    }
    if (word != old) words[i] = word;
    if (i % PIECE == PIECE - 1) {
      if (collected(strings) > COLLECTED_MAX) flush(pointer, view);
      R_CheckUserInterrupt();
    }
  }
  /* Of a vector whose text is a stored one, the little that was added stays where it is: that text need not be copied.
   */
  if (strings->room > 0 || collected(strings) > COLLECTED_MAX) flush(pointer, view);
}

static int is_na(SEXP x, const ufor_view *view, R_xlen_t i) {
  return view != NULL ? ((const uint64_t *)view->data)[i] == UFO_WORD_NA : STRING_ELT(x, i) == NA_STRING;
}

void ufor_words_are_na(SEXP x, R_xlen_t first, R_xlen_t count, int *out) {
  const ufor_view *view = ufor_view_behind(x);
  for (R_xlen_t i = 0; i < count; i++) out[i] = is_na(x, view, first + i);
}

SEXP ufor_words_any_na(SEXP x) {
  const ufor_view *view = ufor_view_behind(x);
  const R_xlen_t length = Rf_xlength(x);
  int found = 0;
  for (R_xlen_t i = 0; i < length && !found; i++) {
    found = is_na(x, view, i);
    if (i % (64 * PIECE) == 0) R_CheckUserInterrupt();
  }
  return Rf_ScalarLogical(found);
}
