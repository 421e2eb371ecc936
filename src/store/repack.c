/* repack.c - see repack.h.
 *
 * How much of a text is needed is told by the words alone. Two figures are each at least that: the sum of the strings'
 * lengths, which counts a string once for every word of it (but for those seen a moment ago), and the blocks of the
 * text that words lead into, which count in full. The lesser is exact for strings that are all different, and near
 * enough for few different ones.
 *
 * What is written anew can be more than what goes: where an older version of the text is kept by a snapshot, where
 * strings share text that are further apart than a writer remembers, and where words were never written, which takes
 * no room. Then the object stays as it is. */
#include "store/repack.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/catalogue.h"
#include "store/descent.h"
#include "store/snapshots.h"
#include "store/store.h"
#include "store/text.h"
#include "store/transaction.h"
#include "store/word.h"
#include "util/assert.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

/* Shorter ones are left alone. */
#define TEXT_BYTES_MIN (UINT64_C(64) << 10)
#define MAP_BITS_MAX (UINT64_C(16) << 23)
/* Strings that were assigned lie anywhere in the text. */
#define CACHE_BYTES (UINT64_C(64) << 20)
enum { BLOCK_BYTES_MIN = 64, RECENT = 1024, ENTRY_BYTES = 128, PATH_BYTES = UFO_NAME_MAX + 32 };

/* ---- how much is needed ----------------------------------------------------------------------------------------- */

typedef struct measuring {
  ufo_object *words, *text;
  uint64_t text_bytes;
  uint64_t block_bytes;
  uint64_t *blocks; /* a bit each */
  uint64_t sum, blocks_needed;
  uint64_t recent[RECENT]; /* words */
} measuring;

/* By 64 blocks at once: strings of a damaged or hostile file may all be long, and overlap. */
static void need(measuring *m, uint64_t from, uint64_t bytes) {
  m->sum = bytes > UINT64_MAX - m->sum ? UINT64_MAX : m->sum + bytes;
  uint64_t block = from / m->block_bytes, end = ufo_div_up(from + bytes, m->block_bytes);
  while (block < end) {
    uint64_t count = ufo_min(64 - block % 64, end - block), *bits = &m->blocks[block / 64];
    uint64_t mask = UINT64_MAX >> (64 - count) << block % 64;
    m->blocks_needed += (uint64_t)__builtin_popcountll(mask & ~*bits);
    *bits |= mask;
    block += count;
  }
}

static ufo_status need_word(measuring *m, uint64_t word, ufo_error *error) {
  uint64_t *seen = &m->recent[(word ^ word >> 20) % RECENT];
  ufo_word is;
  if (*seen == word) return UFO_OK;
  *seen = word;
  if (!ufo_word_read(word, &is) || ufo_word_end(&is) > m->text_bytes)
    return ufo_fail(error, UFO_CORRUPT, "a word is damaged");
  if (is.is_inline) return UFO_OK;
  uint64_t length = is.length;
  if (is.is_long) {
    uint8_t head[UFO_LONG_HEAD_BYTES];
    ufo_status status = ufo_object_read_bytes(m->text, is.offset, sizeof head, head, error);
    if (status) return status;
    length = ufo_get_le64(head);
    if (length > m->text_bytes - ufo_word_end(&is)) return ufo_fail(error, UFO_CORRUPT, "a string is damaged");
    length += UFO_LONG_HEAD_BYTES;
  }
  need(m, is.offset, length);
  return UFO_OK;
}

static ufo_status measure_all(measuring *m, ufo_error *error) {
  const ufo_object_info *about = ufo_object_get_info(m->words);
  uint64_t *words = malloc(about->chunk_bytes);
  ufo_status status = words ? UFO_OK : ufo_fail(error, UFO_FULL, "out of memory");
  uint64_t per_chunk = about->chunk_bytes / sizeof *words;
  for (uint64_t first = 0; first < about->length && !status; first += per_chunk) {
    uint64_t count = ufo_min(per_chunk, about->length - first);
    status = ufo_object_load(m->words, first / per_chunk, words, error);
    for (uint64_t i = 0; i < count && !status; i++) status = need_word(m, words[i], error);
  }
  free(words);
  return status;
}

/* To gain a third of the text, what is written anew must be shorter than this. `held`: bytes that snapshots keep in any
 * case. */
