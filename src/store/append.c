/* append.c - adding to the end of an object, or of an element of a list.
 *
 * A writer begins with a copy of the last chunk, if that is not full, and makes chunks of its own from there on. When
 * it is finished the target gets all of them at once; the last, if it is not full, stays in memory as the target's
 * tail, where the next writer finds it. A transaction that holds many tails encodes further ones at once. */
#include <stdlib.h>
#include <string.h>

#include "store/writer.h"
#include "util/checked.h"
#include "util/fail.h"

/* For all tails of a transaction. */
#define TAILS_BYTES_MAX (UINT64_C(32) << 20)

/* The writer begins where the target ends. */
static ufo_status take_last_chunk(ufo_writer *writer, ufo_error *error) {
  ufo_draft *target = writer->target;
  const ufo_record *record = &target->record;
  uint64_t bytes = ufo_record_body_bytes(record);
  writer->chunk = bytes / record->chunk_bytes;
  writer->filled = (uint32_t)(bytes % record->chunk_bytes);
  if (target->tail) {
    writer->chunk = target->tail_chunk;
    writer->filled = target->tail_filled;
  }
  return writer->filled ? ufo_draft_load(target, writer->chunk, writer->buffer, writer->filled, error) : UFO_OK;
}

ufo_status ufo_writer_open_append(ufo_txn *txn, const char *name, ufo_writer **writer_out, ufo_error *error) {
  ufo_edit edit;
  ufo_spill *spill;
  if (!writer_out) return ufo_fail(error, UFO_USAGE, "no place for the writer");
  *writer_out = NULL;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (!status) status = ufo_txn_edit_path(txn, name, &edit, error);
  if (status) return status;
  const ufo_record *record = &edit.draft->record;
  status = ufo_txn_check_elements(txn, name, record, error);
  if (!status) status = ufo_txn_get_spill(txn, &spill, error);
  ufo_writer *writer = status ? NULL : calloc(1, sizeof *writer);
  ufo_draft *draft = status ? NULL : ufo_draft_create();
  uint8_t *buffer = status ? NULL : malloc(record->chunk_bytes);
  if (!writer || !draft || !buffer) {
    free(writer);
    ufo_draft_release(draft);
    free(buffer);
    ufo_txn_unedit(txn, edit.name);
    return status ? status : ufo_fail(error, UFO_FULL, "out of memory");
  }
  draft->record = *record;
  draft->habit = edit.draft->habit;
  *writer = (ufo_writer){.txn = txn, .draft = draft, .spill = spill, .buffer = buffer};
  strcpy(writer->name, name);
  strcpy(writer->pending_name, edit.name);
  writer->target = ufo_draft_retain(edit.draft);
  writer->target->appenders++;
  writer->length = record->length;
  writer->edits = writer->target->edits;
  txn->writers++;
  status = take_last_chunk(writer, error);
  if (status) {
    ufo_writer_cancel(writer);
    return ufo_fail_prefix(error, status, "cannot change '%s' of store %s", name, txn->core->path);
  }
  *writer_out = writer;
  return UFO_OK;
}

void ufo_append_end(ufo_writer *writer) {
  writer->target->appenders--;
  ufo_draft_release(writer->target);
  writer->target = NULL;
  ufo_txn_unedit(writer->txn, writer->pending_name);
}

/* ---- finishing ------------------------------------------------------------------------------------------------- */

/* Nobody else may have changed the target, and something of the transaction still leads to it. */
static ufo_status check_target(const ufo_writer *writer, ufo_error *error) {
  const ufo_draft *target = writer->target;
  if (target->references > target->appenders && target->edits == writer->edits) return UFO_OK;
  return ufo_fail(error, UFO_USAGE,
                  "cannot append to '%s' of store %s: the transaction changed it otherwise while the writer was open",
                  writer->name, writer->txn->core->path);
}

/* The chunks, all or none. Only the first can be in the place of another one. */
static bool move_chunks(ufo_draft *from, ufo_draft *to) {
  void *old = NULL;
  uint64_t old_chunk = 0;
  size_t moved = 0;
  for (; moved < from->extents.slots; moved++) {
    void *replaced = NULL;
    if (!from->extents.values[moved]) continue;
    if (!ufo_u64map_put(&to->extents, from->extents.keys[moved], from->extents.values[moved], &replaced)) break;
    if (!replaced) continue;
    old = replaced;
    old_chunk = from->extents.keys[moved];
  }
  bool all = moved == from->extents.slots;
  for (size_t i = 0; !all && i < moved; i++) {
    if (!from->extents.values[i]) continue;
    if (old && from->extents.keys[i] == old_chunk) ufo_u64map_put(&to->extents, old_chunk, old, NULL); /* it has room */
    else ufo_u64map_take(&to->extents, from->extents.keys[i]);
  }
  if (!all) return false;
  ufo_u64map_clear(&from->extents);
  ufo_extent_release(old);
  return true;
}

static void set_tail(ufo_writer *writer) {
  ufo_draft *target = writer->target;
  ufo_draft_drop_tail(target);
  target->tail = writer->buffer;
  target->tail_chunk = writer->chunk;
  target->tail_filled = writer->filled;
  target->tail_total = &writer->txn->tail_bytes;
  *target->tail_total += target->record.chunk_bytes;
  writer->buffer = NULL;
}

ufo_status ufo_append_finish(ufo_writer *writer, uint64_t length, ufo_error *error) {
  ufo_draft *target = writer->target;
  ufo_status status = check_target(writer, error);
  if (status || length == writer->length) return status;
  bool fits = target->tail || writer->txn->tail_bytes + target->record.chunk_bytes <= TAILS_BYTES_MAX;
  bool leaves_tail = writer->filled > 0 && fits;
  if (writer->filled > 0 && !fits) status = ufo_writer_encode(writer, error);
  if (status) return status;
  if (!move_chunks(writer->draft, target)) {
    return ufo_fail(error, UFO_FULL, "cannot append to '%s': out of memory", writer->name);
  }
  if (leaves_tail) set_tail(writer);
  else ufo_draft_drop_tail(target);
  target->record.length = length;
  target->habit = writer->draft->habit;
  target->changed = true;
  target->edits++;
  return UFO_OK;
}

/* ---- in one call ----------------------------------------------------------------------------------------------- */

ufo_status ufo_txn_append(ufo_txn *txn, const char *name, const void *data, uint64_t count, ufo_error *error) {
  ufo_writer *writer;
  uint64_t bytes;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (!status && count && !data) status = ufo_fail(error, UFO_USAGE, "cannot change '%s': no data", name);
  if (!status) status = ufo_writer_open_append(txn, name, &writer, error);
  if (status) return status;
  if (ufo_mul_overflows(count, writer->target->record.element_bytes, &bytes)) {
    status = ufo_fail(error, UFO_USAGE, "cannot append %llu elements to '%s' of store %s: it gets too long",
                      (unsigned long long)count, name, txn->core->path);
  }
  if (!status && bytes) status = ufo_writer_write(writer, data, bytes, error);
  if (!status) return ufo_writer_finish(writer, error);
  ufo_writer_cancel(writer);
  return status;
}
