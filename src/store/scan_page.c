/* scan_page.c - see scan_page.h. The layout is in pages.h.
 *
 * Nodes lie at the end of a page without holes, whatever was deleted or moved. So the sum of their sizes is known from
 * the header, and a damaged header or list of nodes does not hide one of them unseen. */
#include "store/scan_page.h"

#include <string.h>

#include "util/bytes.h"
#include "util/checked.h"

enum { AT_FLAGS = 10, AT_LOWER = 12, AT_UPPER = 14, NODE_HEAD_BYTES = 8 };
#define LMDB_MAGIC 0xBEEFC0DEu

static unsigned node_offset(const uint8_t *page, unsigned index) {
  return ufo_get_le16(page + UFO_PAGE_HEADER + 2 * (size_t)index);
}

bool ufo_scan_raw_at(const uint8_t *page, uint32_t page_bytes, ufo_scan_kind kind, unsigned index, ufo_scan_raw *node) {
  unsigned at = node_offset(page, index), upper = ufo_get_le16(page + AT_UPPER);
  *node = (ufo_scan_raw){0};
  if (at < upper || at + NODE_HEAD_BYTES > page_bytes) return false;
  const uint8_t *head = page + at;
  uint64_t low = ufo_get_le32(head);
  unsigned flags = ufo_get_le16(head + 4), key_bytes = ufo_get_le16(head + 6);
  uint64_t room = page_bytes - at - NODE_HEAD_BYTES;
  if (key_bytes > room) return false;
  node->key = (ufo_slice){head + NODE_HEAD_BYTES, key_bytes};
  if (kind == UFO_SCAN_BRANCH) {
    node->child = low | (uint64_t)flags << 32;
    return true;
  }
  if (key_bytes < 1 || key_bytes > UFO_KEY_MAX || (flags & ~(unsigned)(UFO_NODE_BIG | UFO_NODE_TREE))) return false;
  node->flags = flags;
  node->value_bytes = low;
  uint64_t inside = flags & UFO_NODE_BIG ? 8 : low;
  if (inside > room - key_bytes) return false;
  node->value = (ufo_slice){head + NODE_HEAD_BYTES + key_bytes, inside};
  return true;
}

ufo_scan_kind ufo_scan_check(const uint8_t *page, uint32_t page_bytes, uint64_t number, unsigned *nodes_out,
                             bool *whole_out) {
  *nodes_out = 0;
  *whole_out = false;
  unsigned flags = ufo_get_le16(page + AT_FLAGS), lower = ufo_get_le16(page + AT_LOWER);
  unsigned upper = ufo_get_le16(page + AT_UPPER);
  if (ufo_get_le64(page) != number || (flags != UFO_PAGE_BRANCH && flags != UFO_PAGE_LEAF)) return UFO_SCAN_BAD;
  if (lower < UFO_PAGE_HEADER || lower % 2 || lower > upper || upper > page_bytes) return UFO_SCAN_BAD;
  ufo_scan_kind kind = flags == UFO_PAGE_LEAF ? UFO_SCAN_LEAF : UFO_SCAN_BRANCH;
  *nodes_out = (lower - UFO_PAGE_HEADER) / 2;
  uint64_t used = 0;
  for (unsigned i = 0; i < *nodes_out; i++) {
    ufo_scan_raw node;
    if (!ufo_scan_raw_at(page, page_bytes, kind, i, &node)) return kind;
    used += (NODE_HEAD_BYTES + node.key.bytes + node.value.bytes + 1) & ~UINT64_C(1);
  }
  *whole_out = used == page_bytes - upper;
  return kind;
}

uint64_t ufo_scan_run(uint64_t value_bytes, uint32_t page_bytes) {
  return (UFO_PAGE_HEADER - 1 + value_bytes) / page_bytes + 1;
}

uint32_t ufo_scan_large(const uint8_t *head, uint64_t number, uint64_t pages) {
  uint32_t count = ufo_get_le32(head + AT_LOWER);
  if (ufo_get_le64(head) != number || ufo_get_le16(head + AT_FLAGS) != UFO_PAGE_OVERFLOW) return 0;
  return pages && pages != count ? 0 : count;
}

bool ufo_scan_meta_at(const uint8_t *page, ufo_page_meta *meta) {
  ufo_page_read_meta(page, meta);
  bool known = meta->magic == LMDB_MAGIC && meta->version == 1 && (meta->page_flags & UFO_PAGE_META);
  return known && ufo_is_power_of_two(meta->page_bytes) && meta->page_bytes >= UFO_PAGE_BYTES_MIN &&
         meta->page_bytes <= UFO_PAGE_BYTES_MAX;
}
