#include "strings.h"

#include "altrep.h"
#include "condition.h"
#include "encoding.h"
#include "memory.h"
#include "reference.h"
#include "sortkey.h"
#include "store.h"
#include "subset.h"

#include <R_ext/Altrep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Strings that are made together are looked up among the last ones. */
#define RECENT 1024
#define PIECE 4096

static R_altrep_class_t class_strings;

/* ---- life ------------------------------------------------------------------------------------------------------- */

void ufor_strings_free(ufor_strings *strings) {
  if (strings == NULL) return;
  ufo_view_release(strings->text);
  ufo_view_release(strings->next_text);
  ufo_text_free(strings->added);
  free(strings->kept.keys);
  free(strings);
}

ufo_status ufor_strings_fill(SEXP shell, ufo_view *words, ufo_view *text, const ufo_object_info *shape,
                             ufo_error *error) {
  ufor_view *self = ufor_view_in(shell);
  ufor_strings *strings = calloc(1, sizeof *strings);
  if (strings == NULL) {
    ufo_view_release(words);
    ufo_view_release(text);
    return ufor_fail(error, UFO_FULL, "Cannot open '%s': out of memory", shape->name);
  }
  strings->text = text;
  strings->bytes = ufo_view_data(text);
  strings->length = ufo_view_length(text);
  self->strings = strings;
  ufo_object_info words_shape = *shape;
  words_shape.type = UFO_CHARACTER;
  return ufor_view_fill(shell, words, &words_shape, error);
}

ufo_status ufor_strings_open(SEXP shell, ufo_store *store, ufo_txn *txn, const char *parent, uint64_t version,
                             const ufo_object_info *shape, ufo_error *error) {
  const ufo_view_options options = {.struct_size = sizeof options, .version = version};
  const ufo_view_options read_only = {
      .struct_size = sizeof options, .version = version, .access = UFO_ACCESS_READ_ONLY};
  ufo_view *words = NULL, *text = NULL;
  ufo_status status = ufo_view_open_child(store, txn, ufor_pool(), parent, 0, &options, &words, error);
  if (status == UFO_OK) status = ufo_view_open_child(store, txn, ufor_pool(), parent, 1, &read_only, &text, error);
  if (status == UFO_OK) return ufor_strings_fill(shell, words, text, shape, error);
  ufo_view_release(words);
  return status;
}

int ufor_strings_are_of_object(const ufor_view *view) {
  return view->strings->room == 0 && strcmp(ufo_view_name(view->view), UFO_VIEW_OF_NOTHING) != 0;
}

const char *ufor_strings_name(const ufor_view *view) {
  static char name[UFO_NAME_MAX + 64];
  snprintf(name, sizeof name, "%s", ufo_view_name(view->view));
  size_t length = strlen(name);
  if (length > 5 && strcmp(name + length - 5, "[[1]]") == 0) name[length - 5] = 0;
  return name;
}

/* ---- from words to strings -------------------------------------------------------------------------------------- */

static _Noreturn void raise_damaged(const ufor_view *view, R_xlen_t i, const ufo_error *error) {
  const char *path = ufor_name(view->path), *name = ufor_strings_name(view);
  ufor_raise_format(error->code, path, name, "Cannot read string %.0f of '%s' from store '%s': %s", (double)i + 1, name,
                    path, error->message);
}

static SEXP make_string(const ufor_view *view, uint64_t word, R_xlen_t i) {
  const ufor_strings *strings = view->strings;
  ufo_string string;
  ufo_error error;
  if (ufo_text_decode(&word, strings->bytes, strings->length, strings->added, &string, &error) != UFO_OK)
    raise_damaged(view, i, &error);
  if (string.bytes == NULL) return NA_STRING;
  return Rf_mkCharLenCE(string.bytes, (int)string.length, ufor_encoding_mark(&string));
}

static uint64_t word_at(const ufor_view *view, R_xlen_t i) { return ((const uint64_t *)view->data)[i]; }

/* Strings made for a vector that has them all, so that they need no keeping: the last ones are not made anew. */
struct recent {
  uint64_t words[RECENT];
  SEXP strings[RECENT]; /* NULL: none */
};

