/* elements.c - see elements.h. */
#include "elements.h"

#include "cli.h"

elements elements_of(ufo_store *store, const char *address, const ufo_object_info *info) {
  return (elements){.store = store, .address = address, .id = info->id, .version = info->version};
}

static ufo_status changed(const elements *e, ufo_error *error) {
  return set_error(error, UFO_CONFLICT, "%s: object '%s' was changed by somebody else while it was read; try again",
                   ufo_store_path(e->store), e->address);
}

ufo_status elements_check(const elements *e, ufo_error *error) {
  ufo_object_info now = {.struct_size = sizeof now};
  ufo_status status = ufo_store_info(e->store, NULL, e->address, e->version, &now, error);
  if (status == UFO_MISSING || (!status && now.id != e->id)) return changed(e, error);
  return status;
}

static ufo_status judge(const elements *e, ufo_status status, ufo_error *error) {
  if (status == UFO_MISSING) return changed(e, error);
  /* Another object in its place may also be why the read failed: it is the better answer then. */
  ufo_error other = {0};
  ufo_status check = elements_check(e, &other);
  if (check && (!status || check == UFO_CONFLICT)) {
    *error = other;
    return check;
  }
  return status;
}

ufo_status elements_read(const elements *e, uint64_t first, uint64_t count, void *buffer, ufo_error *error) {
  ufo_status status = ufo_store_read(e->store, NULL, e->address, e->version, first, count, buffer, error);
  return judge(e, status, error);
}

ufo_status elements_strings(const elements *e, uint64_t first, uint64_t count, ufo_string_fn visit, void *user,
                            ufo_error *error) {
  ufo_status status = ufo_text_read(e->store, NULL, e->address, e->version, first, count, visit, user, error);
  return judge(e, status, error);
}

uint64_t elements_per_block(const ufo_object_info *info, uint64_t memory_bytes) {
  uint64_t bytes = 256 * 1024;
  if (bytes < info->chunk_bytes) bytes = info->chunk_bytes;
  if (bytes > memory_bytes) bytes = memory_bytes;
  return bytes / info->element_bytes ? bytes / info->element_bytes : 1;
}
