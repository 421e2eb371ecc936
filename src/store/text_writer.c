/* text_writer.c - strings that come in pieces: words and text go to a writer each. Those of a new object have names of
 * their own, which they lose at the end; those that are added to an object are elements of it already. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/text.h"
#include "store/writer.h"
#include "util/checked.h"
#include "util/fail.h"

enum { WORDS = 8192 };
/* Text is written when it is twice this long; the last half stays, to be looked for equal strings in. */
#define KEPT_BYTES (UINT64_C(4) << 20)

struct ufo_text_writer {
  ufo_txn *txn;
  char name[UFO_NAME_MAX + 1];
  ufo_text_names names; /* of a new object */
  bool appends;
  ufo_text *text;
  uint64_t written; /* of what `text` has */
  ufo_writer *word_writer, *text_writer;
  uint64_t words[WORDS];
  unsigned count;
};

ufo_text_names ufo_text_make_names(void) {
  static atomic_ullong serial;
  ufo_text_names names;
  unsigned long long number = atomic_fetch_add(&serial, 1);
  snprintf(names.words, sizeof names.words, "\001words.%ld.%llu", (long)getpid(), number);
  snprintf(names.text, sizeof names.text, "\001text.%ld.%llu", (long)getpid(), number);
  return names;
}

static void free_writer(ufo_text_writer *writer) {
  if (writer->word_writer) ufo_writer_cancel(writer->word_writer);
  if (writer->text_writer) ufo_writer_cancel(writer->text_writer);
  ufo_text_free(writer->text);
  free(writer);
}

ufo_status ufo_text_writer_open(ufo_txn *txn, const char *name, uint32_t chunk_bytes, ufo_text_writer **writer_out,
                                ufo_error *error) {
  if (!writer_out) return ufo_fail(error, UFO_USAGE, "no place for the writer");
  *writer_out = NULL;
  ufo_status status = ufo_txn_check_target(txn, name, error);
  if (status) return status;
  ufo_text_writer *writer = calloc(1, sizeof *writer);
  if (!writer) return ufo_fail(error, UFO_FULL, "out of memory");
  writer->txn = txn;
  strcpy(writer->name, name);
  writer->names = ufo_text_make_names();
  ufo_object_spec spec = {
      .struct_size = sizeof spec, .type = UFO_RECORD, .element_bytes = sizeof(uint64_t), .chunk_bytes = chunk_bytes};
  status = ufo_text_create(0, &writer->text, error);
  if (!status) status = ufo_writer_open(txn, writer->names.words, &spec, &writer->word_writer, error);
  spec.type = UFO_RAW;
  spec.element_bytes = 0;
  if (!status) status = ufo_writer_open(txn, writer->names.text, &spec, &writer->text_writer, error);
  if (status) free_writer(writer);
  else *writer_out = writer;
  return status;
}

/* ---- to the end of an object ---------------------------------------------------------------------------------------
 */

static ufo_status check_strings(ufo_txn *txn, const char *name, ufo_error *error) {
  ufo_edit edit;
  ufo_status status = ufo_txn_check_edit(txn, name, error);
  if (!status) status = ufo_txn_edit_path(txn, name, &edit, error);
  if (status) return status;
  ufo_type type = edit.draft->record.type;
  ufo_txn_unedit(txn, edit.name);
  if (type == UFO_CHARACTER) return UFO_OK;
  return ufo_fail(error, UFO_USAGE, "cannot append strings to '%s' of store %s: it is a %s object", name,
                  txn->core->path, ufo_type_name(type));
}

static ufo_status open_part(ufo_txn *txn, const char *name, int part, ufo_writer **writer_out, ufo_error *error) {
  char path[UFO_NAME_MAX + 1];
  int length = snprintf(path, sizeof path, "%s[[%d]]", name, part);
  if (length < 0 || (size_t)length >= sizeof path)
    return ufo_fail(error, UFO_USAGE, "cannot append to '%s' of store %s: its name is too long for that of an element",
                    name, txn->core->path);
  ufo_status status = ufo_writer_open_append(txn, path, writer_out, error);
  if (status || strcmp((*writer_out)->pending_name, path) != 0) return status;
  ufo_writer_cancel(*writer_out);
  *writer_out = NULL;
  return ufo_fail(error, UFO_USAGE, "cannot append to '%s' of store %s: an object of the name '%s' hides a part of it",
                  name, txn->core->path, path);
}

