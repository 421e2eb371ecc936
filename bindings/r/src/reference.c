#include "reference.h"

#include "condition.h"
#include "memory.h"
#include "store.h"
#include "strings.h"

#include <stdlib.h>
#include <string.h>

/* The fields of a reference, in order: strings, since numbers of 64 bits are no doubles. */
enum { REF_FORMAT, REF_PATH, REF_UUID, REF_NAME, REF_OBJECT, REF_VERSION, REF_FIELDS };
/* Of strings NAME, OBJECT and VERSION are those of the words; two fields more tell of the text. */
enum { REF_TEXT_OBJECT = REF_FIELDS, REF_TEXT_VERSION, REF_STRING_FIELDS };
#define FORMAT_TEXT "ufostore reference 1"

static int forbidden;

void ufor_reference_forbid(int forbid) { forbidden += forbid ? 1 : -1; }

static int by_value(void) {
  SEXP option = Rf_GetOption1(Rf_install("ufostore.serialize"));
  if (forbidden > 0) return 1;
  if (option == R_NilValue) return 0;
  const char *text = TYPEOF(option) == STRSXP && XLENGTH(option) == 1 ? CHAR(STRING_ELT(option, 0)) : "";
  if (strcmp(text, "reference") == 0) return 0;
  if (strcmp(text, "value") == 0) return 1;
  ufor_raise_format(UFO_USAGE, NULL, NULL,
                    "options(ufostore.serialize) must be \"reference\" or \"value\", or not set at all");
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

/* Calls nothing of R. Would the words lead back to this very content, from any process? */
static int can_be_found(const char *path, ufo_view *view, ufo_view_info *own, char uuid[37]) {
  ufo_error ignored;
  ufo_store *store;
  ufo_object_info found = {.struct_size = sizeof found};
  if (ufo_view_get_info(view, own, &ignored) != UFO_OK || own->chunks_changed > 0 || own->version == 0) return 0;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (ufo_store_open(path, &options, &store, &ignored) != UFO_OK) return 0;
  ufo_store_uuid(store, uuid);
  int same = ufo_store_info(store, NULL, own->name, own->version, &found, &ignored) == UFO_OK &&
             found.id == own->object_id && found.length == own->length && found.type == own->type;
  ufo_store_close(store);
  return same;
}

static void set_number(SEXP state, int field, uint64_t number) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  SET_STRING_ELT(state, field, Rf_mkChar(text));
}

/* The text may be longer than the view of it, which others added to, or this very vector when it was put. */
static int text_can_be_found(const char *path, const ufor_view *view, ufo_view_info *own) {
  ufo_error ignored;
  ufo_store *store;
  ufo_object_info found = {.struct_size = sizeof found};
  if (ufo_view_get_info(view->strings->text, own, &ignored) != UFO_OK || own->version == 0) return 0;
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  if (ufo_store_open(path, &options, &store, &ignored) != UFO_OK) return 0;
  int same = ufo_store_info(store, NULL, own->name, own->version, &found, &ignored) == UFO_OK &&
             found.id == own->object_id && found.length >= own->length;
  ufo_store_close(store);
  return same;
}

SEXP ufor_reference(const ufor_view *view) {
  ufo_view_info info = {.struct_size = sizeof info}, text = {.struct_size = sizeof text};
  char uuid[37];
  if (by_value()) return NULL;
  const char *path = ufor_view_path(view);
  if (!can_be_found(path, view->view, &info, uuid)) return NULL;
  if (view->strings != NULL && !text_can_be_found(path, view, &text)) return NULL;
  SEXP state = PROTECT(Rf_allocVector(STRSXP, view->strings != NULL ? REF_STRING_FIELDS : REF_FIELDS));
  SET_STRING_ELT(state, REF_FORMAT, Rf_mkChar(FORMAT_TEXT));
  SET_STRING_ELT(state, REF_PATH, Rf_mkCharCE(path, CE_UTF8));
  SET_STRING_ELT(state, REF_UUID, Rf_mkChar(uuid));
  SET_STRING_ELT(state, REF_NAME, Rf_mkCharCE(info.name, CE_UTF8));
  set_number(state, REF_OBJECT, info.object_id);
  set_number(state, REF_VERSION, info.version);
  if (view->strings != NULL) {
    set_number(state, REF_TEXT_OBJECT, text.object_id);
    set_number(state, REF_TEXT_VERSION, text.version);
  }
  UNPROTECT(1);
  return state;
}

/* ---- following -------------------------------------------------------------------------------------------------- */

static int read_number(SEXP state, int field, uint64_t *number) {
  const char *text = CHAR(STRING_ELT(state, field));
  char *end;
  *number = strtoull(text, &end, 10);
  return *text != 0 && *end == 0 && *number > 0;
}