static SEXP make_recent(struct recent *recent, const ufor_view *view, uint64_t word, R_xlen_t i) {
  size_t place = ufor_kept_spread(word) % RECENT;
  if (recent->strings[place] == NULL || recent->words[place] != word) {
    recent->strings[place] = make_string(view, word, i);
    recent->words[place] = word;
  }
  return recent->strings[place];
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static R_xlen_t length_method(SEXP x) {
  ufor_view *view = ufor_altrep_view(x);
  if (!view->strings->is_expanded) ufor_sortkey_check(view);
  return view->length;
}

static SEXP elt_method(SEXP x, R_xlen_t i) {
  const ufor_view *view = ufor_altrep_view(x);
  ufor_strings *strings = view->strings;
  if (strings->is_expanded) return STRING_ELT(R_altrep_data2(x), i);
  uint64_t word = word_at(view, i);
  if (word == UFO_WORD_EMPTY) return R_BlankString;
  if (word == UFO_WORD_NA) return NA_STRING;
  SEXP string = ufor_kept_get(x, word);
  if (string != NULL) return string;
  string = make_string(view, word, i);
  ufor_kept_put(x, word, string);
  return string;
}

static void set_elt_method(SEXP x, R_xlen_t i, SEXP value) {
  const ufor_view *view = ufor_altrep_view(x);
  ufor_strings *strings = view->strings;
  if (strings->is_expanded) {
    SET_STRING_ELT(R_altrep_data2(x), i, value);
    return;
  }
  ufo_error error;
  uint64_t word = 0;
  ufo_status status = UFO_OK;
  const void *top = vmaxget();
  ufo_string string = ufor_encoding_string(value);
  if (strings->added == NULL) status = ufo_text_create(strings->length, &strings->added, &error);
  if (status == UFO_OK) status = ufo_text_add(strings->added, &string, &word, &error);
  vmaxset(top);
  if (status != UFO_OK) ufor_raise(&error, ufor_name(view->path), ufor_strings_name(view));
  ((uint64_t *)view->data)[i] = word;
  if (word == UFO_WORD_EMPTY || word == UFO_WORD_NA) return;
  SEXP kept = ufor_kept_get(x, word);
  if (kept == NULL) ufor_kept_put(x, word, value);
  else if (kept != value) ufor_kept_put_beside(x, value);
}

static void expand(SEXP x) {
  const ufor_view *view = ufor_altrep_view(x);
  ufor_strings *strings = view->strings;
  struct recent recent = {.strings = {NULL}};
  SEXP plain = PROTECT(Rf_allocVector(STRSXP, view->length));
  for (R_xlen_t i = 0; i < view->length; i++) {
    SET_STRING_ELT(plain, i, make_recent(&recent, view, word_at(view, i), i));
    if (i % PIECE == 0) R_CheckUserInterrupt();
  }
  ufor_kept_forget(x); /* all of it is among these: equal strings are one in R */
  strings->is_expanded = 1;
  R_set_altrep_data2(x, plain);
  UNPROTECT(1);
}

static void *dataptr_method(SEXP x, Rboolean writable) {
  (void)writable;
  if (!ufor_altrep_view(x)->strings->is_expanded) expand(x);
  /* Of an ordinary vector, whose pointer for writing is not in R's interface. */
  return (void *)STRING_PTR_RO(R_altrep_data2(x));
}

static const void *dataptr_or_null_method(SEXP x) {
  return ufor_altrep_view(x)->strings->is_expanded ? STRING_PTR_RO(R_altrep_data2(x)) : NULL;
}

/* Indices by the place of their strings in the text. */
struct placed {
  uint64_t place;
  R_xlen_t index;
};

static int by_place(const void *a, const void *b) {
  uint64_t x = ((const struct placed *)a)->place, y = ((const struct placed *)b)->place;
  return (x > y) - (x < y);
}

/* In the order of the text, where it does not fit into memory and the words jump about in it. */
static void fill_by_place(SEXP result, const ufor_view *view, const uint64_t *words, R_xlen_t length) {
  const R_xlen_t longest = (R_xlen_t)1 << 20;
  struct placed *order = (struct placed *)(void *)R_alloc((size_t)(length < longest ? length : longest), sizeof *order);
  struct recent recent = {.strings = {NULL}};
  for (R_xlen_t first = 0; first < length; first += longest) {
    R_xlen_t count = length - first < longest ? length - first : longest;
    for (R_xlen_t i = 0; i < count; i++) order[i] = (struct placed){words[first + i] >> 20, first + i};
    qsort(order, (size_t)count, sizeof *order, by_place);
    for (R_xlen_t i = 0; i < count; i++) {
      R_xlen_t at = order[i].index;
      SET_STRING_ELT(result, at, make_recent(&recent, view, words[at], at));
      if (i % PIECE == 0) R_CheckUserInterrupt();
    }
  }
}

static void fill_in_order(SEXP result, const ufor_view *view, const uint64_t *words, R_xlen_t length) {
  struct recent recent = {.strings = {NULL}};
  for (R_xlen_t i = 0; i < length; i++) {
    SET_STRING_ELT(result, i, make_recent(&recent, view, words[i], i));
    if (i % PIECE == PIECE - 1) R_CheckUserInterrupt();
  }
}

static SEXP extract_subset_method(SEXP x, SEXP index, SEXP call) {
  (void)call;
  const ufor_view *view = ufor_altrep_view(x);
  if (view->strings->is_expanded || (TYPEOF(index) != INTSXP && TYPEOF(index) != REALSXP)) return NULL;
  ufor_kept_forget_many(x);
  const R_xlen_t length = Rf_xlength(index);
  const void *top = vmaxget();
  uint64_t *words = (uint64_t *)(void *)R_alloc((size_t)length + 1, sizeof *words);
  SEXP result = PROTECT(Rf_allocVector(STRSXP, length));
  ufor_subset_words(view, index, words);
  if (ufor_subset_may_thrash(view->strings->text, length)) fill_by_place(result, view, words, length);
  else fill_in_order(result, view, words, length);
  vmaxset(top);
  UNPROTECT(1);
  return result;
}

SEXP ufor_strings_range(SEXP x, R_xlen_t first, R_xlen_t count) {
  SEXP result = PROTECT(Rf_allocVector(STRSXP, count));
  const ufor_view *view = ufor_view_behind(x);
  struct recent recent = {.strings = {NULL}};
  for (R_xlen_t i = 0; i < count; i++)
    SET_STRING_ELT(result, i,
                   view == NULL ? STRING_ELT(x, first + i)
                                : make_recent(&recent, view, word_at(view, first + i), first + i));
  UNPROTECT(1);
  return result;
}

ufo_status ufor_strings_write(ufo_text_writer *writer, SEXP x, ufo_error *error) {
  enum { STRINGS = 1024 };
  ufo_string strings[STRINGS];
  ufo_status status = UFO_OK;
  const R_xlen_t length = XLENGTH(x);
  for (R_xlen_t first = 0; first < length && status == UFO_OK; first += STRINGS) {
    R_xlen_t count = length - first < STRINGS ? length - first : STRINGS;
    const void *top = vmaxget();
    /* The strings of an ALTREP vector need not be anywhere when they were given. */
    SEXP part = PROTECT(ALTREP(x) ? ufor_strings_range(x, first, count) : x);
    for (R_xlen_t i = 0; i < count; i++) strings[i] = ufor_encoding_string(STRING_ELT(part, part == x ? first + i : i));
    status = ufo_text_writer_write(writer, strings, (uint64_t)count, error);
    UNPROTECT(1);
    vmaxset(top);
    if (first / STRINGS % 64 == 0) R_CheckUserInterrupt();
  }
  return status;
}

static ufo_status clone(const ufor_view *source, ufo_view **words, ufo_view **text, ufo_text **added,
                        ufo_error *error) {
  const ufor_strings *strings = source->strings;
  *words = *text = NULL;
  *added = NULL;
  ufo_status status = ufo_view_clone(source->view, words, error);
  if (status == UFO_OK) status = ufo_view_clone(strings->text, text, error);
  if (status == UFO_OK && strings->added != NULL) status = ufo_text_clone(strings->added, added, error);
  if (status == UFO_OK) return UFO_OK;
  ufo_view_release(*words);
  ufo_view_release(*text);
  return status;
}

static SEXP duplicate_method(SEXP x, Rboolean deep) {
  (void)deep;
  const ufor_view *source = ufor_altrep_view(x);
  if (source->strings->is_expanded) return NULL;
  SEXP shell = PROTECT(ufor_view_shell(source->path)), copy = NULL;
  ufo_view *words, *text;
  ufo_text *added;
  ufo_error error;
  ufo_status status = clone(source, &words, &text, &added, &error);
  if (status == UFO_FULL) {
    ufor_memory_collect();
    status = clone(source, &words, &text, &added, &error);
  }
  if (status == UFO_OK) {
    ufo_object_info shape = {.type = UFO_CHARACTER, .chunk_bytes = source->chunk_bytes};
    status = ufor_strings_fill(shell, words, text, &shape, &error);
    if (status == UFO_OK) {
      ufor_strings *own = ufor_view_in(shell)->strings;
      own->added = added;
      own->length = source->strings->length;
      own->room = source->strings->room;
    } else {
      ufo_text_free(added);
    }
  }
  if (status == UFO_OK) {
    ufor_view_in(shell)->was_read = source->was_read;
    copy = ufor_view_vector(shell);
  }
  UNPROTECT(1);
  return copy;
}

static SEXP serialized_state_method(SEXP x) {
  const ufor_view *view = ufor_altrep_view(x);
  return view->strings->is_expanded ? NULL : ufor_reference(view);
}

static SEXP unserialize_method(SEXP class, SEXP state) { return (void)class, ufor_dereference(state, STRSXP); }

static Rboolean inspect_method(SEXP x, int pre, int deep, int pvec, void (*inspect_subtree)(SEXP, int, int, int)) {
  (void)pre, (void)deep, (void)pvec, (void)inspect_subtree;
  const ufor_view *view = ufor_altrep_view(x);
  Rprintf(" ufostore strings of '%s', length %.0f%s, %.0f kept\n", ufor_strings_name(view), (double)view->length,
          view->strings->is_expanded ? ", expanded" : "", (double)view->strings->kept.count);
  return TRUE;
}

void ufor_strings_init(DllInfo *dll) {
  class_strings = R_make_altstring_class("ufo_string", "ufostore", dll);
  R_set_altrep_Length_method(class_strings, length_method);
  R_set_altrep_Duplicate_method(class_strings, duplicate_method);
  R_set_altrep_Inspect_method(class_strings, inspect_method);
  R_set_altrep_Serialized_state_method(class_strings, serialized_state_method);
  R_set_altrep_Unserialize_method(class_strings, unserialize_method);
  R_set_altvec_Dataptr_method(class_strings, dataptr_method);
  R_set_altvec_Dataptr_or_null_method(class_strings, dataptr_or_null_method);
  R_set_altvec_Extract_subset_method(class_strings, extract_subset_method);
  R_set_altstring_Elt_method(class_strings, elt_method);
  R_set_altstring_Set_elt_method(class_strings, set_elt_method);
}

SEXP ufor_strings_new(SEXP shell) { return R_new_altrep(class_strings, shell, R_NilValue); }

int ufor_strings_is(SEXP x) { return TYPEOF(x) == STRSXP && ALTREP(x) && R_altrep_inherits(x, class_strings); }

int ufor_strings_is_view(SEXP x) {
  if (!ufor_strings_is(x)) return 0;
  const ufor_view *view = R_ExternalPtrAddr(R_altrep_data1(x));
  return view == NULL || !view->strings->is_expanded;
}

void ufor_strings_read(const ufor_view *view) {
  const ufor_strings *strings = view->strings;
  for (uint64_t at = 0; at < strings->length; at += UFO_CHUNK_BYTES_MIN) {
    (void)((const volatile char *)strings->bytes)[at];
    if (at % (UFO_CHUNK_BYTES_MIN * (uint64_t)PIECE) == 0) R_CheckUserInterrupt();
  }
  for (R_xlen_t i = 0; i < view->length; i++) {
    uint64_t word = word_at(view, i);
    ufo_string string;
    ufo_error error;
    if (ufo_text_decode(&word, strings->bytes, strings->length, strings->added, &string, &error) != UFO_OK)
      raise_damaged(view, i, &error);
    if (i % PIECE == 0) R_CheckUserInterrupt();
  }
}
