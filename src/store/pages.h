/* pages.h - the pages of an LMDB 0.9 file as bytes: decoding them, and whether each is in itself what LMDB writes.
 *
 * LMDB follows every number in a page without looking (its asserts are about its own mistakes). What is decoded here
 * comes from anybody, so every access is inside the page and every rule says what LMDB 0.9.24 would do without it.
 * Layout: data version 1, 64-bit, little-endian.
 *
 *   page    number u64, pad u16, flags u16, then: lower u16, upper u16 | overflow: pages u32       16 bytes
 *           branch and leaf: offsets of nodes, u16 each, up to `lower`; free room; nodes from `upper` to the page's end
 *   node    leaf: value bytes u32, flags u16, key bytes u16, key, value (or, big: the u64 number of an overflow page)
 *           branch: child's page u48, key bytes u16, key; the first one's key is empty: all that is below the second's
 *   record  of a tree: pad u32, flags u16, depth u16; pages: branch, leaf, overflow u64 each; entries u64, root u64
 *   meta    header; magic u32, version u32, address u64, map bytes u64, two records (free list, tables), last page u64,
 *           transaction u64 */
#ifndef UFO_STORE_PAGES_H
#define UFO_STORE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/engine.h"

#define UFO_PAGE_NONE UINT64_MAX             /* the root of an empty tree */
#define UFO_PAGE_TXN_MAX (UINT64_C(1) << 62) /* the last transaction; no file gets there by itself */

enum {
  UFO_PAGE_BYTES_MIN = 4096,
  UFO_PAGE_BYTES_MAX = 32768,
  UFO_PAGE_HEADER = 16,
  UFO_PAGE_META_BYTES = 152, /* with the header */
  UFO_PAGE_TREE_BYTES = 48,
  UFO_PAGE_DEPTH_MAX = 31, /* one below LMDB's stack, on which the split of a root pushes without looking */
  UFO_PAGE_BRANCH = 1,     /* flags of pages; no others are legal in a file, and no two together */
  UFO_PAGE_LEAF = 2,
  UFO_PAGE_OVERFLOW = 4,
  UFO_PAGE_META = 8,
  UFO_NODE_BIG = 1, /* flags of a leaf's nodes */
  UFO_NODE_TREE = 2,
};

typedef struct ufo_page_tree {
  uint32_t pad;
  uint16_t flags, depth;
  uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
} ufo_page_tree;

typedef struct ufo_page_meta {
  uint64_t number;
  uint16_t page_flags;
  uint32_t magic, version, page_bytes;
  uint64_t map_bytes, last_page, txn;
  ufo_page_tree free, tables;
} ufo_page_meta;

typedef struct ufo_page_node {
  ufo_slice key;
  uint16_t flags;       /* of a leaf */
  uint64_t child;       /* of a branch */
  uint64_t value_bytes; /* of a leaf; big: of what the overflow pages hold */
  const uint8_t *value; /* in the page; big: the 8 bytes of the overflow page's number */
} ufo_page_node;

void ufo_page_read_meta(const uint8_t bytes[UFO_PAGE_META_BYTES], ufo_page_meta *meta);
void ufo_page_read_tree(const uint8_t bytes[UFO_PAGE_TREE_BYTES], ufo_page_tree *tree);

/* What is wrong with a meta page by itself, or NULL. Magic, version and page size are the caller's. */
const char *ufo_page_check_meta(const ufo_page_meta *meta);
/* What is wrong with the record of a tree in a file with this last page, or NULL. `is_free_list`: it is of that. */
const char *ufo_page_check_tree(const ufo_page_tree *tree, uint64_t last_page, bool is_free_list);
/* What is wrong with a page of a tree, or NULL: then all of its nodes can be read. */
const char *ufo_page_check(const uint8_t *page, uint32_t page_bytes, uint64_t number);

/* Of a page that was checked. */
bool ufo_page_is_leaf(const uint8_t *page);
unsigned ufo_page_count(const uint8_t *page);
void ufo_page_read_node(const uint8_t *page, unsigned index, ufo_page_node *node);

/* What is wrong with the header of the first of the overflow pages of a value, or NULL; how many there are. */
const char *ufo_page_check_overflow(const uint8_t header[UFO_PAGE_HEADER], uint32_t page_bytes, uint64_t number,
                                    uint64_t value_bytes, uint64_t last_page, uint64_t *count_out);

#endif
