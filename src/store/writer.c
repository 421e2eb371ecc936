/* writer.c - new objects from bytes that come in pieces.
 *
 * The caller's bytes may be managed memory, whose faults may need the evictor, which may need the store. So they are
 * copied into a private buffer, with no lock held, and encoded from there: one chunk, or as many as come at once, up to
 * BATCH_BYTES. The calling thread copies all of them itself, since a touch that fails is its own matter (ufo_guarded).
 */
#include <stdlib.h>
#include <string.h>

#include "store/writer.h"
#include "util/checked.h"
#include "util/fail.h"

enum { BATCH_BYTES = 2 * 1024 * 1024, BATCH_CHUNKS_MAX = BATCH_BYTES / UFO_CHUNK_BYTES_MIN };

static ufo_status check_spec(const ufo_txn *txn, const ufo_object_spec *spec, ufo_record *record, ufo_error *error) {
  if (!spec || spec->struct_size != sizeof *spec) {
    return ufo_fail(error, UFO_USAGE, "struct_size of ufo_object_spec must be %zu", sizeof *spec);
  }
  if (!ufo_type_name(spec->type) || ufo_has_children(spec->type)) {
    return ufo_fail(error, UFO_USAGE, "cannot make an object of type number %d", (int)spec->type);
  }
  uint32_t width = spec->type == UFO_RECORD ? spec->element_bytes : ufo_type_bytes(spec->type);
  if (spec->type == UFO_RECORD && (width < 1 || width > UFO_RECORD_BYTES_MAX)) {
    return ufo_fail(error, UFO_USAGE, "a record has 1 to %d bytes, not %u", UFO_RECORD_BYTES_MAX, width);
  }
  if (spec->element_bytes && spec->element_bytes != width) {
    return ufo_fail(error, UFO_USAGE, "an element of type %s has %u bytes, not %u", ufo_type_name(spec->type), width,
                    spec->element_bytes);
  }
  uint32_t chunk = spec->chunk_bytes ? spec->chunk_bytes : txn->core->superblock.default_chunk_bytes;
  if (!ufo_is_power_of_two(chunk) || chunk < UFO_CHUNK_BYTES_MIN || chunk > UFO_CHUNK_BYTES_MAX) {
    return ufo_fail(error, UFO_USAGE, "a chunk of %u bytes: it must be a power of two from %d to %d", chunk,
                    UFO_CHUNK_BYTES_MIN, UFO_CHUNK_BYTES_MAX);
  }
  uint64_t bytes;
  if (spec->length > UFO_LENGTH_MAX || ufo_mul_overflows(spec->length, width, &bytes) || bytes > INT64_MAX) {
    return ufo_fail(error, UFO_USAGE, "a length of %llu elements is too large", (unsigned long long)spec->length);
  }
  *record = (ufo_record){.type = spec->type, .element_bytes = width, .chunk_bytes = chunk, .length = spec->length};
  return UFO_OK;
}

static ufo_status set_pending(ufo_txn *txn, const char *name, ufo_draft *draft, ufo_error *error) {
  ufo_pending *pending;
  ufo_status status = ufo_txn_touch(txn, name, &pending, error);
  if (status) ufo_draft_release(draft);
  else ufo_pending_set(pending, draft);
  return status;
}

/* A list of two vectors: a word for each string, and no text yet. Words of zero are empty strings. */
static ufo_status create_text(ufo_txn *txn, const char *name, const ufo_object_spec *spec, ufo_error *error) {
  ufo_object_spec parts[UFO_TEXT_PARTS] = {*spec, *spec};
  parts[UFO_TEXT_WORDS].type = UFO_RECORD;
  parts[UFO_TEXT_WORDS].element_bytes = sizeof(uint64_t);
  parts[UFO_TEXT_BYTES].type = UFO_RAW;
  parts[UFO_TEXT_BYTES].length = 0;
  ufo_draft *draft = ufo_draft_create();
  ufo_status status = ufo_fail(error, UFO_FULL, "out of memory");
  if (!draft || !(draft->children = calloc(UFO_TEXT_PARTS, sizeof(ufo_draft *)))) goto failed;
  draft->record = (ufo_record){.type = UFO_CHARACTER, .length = UFO_TEXT_PARTS};
  for (int i = 0; i < UFO_TEXT_PARTS; i++) {
    ufo_draft *part = draft->children[i] = ufo_draft_create();
    if (!part) goto failed;
    draft->child_count++;
    status = check_spec(txn, &parts[i], &part->record, error);
    if (status) goto failed;
  }
  draft->depth = 1;
  return set_pending(txn, name, draft, error);
failed:
  ufo_draft_release(draft);
  return status;
}

