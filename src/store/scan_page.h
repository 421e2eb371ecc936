/* scan_page.h - one page of LMDB 0.9 as bytes: what it is, and its nodes. For scan.c. */
#ifndef UFO_STORE_SCAN_PAGE_H
#define UFO_STORE_SCAN_PAGE_H

#include "store/engine.h"

enum { UFO_PAGE_HEAD_BYTES = 16, UFO_PAGE_META_BYTES = 152, UFO_TREE_BYTES = 48 };

typedef enum ufo_page_kind { UFO_PAGE_BAD, UFO_PAGE_BRANCH, UFO_PAGE_LEAF } ufo_page_kind;

/* Of a page of `page_bytes` bytes that should have this number. *nodes_out is the number of nodes; *whole_out is false
 * if they do not fill it as they should: nodes may be missing. */
ufo_page_kind ufo_page_check(const uint8_t *page, uint32_t page_bytes, uint64_t number, unsigned *nodes_out,
                             bool *whole_out);

typedef struct ufo_page_node {
  ufo_slice key;
  uint64_t child;       /* of a branch */
  unsigned flags;       /* of a leaf: those below */
  uint64_t value_bytes; /* of a leaf */
  ufo_slice value;      /* the bytes in this page: the value, or 8 bytes that name its first page if it is large */
} ufo_page_node;
enum { UFO_NODE_LARGE = 1, UFO_NODE_TREE = 2 };

/* False if the node does not lie inside the page. */
bool ufo_page_node_at(const uint8_t *page, uint32_t page_bytes, ufo_page_kind kind, unsigned index,
                      ufo_page_node *node);

/* Pages that a large value takes. */
uint64_t ufo_page_run(uint64_t value_bytes, uint32_t page_bytes);
/* Is it the first page of a large value that takes `pages` pages? `pages` 0: any number, which is returned. */
uint32_t ufo_page_large(const uint8_t *head, uint64_t number, uint64_t pages);

typedef struct ufo_page_tree {
  uint64_t entries, root;
  unsigned depth;
} ufo_page_tree;
ufo_page_tree ufo_page_tree_at(const uint8_t *bytes);

typedef struct ufo_page_meta {
  uint32_t page_bytes;
  uint64_t last_page, txn;
  ufo_page_tree free, main;
} ufo_page_meta;
/* False if it is no header. */
bool ufo_page_meta_at(const uint8_t *page, ufo_page_meta *meta);

#endif
