/* init.c - registers what R code calls; nothing else is visible. */
#include "altrep.h"
#include "append.h"
#include "capi.h"
#include "csv.h"
#include "cumulate.h"
#include "get.h"
#include "info.h"
#include "lazy.h"
#include "memory.h"
#include "merge.h"
#include "plain.h"
#include "put.h"
#include "scratch.h"
#include "sent.h"
#include "snapshot.h"
#include "store.h"
#include "verify.h"
#include "view.h"
#include "words.h"

#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

#define ENTRY(name, arguments)                                                                                         \
  { #name, (DL_FUNC)(void (*)(void))name, arguments }

static const R_CallMethodDef entries[] = {
    ENTRY(ufor_append, 5),
    ENTRY(ufor_append_shape, 2),
    ENTRY(ufor_csv_import, 6),
    ENTRY(ufor_csv_text, 4),
    ENTRY(ufor_cumulate, 3),
    ENTRY(ufor_gather, 4),
    ENTRY(ufor_get, 5),
    ENTRY(ufor_info, 3),
    ENTRY(ufor_is_view, 1),
    ENTRY(ufor_lazy, 2),
    ENTRY(ufor_materialize, 1),
    ENTRY(ufor_memory_budget, 1),
    ENTRY(ufor_memory_least, 0),
    ENTRY(ufor_memory_stats, 0),
    ENTRY(ufor_merge, 6),
    ENTRY(ufor_own, 1),
    ENTRY(ufor_piece, 3),
    ENTRY(ufor_piece_na, 3),
    ENTRY(ufor_piece_write, 4),
    ENTRY(ufor_plain_offered, 0),
    ENTRY(ufor_put, 5),
    ENTRY(ufor_scratch, 3),
    ENTRY(ufor_select, 2),
    ENTRY(ufor_snapshot_create, 2),
    ENTRY(ufor_snapshot_remove, 2),
    ENTRY(ufor_snapshots, 1),
    ENTRY(ufor_statistics, 1),
    ENTRY(ufor_store_begin, 1),
    ENTRY(ufor_store_close, 1),
    ENTRY(ufor_store_commit, 1),
    ENTRY(ufor_store_compact, 2),
    ENTRY(ufor_store_create, 5),
    ENTRY(ufor_store_names, 1),
    ENTRY(ufor_store_open, 4),
    ENTRY(ufor_store_path, 1),
    ENTRY(ufor_store_remove, 2),
    ENTRY(ufor_store_rollback, 1),
    ENTRY(ufor_store_snapshot, 1),
    ENTRY(ufor_store_spoil, 1),
    ENTRY(ufor_store_state, 1),
    ENTRY(ufor_verify, 2),
    ENTRY(ufor_salvage, 3),
    ENTRY(ufor_versions, 2),
    ENTRY(ufor_words, 2),
    ENTRY(ufor_words_any_na, 1),
    ENTRY(ufor_words_beside, 3),
    ENTRY(ufor_words_take, 4),
    {NULL, NULL, 0},
};

void attribute_visible R_init_ufostore(DllInfo *dll) {
  R_registerRoutines(dll, NULL, entries, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
  ufor_altrep_init(dll);
  ufor_sent_init(dll);
  ufor_capi_init();
}
