/* attributes.h - R's attributes and the library's.
 *
 *   R                                                    in the store
 *   character vector, UTF-8 or ASCII, no attributes      STRING
 *   logical, integer, double, raw without attributes     LOGICAL, INTEGER, DOUBLE, RAW
 *   anything else                                        FOREIGN: R's serialization of the one attribute
 *
 * Order is kept, and a data frame's compact row names stay compact. Attributes whose names begin with "R." describe an
 * object to this package and are hidden from users: "R.type" and "R.length" (serialize.h) and "R.S4", which marks a
 * vector or list that is an S4 object. */
#ifndef UFOR_ATTRIBUTES_H
#define UFOR_ATTRIBUTES_H

#include "r.h"

/* 1 if the attributes of `x` can be kept apart from it: all names fit and none is hidden. Otherwise the whole object
 * must be serialized. */
int ufor_attributes_fit(SEXP x);

/* Adds the attributes of `x` to `set`. Allocates in R: call it where `set` is freed if R jumps. */
ufo_status ufor_attributes_encode(SEXP x, ufo_attributes *set, ufo_error *error);

/* Sets one attribute. Allocates as above. */
ufo_status ufor_attributes_set(const char *key, SEXP value, ufo_attributes *set, ufo_error *error);

/* Adds what a serialized object is described by. */
ufo_status ufor_attributes_describe(SEXP x, ufo_attributes *set, ufo_error *error);

/* Gives `x`, which has none yet, the attributes of `set`, and returns it. Raises ufo_corrupt_error if they do not suit
 * it. Jumps as above. The result may be another object than `x` (protect it). */
SEXP ufor_attributes_apply(SEXP x, const ufo_attributes *set, const char *object);

/* 1 if both hold the same keys in the same order with the same values. NULL counts as empty. */
int ufor_attributes_equal(const ufo_attributes *a, const ufo_attributes *b);

/* One attribute as an R value. */
SEXP ufor_attribute_value(const ufo_attribute *attribute);

/* Calls `visit` for each attribute of `x` as it is, without the expansion of row names that getAttrib() does, in order,
 * until it returns something other than 0, and returns that; else 0. `name` is a symbol. */
typedef int (*ufor_attribute_fn)(void *user, SEXP name, SEXP value);
int ufor_attributes_each(SEXP x, ufor_attribute_fn visit, void *user);

#endif
