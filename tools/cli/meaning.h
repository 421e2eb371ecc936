/* meaning.h - what an object means to R: its class, its levels, the shape of a data frame. The store knows types; these
 * are conventions of attributes that R and this tool share. */
#ifndef UFOSTORE_CLI_MEANING_H
#define UFOSTORE_CLI_MEANING_H

#include <ufostore/ufostore.h>

#include <stdbool.h>

typedef enum object_kind {
  KIND_PLAIN = 0,  /* elements of its type */
  KIND_FACTOR,     /* integer codes, from 1, into the attribute levels */
  KIND_DATE,       /* days since 1970 */
  KIND_DATETIME,   /* seconds since 1970 */
  KIND_STRINGS,    /* strings, or R's serialization of some */
  KIND_SERIALIZED, /* another serialized R value */
  KIND_DATA_FRAME,
  KIND_LIST,
} object_kind;

typedef struct meaning {
  ufo_object_info info;
  ufo_attributes *attributes;
  object_kind kind;
  char label[64];     /* "double", "factor", "data.frame", "character" */
  char shape[64];     /* "150", "150 x 5" */
  uint64_t length;    /* elements as R counts them; rows of a data frame */
  bool length_known;  /* false for a serialized value whose length only R knows */
  uint64_t raw_bytes; /* uncompressed, children included */
} meaning;

/* Reads all this of `address` (a name, or an element of a list) at `version` (0: current). To be ended by _free. */
ufo_status meaning_read(ufo_store *store, const char *address, uint64_t version, meaning *m, ufo_error *error);
void meaning_free(meaning *m);

/* What the object `id`, found at `address`, is called by itself: the element's name for "list$name" and "list[[2]]"
 * (its address if it has none), else the address. */
ufo_status element_name(ufo_store *store, const char *address, uint64_t id, char name_out[UFO_NAME_MAX + 1],
                        ufo_error *error);

/* The address of child `index` (from 0) of the list at `address`, allocated; NULL: no memory. */
char *child_address(const char *address, uint64_t index);

#endif
