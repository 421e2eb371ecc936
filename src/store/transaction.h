/* transaction.h - inside of ufo_txn: pending names and the drafts of objects that a commit will write.
 *
 *   ufo_txn --names--> ufo_pending {name, what it held at the first edit} --> ufo_draft --extents--> ufo_extent
 *                                                                               |--base--> ufo_object (pinned)
 *                                                                               '--children--> ufo_draft, of a list
 *
 * A draft continues an object (`origin`: the commit makes its next version) or is a new one. Chunks that its extents do
 * not replace come from `base`, or are zero. A list is put anew, with a draft for each child; or it is continued, with
 * drafts of those children alone that were edited (element.c). One thread at a time uses all this.
 *
 * What was appended last, less than a chunk, waits as it is in the draft's tail: else each of many small appends would
 * encode the chunk again. Whoever is to see a draft's extents settles the transaction first. */
#ifndef UFO_STORE_TRANSACTION_H
#define UFO_STORE_TRANSACTION_H

#include "store/handle.h"
#include "store/spill.h"
#include "store/store.h"

struct ufo_draft {
  unsigned references;
  uint64_t serial;    /* unlike that of all other drafts, but for those that carry on from this one */
  ufo_record record;  /* type and sizes as they will be */
  uint64_t origin_id; /* 0: a new object */
  ufo_object *base;   /* NULL: chunks without an extent are zero */
  bool changed;       /* content or attributes differ from the origin's */
  bool is_put;        /* made by ufo_txn_put_extents: `policy` holds, and it may continue a child of a list */
  ufo_put_policy policy;
  ufo_u64map extents; /* chunk -> ufo_extent, each retained */
  ufo_codec_habit habit;
  uint8_t *tail; /* the last chunk, not encoded yet, in a buffer of chunk_bytes; NULL: it is an extent or in `base` */
  uint64_t tail_chunk;
  uint32_t tail_filled;
  uint64_t *tail_total; /* the transaction's tail_bytes, while there is a tail */
  uint64_t edits;       /* of elements, so far: for those who append in pieces */
  unsigned appenders;   /* writers that hold a reference to it */
  bool attributes_set;  /* else: those of the origin, or none */
  uint8_t *attributes;
  size_t attributes_bytes;
  uint64_t attribute_count;
  ufo_draft **children; /* of a list; NULL with `base`, all or one: the base's child */
  uint64_t child_count;
  unsigned depth; /* of a list that was put: as ufo_lookup_depth; 0: not known */
  ufo_put *puts;  /* to be told the end */
  struct {        /* what a commit in progress decided */
    uint64_t id, version;
    bool continues, untouched;
    uint64_t from_version; /* the one that it continues */
    ufo_record record;     /* of that one at first, then of the new one */
    ufo_pin *pin;
    ufo_object *object; /* for `puts` */
  } commit;
};

typedef struct ufo_pending {
  char *name;
  uint64_t base_id, base_version; /* what the name held at its first edit; 0: nothing */
  ufo_draft *draft;               /* NULL: see `removed` */
  uint64_t current_id;            /* what the commit in progress found under the name */
  bool removed;                   /* or moved away; else, without a draft, no edit of it succeeded: nothing pends */
} ufo_pending;

struct ufo_txn {
  ufo_store *store;
  ufo_core *core;
  ufo_txn *previous, *next; /* of the store's open transactions; under the store's lock */
  bool ended;               /* by ufo_store_close */
  unsigned writers;
  ufo_spill *spill;      /* made on demand */
  uint64_t tail_bytes;   /* that the tails of drafts take */
  ufo_pending **pending; /* sorted by name */
  size_t pending_count, pending_capacity;
};

ufo_store *ufo_txn_store(const ufo_txn *txn);
ufo_status ufo_txn_check(const ufo_txn *txn, ufo_error *error); /* UFO_USAGE: its store was closed */
ufo_spill **ufo_txn_spill_slot(ufo_txn *txn);
ufo_status ufo_txn_get_spill(ufo_txn *txn, ufo_spill **spill_out, ufo_error *error); /* borrowed */
void ufo_txn_abort_all(ufo_store *store);
/* Frees the transaction; its drafts were dealt with. */
void ufo_txn_free(ufo_txn *txn);

