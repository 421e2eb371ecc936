/* capi.c - the functions behind ufostoreR.h. Each has the name there with ufor_capi_ for ufostore_. */
#include "capi.h"

#include "condition.h"
#include "view.h"

#include <R_ext/Rdynload.h>
#include <string.h>

/* The header is for others: here it gives the types, and its functions stay unused. */
#include "../inst/include/ufostoreR.h"

#define API_VERSION 1

_Static_assert((int)UFOSTORE_NORMAL == (int)UFO_ADVICE_NORMAL &&
                   (int)UFOSTORE_SEQUENTIAL == (int)UFO_ADVICE_SEQUENTIAL &&
                   (int)UFOSTORE_RANDOM == (int)UFO_ADVICE_RANDOM &&
                   (int)UFOSTORE_WILLNEED == (int)UFO_ADVICE_WILLNEED &&
                   (int)UFOSTORE_DONTNEED == (int)UFO_ADVICE_DONTNEED,
               "advice is passed on as it is");

static _Noreturn void raise(const ufor_view *view, const ufo_error *error) {
  ufor_raise(error, ufor_view_path(view), ufo_view_name(view->view));
}

/* The elements of character vectors are R's own strings, which no memory of a view holds. */
static const ufor_view *view_of(SEXP x) { return TYPEOF(x) == STRSXP ? NULL : ufor_view_behind(x); }

/* Bytes of an element of the R vector: of a record that is a byte. */
static size_t element_bytes(const ufor_view *view) { return view->type == UFO_RECORD ? 1 : ufo_type_bytes(view->type); }

static void check_range(const ufor_view *view, R_xlen_t first, R_xlen_t count) {
  if (first >= 0 && count >= 0 && first <= view->length && count <= view->length - first) return;
  ufor_raise_format(UFO_USAGE, ufor_view_path(view), ufo_view_name(view->view),
                    "C code asked for %.0f elements from %.0f on of '%s', which has %.0f", (double)count, (double)first,
                    ufo_view_name(view->view), (double)view->length);
}

static int ufor_capi_api_version(void) { return API_VERSION; }

static int ufor_capi_is_view(SEXP x) { return view_of(x) != NULL; }

static int ufor_capi_info(SEXP x, ufostore_vector_info *info) {
  const ufor_view *view = view_of(x);
  if (view == NULL) return 0;
  ufo_view_info own = {.struct_size = sizeof own};
  ufo_error error;
  if (ufo_view_get_info(view->view, &own, &error) != UFO_OK) raise(view, &error);
  const ufostore_vector_info all = {.struct_size = info->struct_size,
                                    .view = view->view,
                                    .data = view->data,
                                    .length = view->length,
                                    .element_bytes = element_bytes(view),
                                    .chunk_bytes = own.chunk_bytes,
                                    .chunk_count = own.chunk_count,
                                    .chunks_changed = own.chunks_changed,
                                    .version = own.version,
                                    .path = ufor_view_path(view),
                                    .name = ufo_view_name(view->view),
                                    .is_plain = view->plain_path != NULL};
  memcpy(info, &all, info->struct_size < sizeof all ? info->struct_size : sizeof all);
  return 1;
}

static int ufor_capi_advise(SEXP x, R_xlen_t first, R_xlen_t count, enum ufostore_advice advice) {
  const ufor_view *view = view_of(x);
  if (view == NULL) return 0;
  check_range(view, first, count);
  size_t bytes = element_bytes(view);
  ufo_error error;
  if (ufo_region_advise(ufo_view_region(view->view), (uint64_t)first * bytes, (uint64_t)count * bytes,
                        (ufo_advice)advice, &error) != UFO_OK)
    raise(view, &error);
  return 1;
}

static int ufor_capi_pin(SEXP x, R_xlen_t first, R_xlen_t count, int for_write) {
  const ufor_view *view = view_of(x);
  if (view == NULL) return 0;
  check_range(view, first, count);
  size_t bytes = element_bytes(view);
  ufo_error error;
  if (ufo_region_pin(ufo_view_region(view->view), (uint64_t)first * bytes, (uint64_t)count * bytes, for_write,
                     &error) != UFO_OK)
    raise(view, &error);
  return 1;
}

static int ufor_capi_unpin(SEXP x, R_xlen_t first, R_xlen_t count) {
  const ufor_view *view = view_of(x);
  if (view == NULL) return 0;
  check_range(view, first, count);
  size_t bytes = element_bytes(view);
  ufo_region_unpin(ufo_view_region(view->view), (uint64_t)first * bytes, (uint64_t)count * bytes);
  return 1;
}

static SEXP ufor_capi_get(SEXP store, const char *name) {
  SEXP text = PROTECT(Rf_ScalarString(Rf_mkCharCE(name, CE_UTF8)));
  SEXP call = PROTECT(Rf_lang3(Rf_install("ufo_get"), store, text));
  SEXP value = Rf_eval(call, ufor_namespace());
  UNPROTECT(2);
  return value;
}

#define CALLABLE(name) R_RegisterCCallable("ufostore", "ufostore_" #name, (DL_FUNC)(void (*)(void))ufor_capi_##name)

void ufor_capi_init(void) {
  CALLABLE(api_version);
  CALLABLE(is_view);
  CALLABLE(info);
  CALLABLE(advise);
  CALLABLE(pin);
  CALLABLE(unpin);
  CALLABLE(get);
}
