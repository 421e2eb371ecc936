/* scan.c - see scan.h.
 *
 * Of a damaged page nothing is known but that it may have held records, so the next sound record has a gap before it.
 * A page that is sound in itself may be that of another place, or of an earlier time: keys lie between those that the
 * branches above say, and the header knows how many records a tree has.
 * LMDB's list of free pages lies in a tree of its own: a page that is in it and that a table leads to was not meant. */
#include "store/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/scan_page.h"
#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

enum { DEPTH_MAX = 32, META_PAGES = 2 };
#define NO_PAGE UINT64_MAX

struct ufo_scan {
  int fd;
  ufo_scan_calls calls;
  uint64_t file_bytes, pages; /* pages: those that are there wholly, and that the header knows */
  uint32_t page_bytes;
  bool has_meta;
  ufo_page_meta meta;
  uint64_t missing, missing_free; /* pages behind the file's end; of these, in LMDB's list of free pages */
  uint8_t *seen, *free;           /* a bit for each page */
  bool free_known;                /* all of LMDB's list of free pages was sound */
  ufo_page_tree *subtree;         /* while the main tree is walked: UFO_TABLE_COUNT, root 0: not found */
  ufo_table table;
  bool gap, damaged;
  uint64_t sound; /* records of the table that were given so far */
};

uint64_t ufo_scan_file_bytes(const ufo_scan *scan) { return scan->file_bytes; }

