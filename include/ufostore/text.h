/* text.h - strings: objects of type UFO_CHARACTER, which R calls character vectors.
 *
 * Such an object is a list of two vectors: its *words*, records of 8 bytes, one for each string, and its *text*, the
 * raw bytes of the strings that do not fit into a word. A string of up to 7 bytes is in its word; of a longer one the
 * word says where in the text it is, and how long. Strings that are equal may share their text. All that is said of
 * lists (versions, snapshots, conflicts) holds. Words and text are read, viewed and put as elements 0 and 1 of the
 * object.
 *
 * ENCODINGS  A string is marked as UTF-8 (or ASCII), Latin 1, or bytes without meaning; that its bytes are what the
 * mark says is not checked. The empty string has no mark: it is UTF-8. NA is a string that is not known. DAMAGE  A word
 * that cannot be, or that leads out of the text, is never followed: UFO_CORRUPT. */
#ifndef UFOSTORE_TEXT_H
#define UFOSTORE_TEXT_H

#include <ufostore/store.h>
#include <ufostore/txn.h>
#include <ufostore/view.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ufo_encoding { UFO_ENCODING_UTF8 = 1, UFO_ENCODING_LATIN1 = 2, UFO_ENCODING_BYTES = 3 } ufo_encoding;

typedef struct ufo_string {
  const char *bytes; /* without a zero at the end; NULL: NA */
  uint64_t length;   /* bytes; 0 for NA */
  ufo_encoding encoding;
} ufo_string;

#define UFO_WORD_NA UINT64_C(1)
#define UFO_WORD_EMPTY UINT64_C(0)               /* as words are that were never written */
#define UFO_TEXT_BYTES_MAX (UINT64_C(1) << 44)   /* of one object */
#define UFO_STRING_BYTES_MAX (UINT64_C(1) << 31) /* of one string, less one */

/* ---- strings that are added to a text ------------------------------------------------------------------------------
 * Makes words, and collects the bytes that they need. A string that was added not long ago is not added again: up to
 * some 64 thousand different ones are remembered. */

typedef struct ufo_text ufo_text;

/* What is added begins at byte `base` of the object's text. UFO_FULL. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_create(uint64_t base, ufo_text **text_out, ufo_error *error);
UFO_API void ufo_text_free(ufo_text *text); /* NULL is allowed */
/* With the same bytes, at the cost of copying them. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_clone(const ufo_text *text, ufo_text **clone_out, ufo_error *error);
/* *word_out becomes the string's word. The string may lie in managed memory. UFO_USAGE (too long, no such encoding, no
 * room below UFO_TEXT_BYTES_MAX), UFO_FULL; nothing was added then. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_add(ufo_text *text, const ufo_string *string, uint64_t *word_out,
                                               ufo_error *error);
/* What was added, valid until more is; *bytes_out may become 0. */
UFO_API const char *ufo_text_bytes(const ufo_text *text, uint64_t *bytes_out);

/* What the word at `word` means; `text` are the first `bytes` bytes of the object's text, managed memory for instance,
 * and `added`, which may be NULL, what begins where they end. The string is in one of these, or in the word itself. Of
 * the text nothing is touched but the length of a string of 4096 bytes or more. UFO_CORRUPT: it is damaged; the message
 * says how, but not where. Any thread. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_decode(const uint64_t *word, const char *text, uint64_t bytes,
                                                  const ufo_text *added, ufo_string *string_out, ufo_error *error);

/* ---- whole objects -------------------------------------------------------------------------------------------------
 */

/* An object of strings that come in pieces, like ufo_writer. chunk_bytes as in ufo_object_spec. An object of so many
 * empty strings is made by ufo_txn_create. */
typedef struct ufo_text_writer ufo_text_writer;
UFO_API UFO_MUST_CHECK ufo_status ufo_text_writer_open(ufo_txn *txn, const char *name, uint32_t chunk_bytes,
                                                       ufo_text_writer **writer_out, ufo_error *error);
/* Adds to the end of what `name`, or the element of a list that the path means, has already, at the cost of what is
 * added: as ufo_writer_open_append, whose errors it has. UFO_USAGE: it has no strings; or an object of the name
 * "name[[1]]" or "name[[2]]" hides its words or its text. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_writer_open_append(ufo_txn *txn, const char *name,
                                                              ufo_text_writer **writer_out, ufo_error *error);
/* Strings may lie in managed memory. After an error, and if reading a string fails and ufo_guarded leaves the call,
 * only ufo_text_writer_cancel is of use. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_writer_write(ufo_text_writer *writer, const ufo_string *strings,
                                                        uint64_t count, ufo_error *error);
/* Ends the object, or what is added, which is part of the transaction then, and frees the writer, in every case. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_writer_finish(ufo_text_writer *writer, ufo_error *error);
UFO_API void ufo_text_writer_cancel(ufo_text_writer *writer); /* NULL is allowed */

/* Makes `name` an object of strings of the pending objects `words` (records of 8 bytes) and `text` (raw) of this
 * transaction, which lose their names by this, as in ufo_txn_put_list. Words are looked at when they are read.
 * UFO_USAGE as there, or for other types. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_put_text(ufo_txn *txn, const char *name, const char *words, const char *text,
                                                   ufo_error *error);

/* Return non-zero to stop. `string` is valid during the call. */
typedef int (*ufo_string_fn)(void *user, uint64_t index, const ufo_string *string);

/* Calls `visit` for strings first .. first + count - 1 of `name`, in order, in bounded memory and with every checksum
 * verified. `txn` and `version` as for ufo_store_read; of a version that is not current, words and text are there only
 * if they are kept, too (a snapshot does). UFO_END: `visit` wanted no more. UFO_USAGE: the range is outside of the
 * object, or it has no strings. UFO_CORRUPT names the object, and the chunk or the string. */
UFO_API UFO_MUST_CHECK ufo_status ufo_text_read(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version,
                                                uint64_t first, uint64_t count, ufo_string_fn visit, void *user,
                                                ufo_error *error);

/* ---- views ---------------------------------------------------------------------------------------------------------
 */

/* Makes the strings that `words` shows the next version of `name`. `words` and `text` are views of elements 0 and 1 of
 * one object, opened at the same version of it; words may have been written that `added` made, whose base is the length
 * of `text`, which was not written to. As ufo_txn_put_view: of the object that the views are of, only changed chunks of
 * words are written, and added text. `added` may be NULL, if nothing was ever added. After the commit the views go on
 * from the new version, and `added` with them: what is put once more is added to that. UFO_PUT_MERGE conflicts if
 * others added text, too. The object has no attributes until they are set. */
UFO_API UFO_MUST_CHECK ufo_status ufo_txn_put_text_views(ufo_txn *txn, const char *name, ufo_view *words,
                                                         ufo_view *text, const ufo_text *added, ufo_put_mode mode,
                                                         ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
