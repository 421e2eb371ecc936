/* kept.c - see kept.h: a hash table with linear probing, never more than half full. */
#include "kept.h"

#include "altrep.h"
#include "condition.h"
#include "strings.h"

#include <R_ext/Altrep.h>
#include <stdlib.h>

#define MANY ((size_t)1 << 18)
#define PLACES_MIN ((size_t)1 << 8)

/* Keys are words, or else, for strings that stand for a word beside another one, what no word is. */
static uint64_t key_beside(SEXP string) { return (uint64_t)(uintptr_t)string << 8 | 0xFF; }

static ufor_kept *of(SEXP x) { return &ufor_altrep_view(x)->strings->kept; }

static size_t place_of(const ufor_kept *kept, uint64_t key) {
  size_t place = ufor_kept_spread(key) & (kept->places - 1);
  while (kept->keys[place] != 0 && kept->keys[place] != key) place = (place + 1) & (kept->places - 1);
  return place;
}

void ufor_kept_forget(SEXP x) {
  ufor_kept *kept = of(x);
  free(kept->keys);
  *kept = (ufor_kept){0};
  R_set_altrep_data2(x, R_NilValue);
}

void ufor_kept_forget_many(SEXP x) {
  if (of(x)->count > MANY) ufor_kept_forget(x);
}

static void make_room(SEXP x, ufor_kept *kept) {
  if (kept->count < kept->places / 2) return;
  const ufor_kept old = *kept;
  size_t places = old.places > 0 ? 2 * old.places : PLACES_MIN;
  SEXP table = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)places)), old_table = R_altrep_data2(x);
  uint64_t *keys = calloc(places, sizeof *keys);
  if (keys == NULL) ufor_raise_format(UFO_FULL, NULL, NULL, "Cannot keep strings: out of memory");
  kept->keys = keys;
  kept->places = places;
  for (size_t i = 0; i < old.places; i++) {
    if (old.keys[i] == 0) continue;
    size_t place = place_of(kept, old.keys[i]);
    keys[place] = old.keys[i];
    SET_STRING_ELT(table, (R_xlen_t)place, STRING_ELT(old_table, (R_xlen_t)i));
  }
  free(old.keys);
  R_set_altrep_data2(x, table);
  UNPROTECT(1);
}

void ufor_kept_put(SEXP x, uint64_t word, SEXP string) {
  ufor_kept *kept = of(x);
  PROTECT(string);
  make_room(x, kept);
  size_t place = place_of(kept, word);
  kept->count += kept->keys[place] == 0;
  kept->keys[place] = word;
  SET_STRING_ELT(R_altrep_data2(x), (R_xlen_t)place, string);
  UNPROTECT(1);
}

void ufor_kept_put_beside(SEXP x, SEXP string) { ufor_kept_put(x, key_beside(string), string); }

SEXP ufor_kept_get(SEXP x, uint64_t word) {
  const ufor_kept *kept = of(x);
  if (kept->keys == NULL) return NULL;
  size_t place = place_of(kept, word);
  return kept->keys[place] == word ? STRING_ELT(R_altrep_data2(x), (R_xlen_t)place) : NULL;
}
