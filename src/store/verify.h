/* verify.h - what ufo_store_verify does, below the handle. */
#ifndef UFO_STORE_VERIFY_H
#define UFO_STORE_VERIFY_H

#include "store/core.h"

/* As ufo_store_verify in <ufostore/store.h>. */
ufo_status ufo_core_verify(ufo_core *core, ufo_damage_fn report, ufo_progress_fn progress, void *user,
                           ufo_error *error);

#endif
