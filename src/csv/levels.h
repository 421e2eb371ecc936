/* levels.h - the levels of a factor, in the order in which they come. One thread. */
#ifndef UFO_CSV_LEVELS_H
#define UFO_CSV_LEVELS_H

#include <stddef.h>
#include <stdint.h>
#include <ufostore/attributes.h>

typedef struct ufo_csv_levels ufo_csv_levels;

ufo_csv_levels *ufo_csv_levels_create(void);      /* NULL: no memory */
void ufo_csv_levels_free(ufo_csv_levels *levels); /* NULL is allowed */
/* The code of a level, from 1; the next one if it is new. 0: no memory, or more than there are codes. */
int32_t ufo_csv_levels_code(ufo_csv_levels *levels, const char *text, size_t length);
/* Sets the attribute "levels". */
ufo_status ufo_csv_levels_set(const ufo_csv_levels *levels, ufo_attributes *attributes, ufo_error *error);

#endif
