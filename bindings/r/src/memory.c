/* memory.c - the pool of the process and its figures. */
#include "memory.h"

#include "condition.h"
#include "fault.h"
#include "view.h"

#include <R_ext/Memory.h>
#include <unistd.h>

/* A collection is forced when this many more views are alive than after the last one, at least. */
#define VIEWS_BETWEEN_COLLECTIONS 1000
/* ... or when this much was spilled since, or the budget if that is more. */
#define SPILL_BETWEEN_COLLECTIONS (UINT64_C(256) << 20)

/* Of the budget, a quarter but no more than this is not for contents: compression, staging and R's garbage between two
 * collections take it. */
#define WORKING_BYTES_MAX (UINT64_C(64) << 20)

/* As size_max in R/size.R. */
#define BYTES_MAX 0x1p62

static ufo_pool *the_pool;
static uint64_t the_budget; /* as asked for; the pool has the part of it that is for contents */
static uint64_t views_alive, views_after_collection;
static uint64_t spilled_after_collection;

static ufo_pool_stats pool_stats(void) {
  ufo_pool_stats stats = {.struct_size = sizeof stats};
  ufo_pool_get_stats(the_pool, &stats);
  return stats;
}

/* Of a number that R code has checked; 0 for what is no number of bytes. */
static uint64_t as_bytes(SEXP number) {
  double bytes = Rf_asReal(number);
  return bytes >= 1 && bytes <= BYTES_MAX ? (uint64_t)bytes : 0;
}

/* What the option or the environment asks for, in bytes; 0 for the default. */
static uint64_t configured_budget(void) {
  SEXP call = PROTECT(Rf_lang1(Rf_install("configured_memory")));
  uint64_t bytes = as_bytes(Rf_eval(call, ufor_namespace()));
  UNPROTECT(1);
  return bytes;
}

static uint64_t for_contents(uint64_t budget_bytes) {
  uint64_t working = budget_bytes / 4;
  return budget_bytes - (working < WORKING_BYTES_MAX ? working : WORKING_BYTES_MAX);
}

/* The least budget whose part for contents holds two chunks, as the library demands, in whole KiB. The largest chunk
 * has 16 MiB, so what is not for contents is a quarter here. */
SEXP ufor_memory_least(void) {
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t pages = (ufor_view_largest_chunk() + page - 1) / page;
  uint64_t least = (2 * (pages > 0 ? pages : 1) * page * 4 + 2) / 3;
  return Rf_ScalarReal((double)((least + 1023) / 1024 * 1024));
}

static void set_budget(uint64_t budget_bytes) {
  ufo_error error;
  if (ufo_pool_set_budget(the_pool, for_contents(budget_bytes), &error) != UFO_OK) ufor_raise(&error, NULL, NULL);
  the_budget = budget_bytes;
}

static void make_pool(uint64_t budget_bytes) {
  ufo_error error;
  if (ufo_pool_create(NULL, &the_pool, &error) != UFO_OK) ufor_raise(&error, NULL, NULL);
  /* The library's own default is half of the machine; R needs room for its own vectors beside ours. */
  the_budget = pool_stats().budget_bytes / 2;
  ufor_fault_install();
  set_budget(budget_bytes ? budget_bytes : the_budget);
}

ufo_pool *ufor_pool(void) {
  if (the_pool == NULL) make_pool(configured_budget());
  return the_pool;
}

void ufor_memory_view_opened(void) { views_alive++; }
void ufor_memory_view_released(void) { views_alive--; }

void ufor_memory_collect(void) {
  R_gc();
  views_after_collection = views_alive;
  spilled_after_collection = pool_stats().writeback_bytes;
}

void ufor_memory_relieve(void) {
  if (the_pool == NULL) return;
  ufo_pool_stats stats = pool_stats();
  uint64_t spill_limit =
      stats.budget_bytes > SPILL_BETWEEN_COLLECTIONS ? stats.budget_bytes : SPILL_BETWEEN_COLLECTIONS;
  if (views_alive < 2 * views_after_collection + VIEWS_BETWEEN_COLLECTIONS &&
      stats.writeback_bytes - spilled_after_collection < spill_limit)
    return;
  ufor_memory_collect();
}

SEXP ufor_memory_budget(SEXP bytes) {
  uint64_t wanted = bytes == R_NilValue ? 0 : as_bytes(bytes);
  ufor_pool();
  SEXP before = PROTECT(Rf_ScalarReal((double)the_budget));
  if (wanted > 0) set_budget(wanted);
  UNPROTECT(1);
  return before;
}

SEXP ufor_memory_stats(void) {
  ufor_pool();
  ufo_pool_stats stats = pool_stats();
  const struct {
    const char *name;
    uint64_t value;
  } figures[] = {
      {"budget", the_budget},
      {"resident", stats.resident_bytes},
      {"resident_peak", stats.resident_bytes_peak},
      {"dirty", stats.dirty_bytes},
      {"pinned", stats.pinned_bytes},
      {"staged", stats.writeback_bytes},
      {"scratch", stats.scratch_bytes},
      {"views", views_alive},
      {"faults", stats.faults},
      {"write_faults", stats.write_faults},
      {"fills", stats.fills},
      {"filled", stats.fill_bytes},
      {"fill_failures", stats.fill_failures},
      {"read_ahead_hits", 0},
      {"evictions", stats.evictions_clean + stats.evictions_dirty},
      {"evictions_clean", stats.evictions_clean},
      {"evictions_dirty", stats.evictions_dirty},
      {"waits", stats.waits},
      {"threads", stats.threads},
      {"broken", stats.broken},
  };
  const R_xlen_t count = (R_xlen_t)(sizeof figures / sizeof figures[0]);
  SEXP result = PROTECT(Rf_allocVector(VECSXP, count));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, count));
  for (R_xlen_t i = 0; i < count; i++) {
    SET_VECTOR_ELT(result, i, Rf_ScalarReal((double)figures[i].value));
    SET_STRING_ELT(names, i, Rf_mkChar(figures[i].name));
  }
  Rf_setAttrib(result, R_NamesSymbol, names);
  UNPROTECT(2);
  return result;
}
