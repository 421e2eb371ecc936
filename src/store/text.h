/* text.h (internal) - see <ufostore/text.h>.
 *
 *   word.h          what the bits of a word mean
 *   text.c          strings to words and back
 *   text_writer.c   objects of strings that come in pieces
 *   text_read.c     strings out of the store
 *   repack.c        text that no string needs any more is given back */
#ifndef UFO_STORE_TEXT_H
#define UFO_STORE_TEXT_H

#include <ufostore/text.h>

/* Forgets the first `count` bytes: what is added next is where it would have been. */
void ufo_text_drop(ufo_text *text, uint64_t count);

/* How long the object's text is so far: where the next string would be added. */
uint64_t ufo_text_end(const ufo_text *text);
uint64_t ufo_text_writer_bytes(const ufo_text_writer *writer);

/* ufo_text_read, keeping so many bytes of text. */
ufo_status ufo_text_read_cached(ufo_store *store, ufo_txn *txn, const char *name, uint64_t version, uint64_t first,
                                uint64_t count, uint64_t cache_bytes, ufo_string_fn visit, void *user,
                                ufo_error *error);

/* Names for words and text of an object that is being made, to be given to ufo_txn_put_text. */
enum { UFO_TEXT_NAME_BYTES = 64 };
typedef struct ufo_text_names {
  char words[UFO_TEXT_NAME_BYTES], text[UFO_TEXT_NAME_BYTES];
} ufo_text_names;
ufo_text_names ufo_text_make_names(void);
/* After an error: takes back those of them that are pending, if the transaction is still good for it. */
void ufo_text_forget(ufo_txn *txn, const ufo_text_names *names);

#endif
