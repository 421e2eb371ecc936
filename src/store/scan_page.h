/* scan_page.h - what can be had of one page of LMDB 0.9 that may be damaged: pages.h refuses such a page, here it is
 * read as far as it goes. For scan.c. */
#ifndef UFO_STORE_SCAN_PAGE_H
#define UFO_STORE_SCAN_PAGE_H

#include "store/pages.h"

typedef enum ufo_scan_kind { UFO_SCAN_BAD, UFO_SCAN_BRANCH, UFO_SCAN_LEAF } ufo_scan_kind;

/* Of a page of `page_bytes` bytes that should have this number. *nodes_out is the number of nodes; *whole_out is false
 * if they do not fill it as they should: nodes may be missing. */
ufo_scan_kind ufo_scan_check(const uint8_t *page, uint32_t page_bytes, uint64_t number, unsigned *nodes_out,
                             bool *whole_out);

typedef struct ufo_scan_raw {
  ufo_slice key;
  uint64_t child;       /* of a branch */
  unsigned flags;       /* of a leaf: UFO_NODE_BIG, UFO_NODE_TREE */
  uint64_t value_bytes; /* of a leaf */
  ufo_slice value;      /* the bytes in this page: the value, or 8 bytes that name its first page if it is large */
} ufo_scan_raw;

/* False if the node does not lie inside the page. */
bool ufo_scan_raw_at(const uint8_t *page, uint32_t page_bytes, ufo_scan_kind kind, unsigned index, ufo_scan_raw *node);

/* Pages that a large value takes. */
uint64_t ufo_scan_run(uint64_t value_bytes, uint32_t page_bytes);
/* Is it the first page of a large value that takes `pages` pages? `pages` 0: any number, which is returned. */
uint32_t ufo_scan_large(const uint8_t *head, uint64_t number, uint64_t pages);

/* False if it is no header. */
bool ufo_scan_meta_at(const uint8_t *page, ufo_page_meta *meta);

#endif
