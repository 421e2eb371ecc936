/* pages.c - see pages.h. */
#include "store/pages.h"

#include <string.h>

#include "util/bytes.h"

enum {
  AT_FLAGS = 10,
  AT_LOWER = 12,
  AT_UPPER = 14,
  NODE_HEADER = 8,
  BIG_BYTES = 8,
  FLAG_INTEGER_KEY = 0x08,
  FLAG_FILE = 0x4000, /* MDB_NOSUBDIR: flags of the environment that made the file are kept with the free list's */
};
#define MAP_BYTES_MAX (UINT64_C(1) << 46) /* what a process can map, and some */

/* ---- meta pages and trees' records ------------------------------------------------------------------------------- */

void ufo_page_read_tree(const uint8_t bytes[UFO_PAGE_TREE_BYTES], ufo_page_tree *tree) {
  *tree = (ufo_page_tree){
      .pad = ufo_get_le32(bytes),
      .flags = ufo_get_le16(bytes + 4),
      .depth = ufo_get_le16(bytes + 6),
      .branch_pages = ufo_get_le64(bytes + 8),
      .leaf_pages = ufo_get_le64(bytes + 16),
      .overflow_pages = ufo_get_le64(bytes + 24),
      .entries = ufo_get_le64(bytes + 32),
      .root = ufo_get_le64(bytes + 40),
  };
}

void ufo_page_read_meta(const uint8_t bytes[UFO_PAGE_META_BYTES], ufo_page_meta *meta) {
  meta->number = ufo_get_le64(bytes);
  meta->page_flags = ufo_get_le16(bytes + AT_FLAGS);
  meta->magic = ufo_get_le32(bytes + 16);
  meta->version = ufo_get_le32(bytes + 20);
  meta->map_bytes = ufo_get_le64(bytes + 32);
  ufo_page_read_tree(bytes + 40, &meta->free);
  ufo_page_read_tree(bytes + 88, &meta->tables);
  meta->last_page = ufo_get_le64(bytes + 136);
  meta->txn = ufo_get_le64(bytes + 144);
  meta->page_bytes = meta->free.pad; /* LMDB keeps it there */
}

const char *ufo_page_check_meta(const ufo_page_meta *meta) {
  if (meta->page_flags != UFO_PAGE_META) return "it has flags that a meta page never has";
  /* LMDB looks for the newest transaction, then takes the page that its parity names. */
  if (meta->txn > UFO_PAGE_TXN_MAX || (meta->txn != 0 && meta->txn % 2 != meta->number)) {
    return "its transaction does not belong on this page";
  }
  /* Taken as it is when the map is to grow, and the old map is given up first. */
  if (meta->map_bytes > MAP_BYTES_MAX) return "its map size is impossible";
  if (meta->last_page < 1) return "it leaves no room for the meta pages themselves";
  return NULL;
}

const char *ufo_page_check_tree(const ufo_page_tree *tree, uint64_t last_page, bool is_free_list) {
  /* Flags of sorted duplicates make LMDB read nodes as pages (CVE-2019-16224, -16227). */
  uint16_t flags = is_free_list ? tree->flags & (uint16_t)~FLAG_FILE : tree->flags;
  if (flags != (is_free_list ? FLAG_INTEGER_KEY : 0)) return "the record of a tree has flags that a store never has";
  if (!is_free_list && tree->pad != 0) return "the record of a tree has keys of fixed size, which a store never has";
  if (tree->root == UFO_PAGE_NONE) {
    bool empty = !tree->depth && !tree->branch_pages && !tree->leaf_pages && !tree->overflow_pages && !tree->entries;
    return empty ? NULL : "the record of a tree has no root, and yet counts pages or entries";
  }
  if (tree->root < 2 || tree->root > last_page) return "the record of a tree has its root outside the file";
  if (tree->depth < 1 || tree->depth > UFO_PAGE_DEPTH_MAX) return "the record of a tree has an impossible depth";
  return NULL;
}

/* ---- pages of trees ---------------------------------------------------------------------------------------------- */

bool ufo_page_is_leaf(const uint8_t *page) { return ufo_get_le16(page + AT_FLAGS) == UFO_PAGE_LEAF; }

unsigned ufo_page_count(const uint8_t *page) { return (ufo_get_le16(page + AT_LOWER) - UFO_PAGE_HEADER) / 2u; }

void ufo_page_read_node(const uint8_t *page, unsigned index, ufo_page_node *node) {
  const uint8_t *at = page + ufo_get_le16(page + UFO_PAGE_HEADER + 2u * index);
  uint32_t low = ufo_get_le32(at);
  uint16_t flags = ufo_get_le16(at + 4), key_bytes = ufo_get_le16(at + 6);
  bool leaf = ufo_page_is_leaf(page);
  *node = (ufo_page_node){
      .key = {at + NODE_HEADER, key_bytes},
      .flags = leaf ? flags : 0,
      .child = leaf ? UFO_PAGE_NONE : low | (uint64_t)flags << 32,
      .value_bytes = leaf ? low : 0,
      .value = at + NODE_HEADER + key_bytes,
  };
}

