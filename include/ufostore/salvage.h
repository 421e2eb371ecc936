/* salvage.h - what is sound of a damaged store, as a new store.
 *
 * For a store that ufo_store_verify finds damaged, or that cannot be opened any more: header, index pages, whole tables
 * may be damaged or the file cut short. It is read page by page, without trusting any, and is never changed.
 *
 * WHAT COMES OUT  The current version of each object under its name, with its attributes. (Snapshots and other versions
 *   do not.) A chunk that cannot be read, or of which it is not certain that it is the current one, is marked as lost:
 *   the object keeps its length, reading the elements of that chunk is UFO_CORRUPT, and writing them wholly replaces
 *   them. So an element has its value or is an error, never something else.
 * LOST  An object whose name is lost is called "lost+found/object-17", after its number. In place of an element of a
 *   list whose record is lost there is an empty raw vector with the attribute "ufostore.lost". An object whose record
 *   is lost is not saved, nor are attributes that are lost.
 * OLD PAGES  What a damaged catalogue page held may still be in a page of an earlier commit. A name or an object's
 *   record that is found only there is used, and reported: it may be an older one. Chunks are taken from there only
 *   if they are certain to be the current ones.
 *   A page that is in use may have what it, or another, held at an earlier commit (a write that the disk lost). That is
 *   seen by keys that do not belong there, by the number of records of a table, by an object's record that is older
 *   than its chunks or attributes or that counts others, and by names of what was removed. It is reported, as is each
 *   object that may be older, and chunks that an earlier version wrote are lost if a newer one may have been there.
 *   A page that has as many records as the current one, and contradicts no other, passes for it. */
#ifndef UFOSTORE_SALVAGE_H
#define UFOSTORE_SALVAGE_H

#include <ufostore/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the store `path_out`, which must not exist; it appears whole or not at all. `path` must not be in use, by this
 * process or another (UFO_USAGE). Calls `report` for each thing that was lost or is in doubt (return non-zero to stop)
 * and `progress` now and then; both may be NULL, and must not use the store. What is done never goes back; the total is
 * the file's size until its tables were read, and then what they say is to be copied. UFO_OK: all was sound and is
 * there. UFO_CORRUPT: the new store was made, and something was reported. UFO_END: a callback stopped it. Nothing was
 * made in that case and after UFO_MISSING, UFO_IO, UFO_FULL, UFO_USAGE and UFO_UNSUPPORTED (a newer format). */
UFO_API UFO_MUST_CHECK ufo_status ufo_store_salvage(const char *path, const char *path_out, ufo_damage_fn report,
                                                    ufo_progress_fn progress, void *user, ufo_error *error);

#ifdef __cplusplus
}
#endif
#endif
