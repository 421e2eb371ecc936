/* store.h - the handle of an open store, as R holds it.
 *
 * LIFE CYCLE OF THE EXTERNAL POINTERS OF THIS PACKAGE
 *
 *   pointer | made by               | address           | protects        | ends
 *   --------|-----------------------|-------------------|-----------------|------------------------------------------
 *   store   | ufor_store_open       | ufor_store *      | which store it  | ufor_store_close, the garbage collector or
 *           |                       |                   | is (sent.h)     | the end of the session: a transaction is
 *           |                       |                   |                 | rolled back, the address becomes NULL
 *   view    | ufor_view_shell, as   | ufor_view *       | the store's path| the garbage collector or the end of the
 *           | data1 of an ALTREP    | (view.h)          |                 | session; never NULL while its vector lives.
 *           |                       |                   |                 | NULL at once if the vector is a plain one,
 *           |                       |                   |                 | whose view ends with it (plain.h)
 *
 * A view keeps what it needs of its store, so the two may end in any order. Finalizers run in the middle of other work
 * of R: they release, and never touch the memory of a view. The pointer of a store that was saved and loaded again has
 * no address, and is opened for reading when it is used; once it was closed, it stays so, as its tag is NULL then. */
#ifndef UFOR_STORE_H
#define UFOR_STORE_H

#include "r.h"

typedef struct ufor_store {
  ufo_store *store;
  SEXP path;       /* a string in UTF-8, protected through the external pointer */
  ufo_txn *txn;    /* the transaction of ufo_begin(), or NULL */
  int at_snapshot; /* it reads one */
  int is_sent;     /* it came from another session, and reads only */
  int txn_broken;  /* an edit was carried out in part: the transaction can only be rolled back */
} ufor_store;

/* The store of an external pointer, which is opened if it came from another session; raises ufo_usage_error if it is
 * closed. */
ufor_store *ufor_store_from(SEXP pointer);

/* The transaction that an edit of `name` is part of: the user's, or else one of the edit's own, which *is_own tells.
 * Raises an error if there is none to be had. */
ufo_txn *ufor_store_begin_edit(const ufor_store *handle, const char *name, int *is_own);
/* The edit is complete: commits what is its own, and then *txn is NULL. */
ufo_status ufor_store_end_edit(ufo_txn **txn, int is_own, ufo_error *error);

/* Raises the error of a look for object `name` at `version` (0: the current one). */
_Noreturn void ufor_store_raise(const ufor_store *handle, const ufo_error *error, const char *name, uint64_t version);

/* UTF-8 of a character vector of length one that R code has checked. Valid while `name` is protected. */
const char *ufor_name(SEXP name);

/* .Call entry points. */
SEXP ufor_store_open(SEXP path, SEXP mode, SEXP snapshot, SEXP preflight); /* a label, or NULL */
SEXP ufor_store_close(SEXP pointer);
SEXP ufor_store_state(SEXP pointer);    /* "closed", "read-only", "read-write" or "transaction" */
SEXP ufor_store_path(SEXP pointer);     /* also of a closed one */
SEXP ufor_store_snapshot(SEXP pointer); /* the label of the one it is open at, or NULL; also of a closed one */
SEXP ufor_store_names(SEXP pointer);
SEXP ufor_store_begin(SEXP pointer);
SEXP ufor_store_commit(SEXP pointer);
SEXP ufor_store_rollback(SEXP pointer);
SEXP ufor_store_spoil(SEXP pointer); /* the transaction of ufo_begin() can only be rolled back from here on */
SEXP ufor_store_create(SEXP pointer, SEXP name, SEXP type, SEXP length, SEXP chunk);
SEXP ufor_store_remove(SEXP pointer, SEXP name);
SEXP ufor_store_compact(SEXP pointer, SEXP path);

#endif