static uint64_t most_bytes(ufo_object *words, ufo_object *text, uint64_t held) {
  const ufo_object_info *about = ufo_object_get_info(words);
  uint64_t text_bytes = ufo_object_get_info(text)->length, most = text_bytes - text_bytes / 3, lost = held;
  /* Chunks of words without an entry get one. */
  if (about->chunk_count > about->chunks_written) {
    uint64_t bytes;
    bool overflows = ufo_mul_overflows(about->chunk_count - about->chunks_written, ENTRY_BYTES, &bytes) ||
                     ufo_add_overflows(lost, bytes, &lost);
    if (overflows) return 0;
  }
  return most > lost ? most - lost : 0;
}

static ufo_status is_worthwhile(ufo_object *words, ufo_object *text, uint64_t most, bool *is_out, ufo_error *error) {
  measuring m = {.words = words, .text = text, .text_bytes = ufo_object_get_info(text)->length};
  m.block_bytes = BLOCK_BYTES_MIN;
  while (m.text_bytes / m.block_bytes >= MAP_BITS_MAX) m.block_bytes *= 2;
  *is_out = false;
  m.blocks = calloc(m.text_bytes / m.block_bytes / 64 + 1, sizeof *m.blocks);
  ufo_status status = m.blocks ? measure_all(&m, error) : ufo_fail(error, UFO_FULL, "out of memory");
  free(m.blocks);
  *is_out = !status && ufo_min(m.sum, m.blocks_needed * m.block_bytes) < most;
  return status;
}

/* ---- writing anew ------------------------------------------------------------------------------------------------ */

typedef struct copying {
  ufo_text_writer *writer;
  uint64_t most; /* bytes of text */
  ufo_status status;
  ufo_error *error;
} copying;

static int copy_string(void *user, uint64_t index, const ufo_string *string) {
  (void)index;
  copying *copy = user;
  copy->status = ufo_text_writer_write(copy->writer, string, 1, copy->error);
  if (!copy->status && ufo_text_writer_bytes(copy->writer) >= copy->most)
    copy->status = ufo_fail(copy->error, UFO_FULL, "what is written anew takes no less");
  return copy->status != UFO_OK;
}

/* The strings of `path` as an object of the transaction, of the name `to`. */
static ufo_status copy_strings(ufo_txn *txn, const char *path, const ufo_draft *draft, uint64_t most, const char *to,
                               ufo_error *error) {
  copying copy = {.most = most, .error = error};
  const ufo_object_info *about = &draft->base->info;
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_status status = ufo_text_writer_open(txn, to, about->chunk_bytes, &copy.writer, error);
  if (status) return status;
  status = ufo_store_info(txn->store, NULL, path, 0, &info, error);
  if (!status)
    status = ufo_text_read_cached(txn->store, NULL, path, 0, 0, info.length, CACHE_BYTES, copy_string, &copy, error);
  if (status == UFO_END) status = copy.status;
  if (!status) return ufo_text_writer_finish(copy.writer, error);
  ufo_text_writer_cancel(copy.writer);
  return status;
}

/* The committed object goes on, with the words and the text of the pending one. */
static ufo_status take_parts(ufo_txn *txn, ufo_draft *draft, const char *from, ufo_error *error) {
  ufo_pending *pending = ufo_txn_find(txn, from);
  UFO_ASSERT(draft->record.type == UFO_CHARACTER && !draft->children && pending && pending->draft);
  draft->children = calloc(UFO_TEXT_PARTS, sizeof(ufo_draft *));
  if (!draft->children) return ufo_fail(error, UFO_FULL, "out of memory");
  draft->child_count = UFO_TEXT_PARTS;
  for (int i = 0; i < UFO_TEXT_PARTS; i++) draft->children[i] = ufo_draft_retain(pending->draft->children[i]);
  ufo_pending_remove(pending);
  ufo_txn_tidy(txn, pending);
  return UFO_OK;
}

static ufo_status repack(ufo_store *store, const char *path, uint64_t most, ufo_error *error) {
  ufo_txn *txn;
  ufo_edit edit;
  ufo_text_names names = ufo_text_make_names();
  ufo_status status = ufo_txn_begin(store, &txn, error);
  if (status) return status;
  /* First, so that the commit finds out whether others changed it since. */
  status = ufo_txn_edit_path(txn, path, &edit, error);
  if (!status) status = copy_strings(txn, path, edit.draft, most, names.words, error);
  if (!status) status = take_parts(txn, edit.draft, names.words, error);
  if (!status) status = ufo_txn_commit(txn, error);
  if (status) ufo_txn_abort(txn);
  return status;
}