ufo_status ufo_txn_create(ufo_txn *txn, const char *name, const ufo_object_spec *spec, ufo_error *error) {
  ufo_record record;
  ufo_status status = ufo_txn_check_target(txn, name, error);
  if (!status && spec && spec->struct_size == sizeof *spec && spec->type == UFO_CHARACTER)
    return create_text(txn, name, spec, error);
  if (!status) status = check_spec(txn, spec, &record, error);
  if (status) return status;
  ufo_draft *draft = ufo_draft_create();
  if (!draft) return ufo_fail(error, UFO_FULL, "out of memory");
  draft->record = record;
  return set_pending(txn, name, draft, error);
}

ufo_status ufo_writer_open(ufo_txn *txn, const char *name, const ufo_object_spec *spec, ufo_writer **writer_out,
                           ufo_error *error) {
  if (!writer_out) return ufo_fail(error, UFO_USAGE, "no place for the writer");
  *writer_out = NULL;
  ufo_object_spec unknown_length;
  ufo_record record;
  ufo_spill *spill;
  ufo_status status = ufo_txn_check_target(txn, name, error);
  if (!status && spec && spec->struct_size == sizeof *spec) {
    unknown_length = *spec;
    unknown_length.length = 0;
    spec = &unknown_length;
  }
  if (!status) status = check_spec(txn, spec, &record, error);
  if (!status) status = ufo_txn_get_spill(txn, &spill, error);
  if (status) return status;
  ufo_writer *writer = calloc(1, sizeof *writer);
  ufo_draft *draft = ufo_draft_create();
  uint8_t *buffer = malloc(record.chunk_bytes);
  if (!writer || !draft || !buffer) {
    free(writer);
    ufo_draft_release(draft);
    free(buffer);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  draft->record = record;
  writer->txn = txn;
  strcpy(writer->name, name);
  writer->draft = draft;
  writer->spill = spill;
  writer->buffer = buffer;
  txn->writers++;
  *writer_out = writer;
  return UFO_OK;
}

ufo_status ufo_writer_encode(ufo_writer *writer, ufo_error *error) {
  const ufo_record *record = &writer->draft->record;
  ufo_extent *extent;
  ufo_status status = ufo_extent_create(writer->spill, record->type, record->element_bytes, writer->buffer,
                                        writer->filled, &writer->draft->habit, &extent, error);
  if (!status && !ufo_draft_set_extent(writer->draft, writer->chunk, extent)) {
    ufo_extent_release(extent);
    status = ufo_fail(error, UFO_FULL, "out of memory");
  }
  if (status) return ufo_fail_prefix(error, status, "cannot write '%s'", writer->name);
  writer->chunk++;
  writer->filled = 0;
  return UFO_OK;
}

static ufo_status encode_batch(ufo_writer *writer, const uint8_t *at, unsigned count, ufo_error *error) {
  const ufo_record *record = &writer->draft->record;
  ufo_extent *extents[BATCH_CHUNKS_MAX];
  memcpy(writer->batch, at, (size_t)count * record->chunk_bytes);
  ufo_status status = ufo_extents_create(writer->spill, record->type, record->element_bytes, writer->batch,
                                         record->chunk_bytes, count, &writer->draft->habit, extents, error);
  if (status) return ufo_fail_prefix(error, status, "cannot write '%s'", writer->name);
  for (unsigned i = 0; i < count; i++) {
    if (!status && ufo_draft_set_extent(writer->draft, writer->chunk, extents[i])) {
      writer->chunk++;
      continue;
    }
    ufo_extent_release(extents[i]);
    if (!status) status = ufo_fail(error, UFO_FULL, "cannot write '%s': out of memory", writer->name);
  }
  return status;
}

/* How many chunks of what comes are to be encoded at once; 0: none, one by one. At least a byte is left for later. */
static unsigned batch_count(ufo_writer *writer, uint64_t bytes) {
  enum { FEWEST = 4 };
  uint32_t chunk_bytes = writer->draft->record.chunk_bytes;
  uint64_t count = ufo_min((bytes - 1) / chunk_bytes, BATCH_BYTES / chunk_bytes);
  if (writer->filled > 0 || count < FEWEST) return 0;
  if (!writer->batch) writer->batch = malloc(BATCH_BYTES);
  return writer->batch ? (unsigned)count : 0;
}

/* A full chunk is encoded when the next byte comes. */
static ufo_status take_bytes(ufo_writer *writer, const uint8_t *at, uint64_t bytes, ufo_error *error) {
  uint32_t chunk_bytes = writer->draft->record.chunk_bytes;
  while (bytes > 0) {
    ufo_status status = writer->filled == chunk_bytes ? ufo_writer_encode(writer, error) : UFO_OK;
    if (status) return status;
    unsigned many = batch_count(writer, bytes);
    if (many > 0) {
      status = encode_batch(writer, at, many, error);
      if (status) return status;
      at += (uint64_t)many * chunk_bytes;
      bytes -= (uint64_t)many * chunk_bytes;
      continue;
    }
    uint32_t count = (uint32_t)ufo_min(bytes, chunk_bytes - writer->filled);
    memcpy(writer->buffer + writer->filled, at, count);
    writer->filled += count;
    at += count;
    bytes -= count;
  }
  return UFO_OK;
}

/* Back to a chunk of which `filled` bytes were there: what the call added is forgotten. */
static void step_back(ufo_writer *writer, uint64_t chunk, uint32_t filled, const uint8_t *start) {
  for (uint64_t added = chunk; added < writer->chunk; added++) {
    ufo_extent_release(ufo_u64map_take(&writer->draft->extents, added));
  }
  writer->chunk = chunk;
  writer->filled = filled;
  if (start) memcpy(writer->buffer, start, filled);
}

ufo_status ufo_writer_write(ufo_writer *writer, const void *data, uint64_t bytes, ufo_error *error) {
  if (!writer || (bytes && !data)) return ufo_fail(error, UFO_USAGE, "nothing to write, or nothing to write to");
  ufo_status status = ufo_txn_check(writer->txn, error);
  if (status) return status;
  const ufo_record *record = &writer->draft->record;
  uint64_t total, chunk = writer->chunk, before = chunk * record->chunk_bytes + writer->filled;
  if (ufo_add_overflows(before, bytes, &total) || total / record->element_bytes > UFO_LENGTH_MAX) {
    return ufo_fail(error, UFO_USAGE, "cannot write '%s': it gets too long", writer->name);
  }
  uint32_t filled = writer->filled;
  uint8_t *start = NULL; /* of the chunk in the buffer, if the buffer will be needed for the next */
  if (filled && bytes > record->chunk_bytes - filled) {
    start = malloc(filled);
    if (!start) return ufo_fail(error, UFO_FULL, "cannot write '%s': out of memory", writer->name);
    memcpy(start, writer->buffer, filled);
  }
  status = take_bytes(writer, data, bytes, error);
  if (status) step_back(writer, chunk, filled, start);
  free(start);
  return status;
}

static void free_writer(ufo_writer *writer) {
  writer->txn->writers--;
  if (writer->target) ufo_append_end(writer);
  ufo_draft_release(writer->draft);
  free(writer->buffer);
  free(writer->batch);
  free(writer);
}

ufo_status ufo_writer_finish(ufo_writer *writer, ufo_error *error) {
  if (!writer) return ufo_fail(error, UFO_USAGE, "no writer was given");
  ufo_record *record = &writer->draft->record;
  uint64_t bytes = writer->chunk * record->chunk_bytes + writer->filled;
  ufo_status status = ufo_txn_check(writer->txn, error);
  if (!status && bytes % record->element_bytes) {
    status = ufo_fail(error, UFO_USAGE, "cannot write '%s': %llu bytes are not whole elements of %u", writer->name,
                      (unsigned long long)bytes, record->element_bytes);
  }
  if (!status && writer->target) {
    status = ufo_append_finish(writer, bytes / record->element_bytes, error);
    free_writer(writer);
    return status;
  }
  if (!status && writer->filled) status = ufo_writer_encode(writer, error);
  if (!status) {
    record->length = bytes / record->element_bytes;
    status = set_pending(writer->txn, writer->name, ufo_draft_retain(writer->draft), error);
  }
  free_writer(writer);
  return status;
}

void ufo_writer_cancel(ufo_writer *writer) {
  if (writer) free_writer(writer);
}

ufo_status ufo_txn_put(ufo_txn *txn, const char *name, const ufo_object_spec *spec, const void *data,
                       ufo_error *error) {
  ufo_record record;
  ufo_writer *writer;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (!status) status = check_spec(txn, spec, &record, error);
  if (!status) status = ufo_writer_open(txn, name, spec, &writer, error);
  if (status) return status;
  status = ufo_writer_write(writer, data, ufo_record_body_bytes(&record), error);
  if (!status) return ufo_writer_finish(writer, error);
  ufo_writer_cancel(writer);
  return status;
}
