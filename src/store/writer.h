/* writer.h - inside of ufo_writer: bytes that come in pieces, for a new object (writer.c) or the end of one (append.c).
 */
#ifndef UFO_STORE_WRITER_H
#define UFO_STORE_WRITER_H

#include "store/transaction.h"

struct ufo_writer {
  ufo_txn *txn;
  char name[UFO_NAME_MAX + 1];
  ufo_draft *draft; /* the new object; of a writer that appends: the chunks that it adds, like those of `target` */
  ufo_spill *spill;
  uint8_t *buffer; /* one chunk */
  uint8_t *batch;  /* several; NULL until they come at once */
  uint32_t filled;
  uint64_t chunk; /* the one that is being filled */
  /* Of a writer that appends. */
  ufo_draft *target;                   /* what it adds to; NULL: a new object */
  uint64_t length, edits;              /* of the target when the writer was opened */
  char pending_name[UFO_NAME_MAX + 1]; /* that leads to the target: see ufo_edit */
};

/* Encodes what the buffer holds. */
ufo_status ufo_writer_encode(ufo_writer *writer, ufo_error *error);

/* The target gets what was written, and has `length` elements then; or an error, and it is as it was. */
ufo_status ufo_append_finish(ufo_writer *writer, uint64_t length, ufo_error *error);
/* Lets go of the target. */
void ufo_append_end(ufo_writer *writer);

#endif
