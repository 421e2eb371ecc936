/* describe.h - an object's record and attributes, for people and as JSON. */
#ifndef UFOSTORE_CLI_DESCRIBE_H
#define UFOSTORE_CLI_DESCRIBE_H

#include "json.h"
#include "meaning.h"

#include <stdio.h>

/* The members of the JSON object that stands for `m`, without its brackets, attributes and children. */
void describe_json(json *j, const meaning *m);

/* An attribute's value in a few words: its first elements, and how many there are. */
void describe_attribute(FILE *file, const ufo_attribute *attribute);
/* The same whole, as a JSON array; FOREIGN bytes as an object that says how many there are. NA is null. */
void describe_attribute_json(json *j, const ufo_attribute *attribute);

/* "lz4 62%, shuffle+lz4 38%" */
void describe_codecs(FILE *file, const ufo_object_info *info);

#endif