/* Bytes of the node at `offset`, rounded up as LMDB does; 0: it does not end inside the page. */
static uint32_t size_of_node(const uint8_t *page, uint32_t page_bytes, uint32_t offset) {
  if (offset > page_bytes - NODE_HEADER) return 0;
  const uint8_t *at = page + offset;
  uint64_t bytes = NODE_HEADER + (uint64_t)ufo_get_le16(at + 6);
  if (ufo_page_is_leaf(page)) bytes += ufo_get_le16(at + 4) & UFO_NODE_BIG ? BIG_BYTES : ufo_get_le32(at);
  bytes += bytes & 1;
  return bytes <= page_bytes - offset ? (uint32_t)bytes : 0;
}

/* The rules of one node that lies inside its page. */
static const char *check_node(const uint8_t *page, uint32_t page_bytes, unsigned index) {
  ufo_page_node node;
  ufo_page_read_node(page, index, &node);
  bool leaf = ufo_page_is_leaf(page);
  if (node.key.bytes > UFO_KEY_MAX) return "a key is longer than LMDB allows";
  if (!leaf && index == 0 && node.key.bytes != 0) return "the first key of a branch is not empty";
  if ((leaf || index > 0) && node.key.bytes == 0) return "a key is empty";
  if (!leaf) return NULL;
  if (node.flags & ~(UFO_NODE_BIG | UFO_NODE_TREE) || node.flags == (UFO_NODE_BIG | UFO_NODE_TREE)) {
    return "a node has flags that a store never has";
  }
  /* LMDB moves larger values to overflow pages, and counts on it when it splits a page. */
  uint32_t inline_max = (((page_bytes - UFO_PAGE_HEADER) / 2) & ~1u) - 2;
  if (!(node.flags & UFO_NODE_BIG) && NODE_HEADER + node.key.bytes + node.value_bytes > inline_max) {
    return "a node is larger than LMDB makes it";
  }
  return NULL;
}

/* Nodes lie without gaps and without overlap from `upper` to the end of the page: when LMDB deletes one, it moves
 * `node - upper` bytes, and corrects the offsets of those before it. */
static const char *check_nodes(const uint8_t *page, uint32_t page_bytes, uint32_t upper) {
  uint64_t taken[UFO_PAGE_BYTES_MAX / 2 / 64] = {0}; /* a bit for every two bytes */
  uint32_t bytes = 0;
  for (unsigned i = 0; i < ufo_page_count(page); i++) {
    uint32_t offset = ufo_get_le16(page + UFO_PAGE_HEADER + 2u * i);
    if (offset < upper || offset % 2 != 0) return "a node lies outside the page's nodes";
    uint32_t size = size_of_node(page, page_bytes, offset);
    if (!size) return "a node reaches beyond its page";
    for (uint32_t k = offset / 2; k < (offset + size) / 2; k++) {
      if (taken[k / 64] & UINT64_C(1) << k % 64) return "nodes overlap";
      taken[k / 64] |= UINT64_C(1) << k % 64;
    }
    bytes += size;
    const char *cause = check_node(page, page_bytes, i);
    if (cause) return cause;
  }
  return bytes == page_bytes - upper ? NULL : "there are gaps between nodes";
}

const char *ufo_page_check(const uint8_t *page, uint32_t page_bytes, uint64_t number) {
  if (ufo_get_le64(page) != number) return "it carries another page's number";
  /* Not dirty, which LMDB would write to where it is mapped (CVE-2019-16225); no pages of fixed-size keys, no pages
   * inside of nodes; one kind only. */
  uint16_t flags = ufo_get_le16(page + AT_FLAGS);
  if (flags != UFO_PAGE_BRANCH && flags != UFO_PAGE_LEAF) return "it has flags that a page of a tree never has";
  uint32_t lower = ufo_get_le16(page + AT_LOWER), upper = ufo_get_le16(page + AT_UPPER);
  if (lower < UFO_PAGE_HEADER || lower % 2 != 0 || lower > upper || upper > page_bytes || upper % 2 != 0) {
    return "the bounds of its free room are impossible"; /* CVE-2019-16226: sizes of copies are made of these */
  }
  if (ufo_page_count(page) < (flags == UFO_PAGE_LEAF ? 1u : 2u)) return "it has too few nodes";
  return check_nodes(page, page_bytes, upper);
}

const char *ufo_page_check_overflow(const uint8_t header[UFO_PAGE_HEADER], uint32_t page_bytes, uint64_t number,
                                    uint64_t value_bytes, uint64_t last_page, uint64_t *count_out) {
  if (ufo_get_le64(header) != number) return "it carries another page's number";
  if (ufo_get_le16(header + AT_FLAGS) != UFO_PAGE_OVERFLOW) return "it has flags that an overflow page never has";
  uint64_t count = ufo_get_le32(header + AT_LOWER), needed = (UFO_PAGE_HEADER - 1 + value_bytes) / page_bytes + 1;
  /* More than needed is allowed: LMDB writes a shorter value over a longer one of the same transaction. */
  if (count < needed) return "its run of overflow pages is shorter than its value";
  if (number > last_page || count > last_page - number + 1) return "its run of overflow pages ends outside the file";
  *count_out = count;
  return NULL;
}