/* Calls nothing of R. */
/* `fields`: where the number of the object stands, and then its version. */
static ufo_status open_in(ufo_store *store, SEXP state, int fields, const char *name, ufo_access access,
                          ufo_view **view_out, ufo_object_info *info, ufo_error *error) {
  char uuid[37];
  ufo_view_options options = {.struct_size = sizeof options, .access = access, .header_bytes = UFOR_ROOM_BYTES};
  uint64_t id;
  if (!read_number(state, fields, &id) || !read_number(state, fields + 1, &options.version))
    return ufor_fail(error, UFO_CORRUPT, "This is not a reference to a stored vector");
  ufo_store_uuid(store, uuid);
  if (strcmp(uuid, CHAR(STRING_ELT(state, REF_UUID))) != 0)
    return ufor_fail(error, UFO_MISSING,
                     "Cannot open a vector by its reference: the store at '%s' is another one than that of '%s'",
                     ufo_store_path(store), name);
  info->struct_size = sizeof *info;
  ufo_status status = ufo_store_info(store, NULL, name, options.version, info, error);
  if (status != UFO_OK) return status;
  if (info->id != id)
    return ufor_fail(error, UFO_MISSING,
                     "Cannot open a vector by its reference: another object has the name '%s' in store '%s' by now",
                     name, ufo_store_path(store));
  return ufo_view_open(store, NULL, ufor_pool(), name, &options, view_out, error);
}

/* Words at `name`, which ends in [[1]], and text beside them. */
static ufo_status open_strings_in(ufo_store *store, SEXP shell, SEXP state, const char *name, ufo_error *error) {
  ufo_view *words = NULL, *text = NULL;
  ufo_object_info info, text_info;
  char text_name[UFO_NAME_MAX + 1];
  size_t length = strlen(name);
  int sound = length > 5 && length <= UFO_NAME_MAX && strcmp(name + length - 5, "[[1]]") == 0;
  if (sound) {
    strcpy(text_name, name);
    text_name[length - 3] = '2';
  }
  if (!sound) return ufor_fail(error, UFO_CORRUPT, "This is not a reference to stored strings");
  ufo_status status = open_in(store, state, REF_OBJECT, name, UFO_ACCESS_READ_WRITE, &words, &info, error);
  if (status != UFO_OK) return status;
  status = open_in(store, state, REF_TEXT_OBJECT, text_name, UFO_ACCESS_READ_ONLY, &text, &text_info, error);
  if (status == UFO_OK && (info.type != UFO_RECORD || info.element_bytes != 8 || text_info.type != UFO_RAW))
    status = ufor_fail(error, UFO_CORRUPT, "A reference says that '%s' has strings, and it has none", name);
  if (status == UFO_OK) return ufor_strings_fill(shell, words, text, &info, error);
  ufo_view_release(words);
  ufo_view_release(text);
  return status;
}

static ufo_status follow(SEXP shell, SEXP state, const char *path, const char *name, SEXPTYPE type, ufo_error *error) {
  const ufo_store_options options = {.struct_size = sizeof options, .mode = UFO_OPEN_READ_ONLY};
  ufo_store *store;
  ufo_view *view;
  ufo_object_info info;
  ufo_status status = ufo_store_open(path, &options, &store, error);
  if (status != UFO_OK) return status;
  if (type == STRSXP) status = open_strings_in(store, shell, state, name, error);
  else status = open_in(store, state, REF_OBJECT, name, UFO_ACCESS_READ_WRITE, &view, &info, error);
  ufo_store_close(store);
  if (type == STRSXP) return status;
  if (status != UFO_OK) return status;
  status = ufor_view_fill(shell, view, &info, error);
  ufo_type expected = info.type == UFO_RECORD ? UFO_RAW : info.type;
  if (status == UFO_OK && expected != ufor_type_of(type))
    return ufor_fail(error, UFO_CORRUPT, "A reference says that '%s' is of another type than it is", name);
  return status;
}

SEXP ufor_dereference(SEXP state, SEXPTYPE type) {
  const R_xlen_t fields = type == STRSXP ? REF_STRING_FIELDS : REF_FIELDS;
  int sound = TYPEOF(state) == STRSXP && XLENGTH(state) == fields;
  for (R_xlen_t i = 0; sound && i < fields; i++) sound = STRING_ELT(state, i) != R_NaString;
  if (!sound || strcmp(CHAR(STRING_ELT(state, REF_FORMAT)), FORMAT_TEXT) != 0)
    ufor_raise_format(UFO_UNSUPPORTED, NULL, NULL,
                      "This is not a reference to a stored vector that this version of ufostore can follow");
  SEXP opened = PROTECT(Rf_ScalarString(STRING_ELT(state, REF_PATH)));
  SEXP shell = PROTECT(ufor_view_shell(opened));
  const char *path = ufor_name(opened), *name = Rf_translateCharUTF8(STRING_ELT(state, REF_NAME));
  ufor_pool(); /* which may raise a condition, and must not while the store is open */
  ufo_error error;
  ufo_status status = follow(shell, state, path, name, type, &error);
  if (status == UFO_FULL && ufor_view_in(shell)->view == NULL && ufor_view_in(shell)->strings == NULL) {
    ufor_memory_collect();
    status = follow(shell, state, path, name, type, &error);
  }
  if (status != UFO_OK) ufor_raise_in("following", &error, path, name);
  SEXP vector = ufor_view_vector(shell);
  UNPROTECT(2);
  return vector;
}
