/* pages_kit.h - an LMDB file in memory: finding its trees, pages and nodes, so that tests can change one thing. */
#ifndef UFO_TEST_PAGES_KIT_H
#define UFO_TEST_PAGES_KIT_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/preflight.h"
#include "util/bytes.h"

typedef struct image {
  uint8_t *bytes;
  uint64_t size;
} image;

static inline image image_load(const char *path) {
  struct stat info;
  image i = {NULL, 0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info)) abort();
  i.size = (uint64_t)info.st_size;
  i.bytes = malloc(i.size + 1);
  if (!i.bytes || pread(fd, i.bytes, i.size, 0) != (ssize_t)i.size) abort();
  close(fd);
  return i;
}

static inline void image_store(const image *i, const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, i->bytes, i->size) != (ssize_t)i->size) abort();
  close(fd);
}

static inline ufo_status image_read(void *source, uint64_t offset, void *buffer, size_t bytes, ufo_error *failure) {
  const image *i = source;
  if (offset > i->size || bytes > i->size - offset) {
    (void)failure;
    return UFO_CORRUPT;
  }
  memcpy(buffer, i->bytes + offset, bytes);
  return UFO_OK;
}

static inline uint64_t image_size(void *source) { return ((const image *)source)->size; }

static inline ufo_status image_preflight(image *i, ufo_error *failure) {
  ufo_preflight_input input = {image_read, image_size, i, "in memory"};
  return ufo_preflight_run(&input, NULL, NULL, failure);
}

/* ---- what is where ----------------------------------------------------------------------------------------------- */

/* The newest meta page. */
static inline uint8_t *image_meta(const image *i) {
  uint64_t page_bytes = ufo_get_le32(i->bytes + 40);
  bool second = ufo_get_le64(i->bytes + page_bytes + 144) > ufo_get_le64(i->bytes + 144);
  return i->bytes + (second ? page_bytes : 0);
}

static inline uint32_t image_page_bytes(const image *i) { return ufo_get_le32(i->bytes + 40); }
static inline uint64_t image_last(const image *i) { return ufo_get_le64(image_meta(i) + 136); }
static inline uint8_t *image_page(const image *i, uint64_t number) { return i->bytes + number * image_page_bytes(i); }
static inline uint8_t *image_node(uint8_t *page, unsigned index) {
  return page + ufo_get_le16(page + UFO_PAGE_HEADER + 2 * index);
}

/* The record of a table (48 bytes); that of the tables themselves for "", that of the free list for NULL. */
static inline uint8_t *image_tree(const image *i, const char *name) {
  uint8_t *meta = image_meta(i);
  if (!name) return meta + 40;
  if (!*name) return meta + 88;
  uint8_t *page = image_page(i, ufo_get_le64(meta + 88 + 40));
  for (unsigned n = 0; n < ufo_page_count(page); n++) {
    ufo_page_node node;
    ufo_page_read_node(page, n, &node);
    if (node.key.bytes == strlen(name) && !memcmp(node.key.data, name, node.key.bytes)) {
      return image_node(page, n) + 8 + node.key.bytes;
    }
  }
  abort();
}

static inline uint8_t *image_root(const image *i, const char *name) {
  return image_page(i, ufo_get_le64(image_tree(i, name) + 40));
}

/* The last or the first leaf of a tree. */
static inline uint8_t *image_leaf(const image *i, const char *name, bool last) {
  uint8_t *page = image_root(i, name);
  while (!ufo_page_is_leaf(page)) {
    ufo_page_node node;
    ufo_page_read_node(page, last ? ufo_page_count(page) - 1 : 0, &node);
    page = image_page(i, node.child);
  }
  return page;
}

/* A node of a leaf whose value is (or is not) in overflow pages; NULL: there is none in this leaf. */
static inline uint8_t *image_value(uint8_t *leaf, bool big) {
  for (unsigned n = 0; n < ufo_page_count(leaf); n++) {
    ufo_page_node node;
    ufo_page_read_node(leaf, n, &node);
    if (((node.flags & UFO_NODE_BIG) != 0) == big) return image_node(leaf, n);
  }
  return NULL;
}

static inline unsigned depth_of(const image *i, const char *name) { return ufo_get_le16(image_tree(i, name) + 6); }

/* Is there a record of the list of free pages that needs pages of its own? */
static inline bool free_list_is_big(const image *i) {
  for (int last = 0; last < 2; last++) {
    if (image_value(image_leaf(i, NULL, last), true)) return true;
  }
  return false;
}

/* ---- changing it --------------------------------------------------------------------------------------------------
 */

static inline void set16(uint8_t *at, unsigned value) { ufo_put_le16(at, (uint16_t)value); }
static inline void add16(uint8_t *at, int value) { ufo_put_le16(at, (uint16_t)(ufo_get_le16(at) + value)); }
static inline void add64(uint8_t *at, int64_t value) { ufo_put_le64(at, ufo_get_le64(at) + (uint64_t)value); }

#endif
