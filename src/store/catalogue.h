/* catalogue.h - names, objects' records and attributes, inside a transaction of the engine. */
#ifndef UFO_STORE_CATALOGUE_H
#define UFO_STORE_CATALOGUE_H

#include "store/record.h"

/* 1 to UFO_NAME_MAX bytes of UTF-8 without NUL, else UFO_USAGE. */
ufo_status ufo_catalogue_check_name(const char *name, ufo_error *error);

/* What a name leads to, and since which generation; 0: format 1.0. */
typedef struct ufo_named {
  uint64_t id, since;
} ufo_named;

enum { UFO_NAMED_BYTES = 16, UFO_NAMED_BYTES_1_0 = 8 };
ufo_status ufo_catalogue_decode_named(ufo_slice content, ufo_named *named, ufo_error *error);
void ufo_catalogue_encode_named(const ufo_named *named, uint8_t content[UFO_NAMED_BYTES]);

/* named->id is 0 if there is no such name. */
ufo_status ufo_catalogue_get_named(ufo_etxn *txn, const char *name, ufo_named *named, ufo_error *error);
/* *id_out is 0 if there is no such name. */
ufo_status ufo_catalogue_get_name(ufo_etxn *txn, const char *name, uint64_t *id_out, ufo_error *error);
ufo_status ufo_catalogue_put_name(ufo_etxn *txn, const char *name, const ufo_named *named, ufo_error *error);
ufo_status ufo_catalogue_delete_name(ufo_etxn *txn, const char *name, ufo_error *error);

/* The newest version <= `version` for which there is a record. */
ufo_status ufo_catalogue_get_newest(ufo_etxn *txn, uint64_t id, uint64_t version, uint64_t *version_out,
                                    ufo_record *record, ufo_error *error);
/* Version 0: the current one; UFO_CORRUPT if there is none. Another: UFO_MISSING if it is not kept. */
ufo_status ufo_catalogue_get_object(ufo_etxn *txn, uint64_t id, uint64_t version, uint64_t *version_out,
                                    ufo_record *record, ufo_error *error);
ufo_status ufo_catalogue_put_object(ufo_etxn *txn, uint64_t id, uint64_t version, const ufo_record *record,
                                    ufo_error *error);

/* The encoded attributes of a record (no bytes if it has none): valid until the transaction ends or writes. */
ufo_status ufo_catalogue_get_attributes(ufo_etxn *txn, uint64_t id, const ufo_record *record, ufo_slice *bytes_out,
                                        ufo_error *error);
ufo_status ufo_catalogue_put_attributes(ufo_etxn *txn, uint64_t id, uint64_t version, const uint8_t *bytes,
                                        size_t count, ufo_error *error);

#endif
