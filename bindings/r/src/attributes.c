/* attributes.c - translation of attributes. */
#include "attributes.h"

#include "condition.h"
#include "serialize.h"

#include <Rversion.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#define HIDDEN_PREFIX "R."
#define KEY_S4 "R.S4"

/* ---- one by one ------------------------------------------------------------------------------------------------- */

#if R_VERSION >= R_Version(4, 6, 0)

struct walk {
  ufor_attribute_fn visit;
  void *user;
  int answer;
};

static SEXP visit_one(SEXP name, SEXP value, void *data) {
  struct walk *walk = data;
  walk->answer = walk->visit(walk->user, name, value);
  return walk->answer != 0 ? name : NULL;
}

int ufor_attributes_each(SEXP x, ufor_attribute_fn visit, void *user) {
  struct walk walk = {.visit = visit, .user = user};
  R_mapAttrib(x, visit_one, &walk);
  return walk.answer;
}

#else

int ufor_attributes_each(SEXP x, ufor_attribute_fn visit, void *user) {
  int answer = 0;
  for (SEXP rest = ATTRIB(x); rest != R_NilValue && answer == 0; rest = CDR(rest))
    answer = visit(user, TAG(rest), CAR(rest));
  return answer;
}

#endif

static int stop(void *user, SEXP name, SEXP value) {
  (void)user, (void)name, (void)value;
  return 1;
}

static int has_attributes(SEXP x) { return ufor_attributes_each(x, stop, NULL); }

static int is_hidden(const char *key) { return strncmp(key, HIDDEN_PREFIX, sizeof HIDDEN_PREFIX - 1) == 0; }

static int does_not_fit(void *user, SEXP name, SEXP value) {
  (void)user, (void)value;
  const char *key = Rf_translateCharUTF8(PRINTNAME(name));
  size_t length = strlen(key);
  return length == 0 || length > UFO_ATTRIBUTE_KEY_MAX || is_hidden(key);
}

int ufor_attributes_fit(SEXP x) { return !ufor_attributes_each(x, does_not_fit, NULL); }

/* ---- to the store ----------------------------------------------------------------------------------------------- */

static int is_ascii(const char *bytes, R_xlen_t length) {
  for (R_xlen_t i = 0; i < length; i++)
    if ((unsigned char)bytes[i] >= 128) return 0;
  return 1;
}

/* Strings in other encodings must keep them, so they are serialized. */
static int is_plain_string_vector(SEXP value) {
  for (R_xlen_t i = 0; i < XLENGTH(value); i++) {
    SEXP string = STRING_ELT(value, i);
    if (string == NA_STRING || Rf_getCharCE(string) == CE_UTF8) continue;
    if (!is_ascii(CHAR(string), LENGTH(string))) return 0;
  }
  return 1;
}

static ufo_status encode_strings(const char *key, SEXP value, ufo_attributes *set, ufo_error *error) {
  R_xlen_t count = XLENGTH(value);
  const void *top = vmaxget();
  const char **strings = (const char **)R_alloc((size_t)count + 1, sizeof *strings);
  uint32_t *lengths = (uint32_t *)R_alloc((size_t)count + 1, sizeof *lengths);
  for (R_xlen_t i = 0; i < count; i++) {
    SEXP string = STRING_ELT(value, i);
    strings[i] = string == NA_STRING ? NULL : CHAR(string);
    lengths[i] = string == NA_STRING ? 0 : (uint32_t)LENGTH(string);
  }
  ufo_status status = ufo_attributes_set_strings(set, key, strings, lengths, (uint64_t)count, error);
  vmaxset(top);
  return status;
}

static ufo_status encode_foreign(const char *key, SEXP value, ufo_attributes *set, ufo_error *error) {
  SEXP raw = PROTECT(ufor_serialize_raw(value));
  ufo_status status = ufo_attributes_set(set, key, UFO_ATTRIBUTE_FOREIGN, RAW(raw), (uint64_t)XLENGTH(raw), error);
  UNPROTECT(1);
  return status;
}

ufo_status ufor_attributes_set(const char *key, SEXP value, ufo_attributes *set, ufo_error *error) {
  if (has_attributes(value) || Rf_isS4(value)) return encode_foreign(key, value, set, error);
  uint64_t count = (uint64_t)Rf_xlength(value);
  switch (TYPEOF(value)) {
  case LGLSXP:
    return ufo_attributes_set(set, key, UFO_ATTRIBUTE_LOGICAL, LOGICAL(value), count, error);
  case INTSXP:
    return ufo_attributes_set(set, key, UFO_ATTRIBUTE_INTEGER, INTEGER(value), count, error);
  case REALSXP:
    return ufo_attributes_set(set, key, UFO_ATTRIBUTE_DOUBLE, REAL(value), count, error);
  case RAWSXP:
    return ufo_attributes_set(set, key, UFO_ATTRIBUTE_RAW, RAW(value), count, error);
  case STRSXP:
    if (is_plain_string_vector(value)) return encode_strings(key, value, set, error);
    return encode_foreign(key, value, set, error);
  default:
    return encode_foreign(key, value, set, error);
  }
}

