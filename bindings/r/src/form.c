/* form.c - when a list may be taken apart.
 *
 * Elements that are stored each on its own no longer share what they shared in memory. For values that does not matter.
 * For environments it does: two functions of a list that count in the same environment must count together when they
 * come back. So a list in which more than one part can lead to an environment is serialized as a whole, as are lists so
 * long or so deep that a stored object for each element would cost more than it gives. */
#include "form.h"

#include "attributes.h"
#include "compat.h"
#include "view.h"

/* A list longer than this is serialized if its elements have fewer than so many elements themselves, on average. */
#define LIST_LENGTH_MAX 1000
#define ELEMENT_LENGTH_MIN 1000
/* Lists nested deeper than this are serialized. */
#define LIST_DEPTH_MAX 16
/* Calls nested deeper than this are taken to lead to an environment, without looking further. */
#define WALK_DEPTH_MAX 256

static int leads_to_environment(SEXP x, int depth);

static int attribute_leads_to_environment(void *user, SEXP name, SEXP value) {
  (void)name;
  return leads_to_environment(value, *(const int *)user);
}

/* Environments that every session has are serialized by name. */
static int is_session_environment(SEXP environment) {
  return environment == R_GlobalEnv || environment == R_BaseEnv || environment == R_EmptyEnv ||
         R_IsPackageEnv(environment) || R_IsNamespaceEnv(environment);
}

static int leads_to_environment(SEXP x, int depth) {
  if (depth > WALK_DEPTH_MAX) return 1;
  switch (TYPEOF(x)) {
  case NILSXP:
  case SYMSXP:
  case CHARSXP:
    return 0;
  case LGLSXP:
  case INTSXP:
  case REALSXP:
  case CPLXSXP:
  case RAWSXP:
  case STRSXP:
  case SPECIALSXP:
  case BUILTINSXP:
    break;
  case LISTSXP:
  case LANGSXP:
    for (SEXP rest = x; TYPEOF(rest) == LISTSXP || TYPEOF(rest) == LANGSXP; rest = CDR(rest))
      if (leads_to_environment(CAR(rest), depth + 1)) return 1;
    break;
  case VECSXP:
  case EXPRSXP:
    for (R_xlen_t i = 0; i < XLENGTH(x); i++)
      if (leads_to_environment(VECTOR_ELT(x, i), depth + 1)) return 1;
    break;
  case ENVSXP:
    return !is_session_environment(x);
  case CLOSXP:
    if (!is_session_environment(ufor_closure_environment(x))) return 1;
    break;
  default:
    return 1;
  }
  depth++;
  return ufor_attributes_each(x, attribute_leads_to_environment, &depth);
}

static int count_attribute(void *user, SEXP name, SEXP value) {
  (void)name;
  int *count = user;
  *count += leads_to_environment(value, 0);
  return *count >= 2;
}

/* How many parts of `list` that would be stored apart lead to an environment; stops counting at two. -1 if it is nested
 * too deeply. */
static int count_shared_parts(SEXP list, int depth) {
  if (depth > LIST_DEPTH_MAX) return -1;
  int count = 0;
  ufor_attributes_each(list, count_attribute, &count);
  if (TYPEOF(list) != VECSXP) return count;
  for (R_xlen_t i = 0; i < XLENGTH(list) && count < 2; i++) {
    SEXP element = VECTOR_ELT(list, i);
    int is_taken_apart = TYPEOF(element) == VECSXP || ufor_type_of(TYPEOF(element)) != 0;
    int parts = is_taken_apart ? count_shared_parts(element, depth + 1) : leads_to_environment(element, 0);
    if (parts < 0) return parts;
    count += parts;
  }
  return count;
}

static int is_long_list_of_short_elements(SEXP list) {
  R_xlen_t count = XLENGTH(list);
  if (count <= LIST_LENGTH_MAX || Rf_inherits(list, "data.frame")) return 0;
  double elements = 0;
  for (R_xlen_t i = 0; i < count; i++) elements += (double)Rf_xlength(VECTOR_ELT(list, i));
  return elements < (double)count * ELEMENT_LENGTH_MIN;
}

ufor_form ufor_form_of(SEXP value) {
  int is_list = TYPEOF(value) == VECSXP;
  if (!is_list && ufor_type_of(TYPEOF(value)) == 0) return UFOR_FORM_SERIALIZED;
  if (!ufor_attributes_fit(value)) return UFOR_FORM_SERIALIZED;
  if (is_list && is_long_list_of_short_elements(value)) return UFOR_FORM_SERIALIZED;
  int shared = count_shared_parts(value, 0);
  if (shared < 0 || shared > 1) return UFOR_FORM_SERIALIZED;
  return is_list ? UFOR_FORM_LIST : UFOR_FORM_VECTOR;
}