/* The pending state of a name, or NULL if the transaction did not change it. */
ufo_pending *ufo_txn_find(const ufo_txn *txn, const char *name);
/* The first changed name that sorts after `name`. */
ufo_pending *ufo_txn_find_after(const ufo_txn *txn, const char *name);
/* The same, made if needed, with what the name holds now as its base. */
ufo_status ufo_txn_touch(ufo_txn *txn, const char *name, ufo_pending **pending_out, ufo_error *error);
/* Makes `draft` (a reference is taken over; NULL: none) what the name holds. What it held is forgotten. */
void ufo_pending_set(ufo_pending *pending, ufo_draft *draft);
/* Makes the name hold nothing. */
void ufo_pending_remove(ufo_pending *pending);
/* Forgets an entry whose name held nothing before and holds nothing now, or of which no edit succeeded. */
void ufo_txn_tidy(ufo_txn *txn, ufo_pending *pending);

ufo_draft *ufo_draft_create(void); /* NULL: out of memory */
ufo_draft *ufo_draft_retain(ufo_draft *draft);
/* With the last reference, tells `puts` that nothing came of it. */
void ufo_draft_release(ufo_draft *draft);
/* Puts an extent (a reference is taken over) in the draft. False: out of memory, and the reference stays. */
bool ufo_draft_set_extent(ufo_draft *draft, uint64_t chunk, ufo_extent *extent);
/* The chunk's content as the draft has it, `bytes` bytes, zeros behind what there is. */
ufo_status ufo_draft_load(ufo_draft *draft, uint64_t chunk, uint8_t *target, uint32_t bytes, ufo_error *error);
/* A draft that continues the committed object that was opened (the reference is taken over in every case). */
ufo_status ufo_draft_continue(ufo_object *base, ufo_draft **draft_out, ufo_error *error);
/* The draft of a name for an edit in place: the pending one, or one that continues what is committed. UFO_MISSING. */
ufo_status ufo_txn_edit(ufo_txn *txn, const char *name, ufo_draft **draft_out, ufo_error *error);

/* Encodes the draft's tail, if it has one. */
ufo_status ufo_draft_settle(ufo_txn *txn, ufo_draft *draft, ufo_error *error);
/* The same for all drafts. Not inside of a transaction of the engine. */
ufo_status ufo_txn_settle(ufo_txn *txn, ufo_error *error);
void ufo_draft_drop_tail(ufo_draft *draft);
/* Is the draft a list that was put as a whole? Else its children, as far as they are not NULL, are edits. */
bool ufo_draft_is_put_list(const ufo_draft *draft);

/* ---- edits in place, of elements of lists too: element.c ---- */

typedef struct ufo_edit {
  ufo_draft *draft;
  char name[UFO_NAME_MAX + 1]; /* the pending one that leads to it: the object's own, or that of the outermost list */
} ufo_edit;

/* As ufo_txn_edit, and if there is no object of that name, of the element that the path means. After an error nothing
 * pends that did not before. UFO_CONFLICT: the list was edited before, and another commit has changed it since. */
ufo_status ufo_txn_edit_path(ufo_txn *txn, const char *path, ufo_edit *edit, ufo_error *error);
/* After an edit that failed: if nothing is changed under the name, the transaction forgets that it was to be. Else the
 * commit would find conflicts over a name that the transaction does not change. */
void ufo_txn_unedit(ufo_txn *txn, const char *name);

/* put.c */
void ufo_puts_end(ufo_put *puts, ufo_object *committed); /* takes over the list, and the reference if not NULL */

/* Checks an edit: transaction and name. */
ufo_status ufo_txn_check_edit(const ufo_txn *txn, const char *name, ufo_error *error);
/* The same for an edit that may make a new object: UFO_USAGE if its name would hide an element of a list. */
ufo_status ufo_txn_check_target(ufo_txn *txn, const char *name, ufo_error *error);
/* Does an object of this record have elements that can be edited one by one? UFO_USAGE. */
ufo_status ufo_txn_check_elements(const ufo_txn *txn, const char *name, const ufo_record *record, ufo_error *error);

#endif