ufo_status ufo_text_writer_open_append(ufo_txn *txn, const char *name, ufo_text_writer **writer_out, ufo_error *error) {
  if (!writer_out) return ufo_fail(error, UFO_USAGE, "no place for the writer");
  *writer_out = NULL;
  ufo_status status = check_strings(txn, name, error);
  if (status) return status;
  ufo_text_writer *writer = calloc(1, sizeof *writer);
  if (!writer) return ufo_fail(error, UFO_FULL, "out of memory");
  writer->txn = txn;
  writer->appends = true;
  strcpy(writer->name, name);
  status = open_part(txn, name, 1, &writer->word_writer, error);
  if (!status) status = open_part(txn, name, 2, &writer->text_writer, error);
  if (!status) status = ufo_text_create(writer->text_writer->length, &writer->text, error);
  if (status) free_writer(writer);
  else *writer_out = writer;
  return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static ufo_status write_words(ufo_text_writer *writer, ufo_error *error) {
  unsigned count = writer->count;
  writer->count = 0;
  return ufo_writer_write(writer->word_writer, writer->words, count * sizeof(uint64_t), error);
}

static ufo_status write_text(ufo_text_writer *writer, ufo_error *error) {
  uint64_t used;
  const char *bytes = ufo_text_bytes(writer->text, &used);
  ufo_status status = used > writer->written ? ufo_writer_write(writer->text_writer, bytes + writer->written,
                                                                used - writer->written, error)
                                             : UFO_OK;
  if (status) return status;
  writer->written = used;
  if (used <= KEPT_BYTES) return UFO_OK;
  ufo_text_drop(writer->text, used - KEPT_BYTES);
  writer->written = KEPT_BYTES;
  return UFO_OK;
}

ufo_status ufo_text_writer_write(ufo_text_writer *writer, const ufo_string *strings, uint64_t count, ufo_error *error) {
  if (!writer || (count && !strings)) return ufo_fail(error, UFO_USAGE, "nothing to write, or nothing to write to");
  ufo_status status = UFO_OK;
  for (uint64_t i = 0; i < count && !status; i++) {
    uint64_t used;
    status = ufo_text_add(writer->text, &strings[i], &writer->words[writer->count], error);
    if (status) return ufo_fail_prefix(error, status, "cannot write '%s'", writer->name);
    if (++writer->count == WORDS) status = write_words(writer, error);
    ufo_text_bytes(writer->text, &used);
    if (!status && used >= 2 * KEPT_BYTES) status = write_text(writer, error);
  }
  return status;
}

uint64_t ufo_text_writer_bytes(const ufo_text_writer *writer) { return ufo_text_end(writer->text); }

static ufo_status finish(ufo_text_writer *writer, ufo_error *error) {
  ufo_status status = ufo_txn_check(writer->txn, error);
  if (!status) status = write_words(writer, error);
  if (!status) status = write_text(writer, error);
  if (status) return status;
  ufo_writer *words = writer->word_writer, *text = writer->text_writer;
  writer->word_writer = writer->text_writer = NULL; /* freed in every case */
  status = ufo_writer_finish(text, error);          /* first: text without words does no harm */
  if (status) ufo_writer_cancel(words);
  else status = ufo_writer_finish(words, error);
  if (!status && !writer->appends)
    status = ufo_txn_put_text(writer->txn, writer->name, writer->names.words, writer->names.text, error);
  return status;
}

static void remove_pending(ufo_txn *txn, const char *name) {
  if (ufo_txn_find(txn, name)) (void)!ufo_txn_remove(txn, name, NULL);
}

void ufo_text_forget(ufo_txn *txn, const ufo_text_names *names) {
  if (ufo_txn_check(txn, NULL)) return;
  remove_pending(txn, names->words);
  remove_pending(txn, names->text);
}

ufo_status ufo_text_writer_finish(ufo_text_writer *writer, ufo_error *error) {
  if (!writer) return ufo_fail(error, UFO_USAGE, "no writer was given");
  ufo_status status = finish(writer, error);
  if (status && !writer->appends) ufo_text_forget(writer->txn, &writer->names);
  free_writer(writer);
  return status;
}

void ufo_text_writer_cancel(ufo_text_writer *writer) {
  if (writer) free_writer(writer);
}