/* ---- which ------------------------------------------------------------------------------------------------------- */

/* The newest version of a part that a snapshot sees; nothing if none does. */
static ufo_status find_held(ufo_etxn *etxn, const ufo_snapshot_index *index, const ufo_object_info *part,
                            ufo_record *record, ufo_error *error) {
  uint64_t generation = 0, version;
  *record = (ufo_record){0};
  ufo_status status =
      ufo_snapshots_holder(etxn, index, part->id, 0, part->version, UINT64_MAX, &generation, &version, error);
  if (status || !generation) return status;
  return ufo_catalogue_get_object(etxn, part->id, version, &version, record, error);
}

/* Text is added at the end, so that what a snapshot sees of it is what stays. Of words any may have been changed. */
static ufo_status count_held(ufo_core *core, ufo_object *words, ufo_object *text, uint64_t *held_out,
                             ufo_error *error) {
  ufo_etxn *etxn;
  ufo_snapshot_index index = {0};
  ufo_record old_words = {0}, old_text = {0};
  ufo_status status = ufo_core_begin_read(core, &etxn, error);
  if (status) return status;
  status = ufo_snapshots_load(etxn, &index, error);
  if (!status) status = find_held(etxn, &index, ufo_object_get_info(words), &old_words, error);
  if (!status) status = find_held(etxn, &index, ufo_object_get_info(text), &old_text, error);
  ufo_snapshots_free(&index);
  ufo_core_end(core, etxn);
  bool overflows = ufo_add_overflows(old_text.length, old_words.stored_bytes, held_out);
  if (overflows) *held_out = UINT64_MAX;
  return status;
}

static ufo_status repack_if_worthwhile(ufo_store *store, const char *path, ufo_error *error) {
  ufo_object *words = NULL, *text = NULL;
  uint64_t held, most = 0;
  bool worthwhile = false;
  ufo_status status = ufo_object_open(store, NULL, path, UFO_TEXT_WORDS, 0, &words, error);
  if (!status) status = ufo_object_open(store, NULL, path, UFO_TEXT_BYTES, 0, &text, error);
  bool is_long = !status && ufo_object_get_info(text)->length >= TEXT_BYTES_MIN;
  if (is_long) status = count_held(store->core, words, text, &held, error);
  if (is_long && !status) most = most_bytes(words, text, held);
  if (!status && most > 0) status = is_worthwhile(words, text, most, &worthwhile, error);
  ufo_object_release(words);
  ufo_object_release(text);
  return status || !worthwhile ? status : repack(store, path, most, error);
}

/* An object, and what is in it. A path that is too long, or that another object hides by its name, leads nowhere: what
 * is there stays as it is. */
static void visit(ufo_store *store, ufo_descent *descent, const char *path, const ufo_object_info *info) {
  ufo_error ignored;
  ufo_status status;
  if (info->type == UFO_CHARACTER) {
    status = repack_if_worthwhile(store, path, &ignored);
    (void)status;
  }
  if (info->type != UFO_LIST || ufo_descent_enter(descent, info->id, &ignored) != UFO_OK) return;
  for (uint64_t i = 0; i < info->length; i++) {
    char below[PATH_BYTES];
    int length = snprintf(below, sizeof below, "%s[[%llu]]", path, (unsigned long long)i + 1);
    ufo_object_info child = {.struct_size = sizeof child}, found = child;
    if (length < 0 || length > UFO_NAME_MAX) break;
    if (ufo_store_child_info(store, NULL, path, 0, i, &child, &ignored) != UFO_OK) break;
    if (child.type != UFO_CHARACTER && child.type != UFO_LIST) continue;
    if (ufo_store_info(store, NULL, below, 0, &found, &ignored) != UFO_OK || found.id != child.id) continue;
    visit(store, descent, below, &child);
  }
  ufo_descent_leave(descent);
}

void ufo_texts_repack(ufo_store *store) {
  ufo_store_iterator *iterator;
  ufo_object_info info = {.struct_size = sizeof info};
  ufo_descent descent = {0};
  ufo_error ignored;
  if (ufo_store_list(store, NULL, &iterator, &ignored) != UFO_OK) return;
  while (ufo_store_iterator_next(iterator, &info, &ignored) == UFO_OK) visit(store, &descent, info.name, &info);
  ufo_descent_end(&descent);
  ufo_store_iterator_free(iterator);
}