struct encoding {
  ufo_attributes *set;
  ufo_error *error;
};

static int encode_attribute(void *user, SEXP name, SEXP value) {
  const struct encoding *encoding = user;
  return (int)ufor_attributes_set(Rf_translateCharUTF8(PRINTNAME(name)), value, encoding->set, encoding->error);
}

ufo_status ufor_attributes_encode(SEXP x, ufo_attributes *set, ufo_error *error) {
  struct encoding encoding = {.set = set, .error = error};
  ufo_status status = (ufo_status)ufor_attributes_each(x, encode_attribute, &encoding);
  if (status != UFO_OK || !Rf_isS4(x)) return status;
  const int32_t yes = 1;
  return ufo_attributes_set(set, KEY_S4, UFO_ATTRIBUTE_LOGICAL, &yes, 1, error);
}

ufo_status ufor_attributes_describe(SEXP x, ufo_attributes *set, ufo_error *error) {
  const char *type = Rf_type2char(TYPEOF(x));
  ufo_status status = ufo_attributes_set_strings(set, "R.type", &type, NULL, 1, error);
  if (status != UFO_OK) return status;
  double length = (double)Rf_xlength(x);
  return ufo_attributes_set(set, "R.length", UFO_ATTRIBUTE_DOUBLE, &length, 1, error);
}

/* ---- from the store --------------------------------------------------------------------------------------------- */

static SEXP string_values(const ufo_attribute *attribute) {
  SEXP value = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)attribute->count));
  for (uint64_t i = 0; i < attribute->count; i++) {
    uint32_t length;
    const char *bytes = ufo_attributes_string(attribute, i, &length);
    SET_STRING_ELT(value, (R_xlen_t)i, bytes == NULL ? NA_STRING : Rf_mkCharLenCE(bytes, (int)length, CE_UTF8));
  }
  UNPROTECT(1);
  return value;
}

static SEXP bytes_value(SEXPTYPE type, const ufo_attribute *attribute, size_t element_bytes) {
  SEXP value = Rf_allocVector(type, (R_xlen_t)attribute->count);
  void *target = type == LGLSXP    ? (void *)LOGICAL(value)
                 : type == INTSXP  ? (void *)INTEGER(value)
                 : type == REALSXP ? (void *)REAL(value)
                                   : (void *)RAW(value);
  if (attribute->count > 0) memcpy(target, attribute->data, attribute->count * element_bytes);
  return value;
}

SEXP ufor_attribute_value(const ufo_attribute *attribute) {
  switch (attribute->type) {
  case UFO_ATTRIBUTE_LOGICAL:
    return bytes_value(LGLSXP, attribute, sizeof(int32_t));
  case UFO_ATTRIBUTE_INTEGER:
    return bytes_value(INTSXP, attribute, sizeof(int32_t));
  case UFO_ATTRIBUTE_DOUBLE:
    return bytes_value(REALSXP, attribute, sizeof(double));
  case UFO_ATTRIBUTE_RAW:
    return bytes_value(RAWSXP, attribute, 1);
  case UFO_ATTRIBUTE_STRING:
    return string_values(attribute);
  case UFO_ATTRIBUTE_FOREIGN:
    break;
  }
  SEXP raw = PROTECT(bytes_value(RAWSXP, attribute, 1));
  SEXP value = ufor_unserialize_raw(raw);
  UNPROTECT(1);
  return value;
}

struct apply_job {
  SEXP x; /* protected at `index` */
  PROTECT_INDEX index;
  const ufo_attributes *set;
  const char *object;
};

/* R compares the times of a series with its rows when they are set, but lets both part later: arithmetic of arrays
 * gives its result dimensions after the times, and a vector that grows without its class keeps the times it had. So
 * they are copied, which R does not look at, from an object of as many rows. FALSE if there is none. */
static int apply_times(SEXP x, SEXP times) {
  if (TYPEOF(times) != REALSXP || XLENGTH(times) != 3) return 0;
  double rows = nearbyint((REAL(times)[1] - REAL(times)[0]) * REAL(times)[2]) + 1;
  if (!(rows >= 1 && rows <= INT_MAX)) return 0;
  SEXP like = PROTECT(Rf_allocMatrix(LGLSXP, (int)rows, 0));
  Rf_setAttrib(like, R_TspSymbol, times);
  Rf_copyMostAttrib(like, x);
  UNPROTECT(1);
  return 1;
}

