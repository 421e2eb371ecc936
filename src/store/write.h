/* write.h - writing resolved drafts inside a commit's transaction. */
#ifndef UFO_STORE_WRITE_H
#define UFO_STORE_WRITE_H

#include "store/commit.h"

/* Writes entries, blobs, attributes and record of a draft, and of its children; queues what it superseded. */
ufo_status ufo_commit_write(ufo_commit *commit, ufo_draft *draft, ufo_error *error);
/* Queues an object that no name leads to any more, and the children of a list, unless a draft carries them on.
 * UFO_CORRUPT: lists are nested too deeply. */
ufo_status ufo_commit_drop(ufo_commit *commit, uint64_t id, ufo_error *error);
/* What an all-zero chunk of such an object is encoded to. */
ufo_status ufo_commit_zero_meta(ufo_core *core, const ufo_record *record, uint32_t raw_bytes, ufo_chunk_meta *meta,
                                ufo_error *error);

#endif