ufo_status ufo_scan_read(int fd, uint64_t at, void *target, size_t bytes, ufo_error *error) {
  size_t done = 0;
  if (at > INT64_MAX - bytes) return ufo_fail(error, UFO_CORRUPT, "it should lie behind the end of any file");
  while (done < bytes) {
    ssize_t got = pread(fd, (uint8_t *)target + done, bytes - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ufo_fail(error, UFO_CORRUPT, "its bytes cannot be read: %s", strerror(errno));
    if (got == 0) return ufo_fail(error, UFO_CORRUPT, "the file ends before it");
    done += (size_t)got;
  }
  return UFO_OK;
}

static bool get_bit(const uint8_t *bits, uint64_t page) { return bits[page / 8] >> page % 8 & 1; }
static void set_bit(uint8_t *bits, uint64_t page) { bits[page / 8] |= (uint8_t)(1u << page % 8); }
static void clear_bit(uint8_t *bits, uint64_t page) { bits[page / 8] &= (uint8_t) ~(1u << page % 8); }

static void note_gap(ufo_scan *scan) { scan->gap = scan->damaged = true; }

/* ---- headers --------------------------------------------------------------------------------------------------- */

static bool read_meta(ufo_scan *scan, uint64_t at, ufo_page_meta *meta) {
  uint8_t page[UFO_PAGE_META_BYTES];
  return !ufo_scan_read(scan->fd, at, page, sizeof page, NULL) && ufo_scan_meta_at(page, meta);
}

/* The page size is where the second header is, too. */
static void find_metas(ufo_scan *scan) {
  ufo_page_meta metas[META_PAGES];
  bool good[META_PAGES] = {read_meta(scan, 0, &metas[0])};
  scan->page_bytes = good[0] ? metas[0].page_bytes : 4096;
  for (uint32_t bytes = 4096; bytes <= 32768 && !good[1]; bytes *= 2) {
    good[1] = read_meta(scan, bytes, &metas[1]) && metas[1].page_bytes == bytes;
  }
  if (good[0] && good[1] && metas[0].page_bytes != metas[1].page_bytes) good[0] = false;
  if (good[1]) scan->page_bytes = metas[1].page_bytes;
  scan->has_meta = good[0] || good[1];
  for (int i = 0; i < META_PAGES; i++) {
    if (good[i] && (metas[i].txn & 1) != (unsigned)i && metas[i].txn > 0)
      scan->calls.damage(scan->calls.user, "a header page has the number of another commit: which one is the newest "
                                           "cannot be told for sure");
  }
  if (!good[0] && !good[1]) {
    scan->calls.damage(scan->calls.user, "both header pages are damaged: what was current cannot be told for sure");
    return;
  }
  if (!good[0] || !good[1]) {
    scan->calls.damage(scan->calls.user, "one of the two header pages is damaged: if it was that of the last commit, "
                                         "all is as the commit before it left it");
  }
  bool second = good[1] && (!good[0] || metas[1].txn > metas[0].txn);
  scan->meta = metas[second];
  const ufo_page_meta *other = &metas[!second];
  if (good[0] && good[1] && scan->meta.txn > 1 && scan->meta.txn - other->txn != 1) {
    scan->calls.damage(scan->calls.user, "the two header pages are not of commits that follow each other: which one is "
                                         "the newest cannot be told for sure");
  }
}

ufo_status ufo_scan_create(int fd, const ufo_scan_calls *calls, ufo_scan **scan_out, ufo_error *error) {
  *scan_out = NULL;
  struct stat file;
  if (fstat(fd, &file)) return ufo_fail_errno(error, errno, "cannot examine it");
  ufo_scan *scan = calloc(1, sizeof *scan);
  if (!scan) return ufo_fail(error, UFO_FULL, "out of memory");
  scan->fd = fd;
  scan->calls = *calls;
  scan->file_bytes = (uint64_t)file.st_size;
  find_metas(scan);
  scan->pages = scan->file_bytes / scan->page_bytes;
  if (scan->has_meta) {
    if (scan->meta.last_page >= scan->pages) {
      scan->missing = scan->meta.last_page - scan->pages + 1;
    } else {
      scan->pages = scan->meta.last_page + 1;
    }
  }
  scan->seen = calloc(1, scan->pages / 8 + 1);
  scan->free = calloc(1, scan->pages / 8 + 1);
  if (!scan->seen || !scan->free) {
    ufo_scan_free(scan);
    return ufo_fail(error, UFO_FULL, "out of memory");
  }
  *scan_out = scan;
  return UFO_OK;
}

void ufo_scan_free(ufo_scan *scan) {
  if (!scan) return;
  free(scan->seen);
  free(scan->free);
  free(scan);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

/* Where a large value begins; false if that is not in the file or, unless `trust`, if its first page says otherwise. */
static bool find_large(ufo_scan *scan, const ufo_scan_raw *node, bool trust, uint64_t *at_out) {
  uint8_t head[UFO_PAGE_HEADER];
  uint64_t first = ufo_get_le64(node->value.data), run = ufo_scan_run(node->value_bytes, scan->page_bytes);
  if (first < META_PAGES || first >= scan->pages || run > scan->pages - first) return false;
  if (ufo_scan_read(scan->fd, first * scan->page_bytes, head, sizeof head, NULL)) return false;
  if (!trust && !ufo_scan_large(head, first, run)) return false;
  *at_out = first * scan->page_bytes + UFO_PAGE_HEADER;
  return true;
}

static ufo_status give_node(ufo_scan *scan, ufo_scan_origin origin, uint64_t page_at, const uint8_t *page,
                            const ufo_scan_raw *node, bool first, ufo_error *error) {
  ufo_scan_node out = {.origin = origin,
                       .table = scan->table,
                       .first = first,
                       .gap = scan->gap,
                       .key = node->key,
                       .value = node->value,
                       .value_at = page_at + (uint64_t)(node->value.data - page),
                       .value_bytes = node->value_bytes};
  if (node->flags & UFO_NODE_TREE) return UFO_CORRUPT;
  if (node->flags & UFO_NODE_BIG) {
    out.value.bytes = 0;
    /* What a reached node says is checked by others: a seal, or the hash of a chunk. */
    if (!find_large(scan, node, origin == UFO_SCAN_REACHED, &out.value_at)) return UFO_CORRUPT;
  }
  ufo_status status = scan->calls.node(scan->calls.user, &out, error);
  if (!status && (node->flags & UFO_NODE_BIG)) { /* so that its bytes are not taken for pages */
    uint64_t from = ufo_get_le64(node->value.data), run = ufo_scan_run(node->value_bytes, scan->page_bytes);
    for (uint64_t i = 0; i < run; i++) set_bit(scan->seen, from + i);
  }
  return status;
}

/* ---- trees ----------------------------------------------------------------------------------------------------- */

/* What a leaf of LMDB's own trees holds: the tables, or lists of free pages. */
static bool take_subtree(ufo_scan *scan, const ufo_scan_raw *node) {
  if (!(node->flags & UFO_NODE_TREE) || node->value_bytes != UFO_PAGE_TREE_BYTES) return false;
  for (int table = 0; table < UFO_TABLE_COUNT; table++) {
    const char *name = ufo_table_name((ufo_table)table);
    if (strlen(name) != node->key.bytes || memcmp(name, node->key.data, node->key.bytes)) continue;
    ufo_page_read_tree(node->value.data, &scan->subtree[table]);
    return true;
  }
  return true; /* a table of a later release */
}

static bool take_free(ufo_scan *scan, const ufo_scan_raw *node) {
  uint64_t at, count;
  uint8_t *list = malloc(node->value_bytes + 8);
  bool good = list && node->key.bytes == 8 && node->value_bytes >= 8 && node->value_bytes % 8 == 0;
  if (good && (node->flags & UFO_NODE_BIG)) {
    good = find_large(scan, node, false, &at) && !ufo_scan_read(scan->fd, at, list, node->value_bytes, NULL);
  } else if (good) {
    memcpy(list, node->value.data, node->value_bytes);
  }
  count = good ? ufo_get_le64(list) : 0;
  if (count > (node->value_bytes - 8) / 8) good = false;
  for (uint64_t i = 1; good && i <= count; i++) {
    uint64_t page = ufo_get_le64(list + 8 * i);
    if (page < META_PAGES) good = false;
    else if (page < scan->pages) set_bit(scan->free, page);
    else if (page <= scan->meta.last_page) scan->missing_free++;
  }
  free(list);
  return good;
}

typedef enum tree_kind { TREE_FREE, TREE_MAIN, TREE_TABLE } tree_kind;

/* Keys of what is below a branch's node, from `low` (included) to `high` (excluded); data NULL: no limit. */
typedef struct key_range {
  ufo_slice low, high;
} key_range;

static int key_order(ufo_slice a, ufo_slice b) {
  int order = memcmp(a.data, b.data, ufo_min(a.bytes, b.bytes));
  return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static bool is_in_range(const key_range *range, ufo_slice key) {
  return (!range->low.data || key_order(range->low, key) <= 0) &&
         (!range->high.data || key_order(key, range->high) < 0);
}

/* What of `range` is below node `index` of a branch. (LMDB leaves the key of the first node empty.) */
static key_range narrow(const ufo_scan *scan, const key_range *range, const uint8_t *page, unsigned nodes,
                        unsigned index) {
  key_range inner = *range;
  ufo_scan_raw node;
  if (index > 0 && ufo_scan_raw_at(page, scan->page_bytes, UFO_SCAN_BRANCH, index, &node) &&
      (!inner.low.data || key_order(inner.low, node.key) < 0))
    inner.low = node.key;
  if (index + 1 < nodes && ufo_scan_raw_at(page, scan->page_bytes, UFO_SCAN_BRANCH, index + 1, &node) &&
      (!inner.high.data || key_order(node.key, inner.high) < 0))
    inner.high = node.key;
  return inner;
}

static ufo_status walk_leaf(ufo_scan *scan, tree_kind kind, uint64_t number, const key_range *range,
                            const uint8_t *page, unsigned nodes, bool whole, ufo_error *error) {
  unsigned sound = 0;
  if (!whole) note_gap(scan);
  for (unsigned i = 0; i < nodes; i++) {
    ufo_scan_raw node;
    ufo_status status = UFO_CORRUPT;
    if (ufo_scan_raw_at(page, scan->page_bytes, UFO_SCAN_LEAF, i, &node)) {
      if (kind == TREE_TABLE) {
        if (is_in_range(range, node.key))
          status = give_node(scan, UFO_SCAN_REACHED, number * scan->page_bytes, page, &node, i == 0, error);
        scan->sound += status == UFO_OK;
      } else if (kind == TREE_MAIN ? take_subtree(scan, &node) : take_free(scan, &node)) {
        status = UFO_OK;
      }
    }
    if (status && status != UFO_CORRUPT) return status;
    if (status) {
      note_gap(scan);
    } else {
      sound++;
      scan->gap = !whole;
    }
  }
  if (!whole) note_gap(scan);
  if (nodes && !sound) clear_bit(scan->seen, number); /* it may be of another table */
  return UFO_OK;
}

static ufo_status walk(ufo_scan *scan, tree_kind kind, uint64_t number, unsigned depth, const key_range *range,
                       ufo_error *error) {
  if (number < META_PAGES || number >= scan->pages || get_bit(scan->seen, number) || depth == 0 ||
      (scan->free_known && get_bit(scan->free, number))) {
    note_gap(scan);
    return UFO_OK;
  }
  uint8_t *page = malloc(scan->page_bytes);
  if (!page) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = UFO_OK;
  unsigned nodes = 0;
  bool whole = false;
  ufo_scan_kind found = UFO_SCAN_BAD;
  if (!ufo_scan_read(scan->fd, number * scan->page_bytes, page, scan->page_bytes, NULL))
    found = ufo_scan_check(page, scan->page_bytes, number, &nodes, &whole);
  if (found == UFO_SCAN_BAD || (found == UFO_SCAN_LEAF) != (depth == 1)) {
    note_gap(scan);
  } else if (found == UFO_SCAN_LEAF) {
    set_bit(scan->seen, number);
    status = walk_leaf(scan, kind, number, range, page, nodes, whole, error);
  } else {
    set_bit(scan->seen, number);
    for (unsigned i = 0; i < nodes && !status; i++) {
      ufo_scan_raw node;
      if (!whole) note_gap(scan);
      if (!ufo_scan_raw_at(page, scan->page_bytes, UFO_SCAN_BRANCH, i, &node)) note_gap(scan);
      else {
        key_range inner = kind == TREE_TABLE ? narrow(scan, range, page, nodes, i) : *range;
        status = walk(scan, kind, node.child, depth - 1, &inner, error);
      }
    }
    if (!whole) note_gap(scan);
  }
  free(page);
  if (!status) status = scan->calls.progress(scan->calls.user, scan->page_bytes);
  return status;
}

static ufo_status walk_tree(ufo_scan *scan, tree_kind kind, ufo_page_tree tree, ufo_error *error) {
  const key_range all = {{0}, {0}};
  scan->gap = scan->damaged = false;
  scan->sound = 0;
  if (tree.root == NO_PAGE && tree.depth == 0) return UFO_OK; /* empty */
  return walk(scan, kind, tree.root, tree.depth <= DEPTH_MAX ? tree.depth : 0, &all, error);
}

ufo_status ufo_scan_tables(ufo_scan *scan, ufo_error *error) {
  ufo_page_tree trees[UFO_TABLE_COUNT] = {{0}};
  ufo_status status = UFO_OK;
  if (scan->has_meta) {
    status = walk_tree(scan, TREE_FREE, scan->meta.free, error);
    scan->free_known = !status && !scan->damaged;
    if (!status && scan->missing && !(scan->free_known && scan->missing_free == scan->missing))
      scan->calls.damage(scan->calls.user, "the file was cut short: its last pages are missing");
    scan->subtree = trees;
    if (!status) status = walk_tree(scan, TREE_MAIN, scan->meta.tables, error);
    scan->subtree = NULL;
  }
  for (int table = 0; table < UFO_TABLE_COUNT && !status; table++) {
    scan->table = (ufo_table)table;
    if (trees[table].root != 0) {
      status = walk_tree(scan, TREE_TABLE, trees[table], error);
    } else {
      scan->gap = scan->damaged = true;
    }
    const ufo_scan_end end = {(ufo_table)table, scan->gap, scan->damaged, scan->sound, trees[table].entries};
    if (!status) status = scan->calls.table_end(scan->calls.user, &end, error);
  }
  return status;
}

/* ---- the other pages ------------------------------------------------------------------------------------------- */

static ufo_status scan_other(ufo_scan *scan, ufo_scan_origin origin, uint64_t number, uint8_t *page, ufo_error *error) {
  unsigned nodes;
  bool whole;
  if (ufo_scan_read(scan->fd, number * scan->page_bytes, page, scan->page_bytes, NULL)) return UFO_OK;
  if (ufo_scan_check(page, scan->page_bytes, number, &nodes, &whole) != UFO_SCAN_LEAF) return UFO_OK;
  bool first = true;
  for (unsigned i = 0; i < nodes; i++) {
    ufo_scan_raw node;
    ufo_status status = UFO_CORRUPT;
    if (ufo_scan_raw_at(page, scan->page_bytes, UFO_SCAN_LEAF, i, &node))
      status = give_node(scan, origin, number * scan->page_bytes, page, &node, first || !whole, error);
    if (status && status != UFO_CORRUPT) return status;
    first = status != UFO_OK;
  }
  return UFO_OK;
}

ufo_status ufo_scan_others(ufo_scan *scan, ufo_scan_origin origin, ufo_error *error) {
  uint8_t *page = malloc(scan->page_bytes);
  if (!page) return ufo_fail(error, UFO_FULL, "out of memory");
  ufo_status status = UFO_OK;
  scan->gap = false;
  for (uint64_t number = META_PAGES; number < scan->pages && !status; number++) {
    bool in_use = scan->free_known && !get_bit(scan->free, number);
    bool is_one = !get_bit(scan->seen, number) && in_use == (origin == UFO_SCAN_ORPHAN);
    if (is_one) status = scan_other(scan, origin, number, page, error);
    if (!status) status = scan->calls.progress(scan->calls.user, is_one ? scan->page_bytes : 0);
  }
  free(page);
  return status;
}