static void apply_key(struct apply_job *job, const ufo_attribute *attribute) {
  SEXP value = PROTECT(ufor_attribute_value(attribute));
  if (strcmp(attribute->key, "tsp") == 0 && apply_times(job->x, value)) {
    UNPROTECT(1);
    return;
  }
  SEXP name = PROTECT(Rf_mkCharCE(attribute->key, CE_UTF8));
  Rf_setAttrib(job->x, Rf_installTrChar(name), value);
  UNPROTECT(2);
}

static SEXP apply_all(void *data) {
  struct apply_job *job = data;
  ufo_attribute attribute;
  /* R refuses dimnames before there are dimensions, whatever order they were set in. */
  int has_dim = ufo_attributes_find(job->set, "dim", &attribute);
  for (uint64_t i = 0; ufo_attributes_at(job->set, i, &attribute); i++) {
    if (strcmp(attribute.key, "dimnames") == 0 && has_dim) {
      ufo_attribute dim;
      if (Rf_getAttrib(job->x, R_DimSymbol) == R_NilValue && ufo_attributes_find(job->set, "dim", &dim))
        apply_key(job, &dim);
    }
    if (!is_hidden(attribute.key)) apply_key(job, &attribute);
  }
  if (ufo_attributes_find(job->set, KEY_S4, &attribute)) REPROTECT(job->x = Rf_asS4(job->x, TRUE, 0), job->index);
  return R_NilValue; /* what R_tryCatchError returns would count as referred to (see get.c) */
}

static SEXP refuse(SEXP condition, void *data) {
  const struct apply_job *job = data;
  const char *cause = "?";
  if (TYPEOF(condition) == VECSXP && XLENGTH(condition) > 0 && TYPEOF(VECTOR_ELT(condition, 0)) == STRSXP)
    cause = Rf_translateCharUTF8(STRING_ELT(VECTOR_ELT(condition, 0), 0));
  ufor_raise_format(UFO_CORRUPT, NULL, job->object, "The attributes stored with '%s' do not suit it: %s", job->object,
                    cause);
}

SEXP ufor_attributes_apply(SEXP x, const ufo_attributes *set, const char *object) {
  struct apply_job job = {.x = x, .set = set, .object = object};
  PROTECT_WITH_INDEX(x, &job.index);
  R_tryCatchError(apply_all, &job, refuse, &job);
  UNPROTECT(1);
  return job.x;
}

/* ---- comparison ------------------------------------------------------------------------------------------------- */

static size_t value_bytes(const ufo_attribute *attribute) {
  switch (attribute->type) {
  case UFO_ATTRIBUTE_LOGICAL:
  case UFO_ATTRIBUTE_INTEGER:
    return attribute->count * sizeof(int32_t);
  case UFO_ATTRIBUTE_DOUBLE:
    return attribute->count * sizeof(double);
  default:
    return attribute->count;
  }
}

static int equal_strings(const ufo_attribute *a, const ufo_attribute *b) {
  for (uint64_t i = 0; i < a->count; i++) {
    uint32_t a_length, b_length;
    const char *a_bytes = ufo_attributes_string(a, i, &a_length);
    const char *b_bytes = ufo_attributes_string(b, i, &b_length);
    if ((a_bytes == NULL) != (b_bytes == NULL)) return 0;
    if (a_bytes != NULL && (a_length != b_length || memcmp(a_bytes, b_bytes, a_length) != 0)) return 0;
  }
  return 1;
}

static int equal_one(const ufo_attribute *a, const ufo_attribute *b) {
  if (strcmp(a->key, b->key) != 0 || a->type != b->type || a->count != b->count) return 0;
  if (a->type == UFO_ATTRIBUTE_STRING) return equal_strings(a, b);
  return a->count == 0 || memcmp(a->data, b->data, value_bytes(a)) == 0;
}

int ufor_attributes_equal(const ufo_attributes *a, const ufo_attributes *b) {
  uint64_t count = a == NULL ? 0 : ufo_attributes_count(a);
  if (count != (b == NULL ? 0 : ufo_attributes_count(b))) return 0;
  for (uint64_t i = 0; i < count; i++) {
    ufo_attribute left, right;
    if (!ufo_attributes_at(a, i, &left) || !ufo_attributes_at(b, i, &right) || !equal_one(&left, &right)) return 0;
  }
  return 1;
}
