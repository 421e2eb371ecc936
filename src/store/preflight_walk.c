/* preflight_walk.c - see preflight.h.
 *
 * Three kinds of tree hang from a meta page: the list of free pages, the tree of tables, and the tables themselves,
 * each a value in the tree of tables. All are walked in the same way, with a stack of pages and the range of keys that
 * each page may have. One bitmap has every page that was met, in whatever role: none may be met twice. */
#include "store/preflight.h"

#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/checked.h"
#include "util/fail.h"

enum { TABLES_MAX = 32, STEP_PAGES = 64 };
#define PAGES_MAX (UINT64_C(1) << 35) /* so that the bitmap has a limit: 4 GiB, for a file of 128 TiB */

typedef enum tree_kind { FREE_LIST, TABLES, TABLE } tree_kind;

/* A page on the way to the one that is looked at. Its keys are at least `low` (if there is one) and below `high`. */
typedef struct level {
  uint8_t *page;
  uint64_t number;
  unsigned next;
  ufo_slice low, high;
} level;

typedef struct walk {
  const ufo_preflight_input *input;
  const ufo_page_meta *meta;
  ufo_progress_fn progress;
  void *user;
  ufo_error *error;
  bool is_short; /* not all of the file's pages are there */
  uint64_t *met; /* a bit for each page */
  uint64_t met_count, reported;
  uint8_t *buffer; /* for lists of free pages in overflow pages */
  level levels[UFO_PAGE_DEPTH_MAX];
  ufo_page_tree found; /* what the tree that is walked has been found to have */
  ufo_page_tree tables[TABLES_MAX];
  unsigned table_count;
} walk;

/* ---- what is met ------------------------------------------------------------------------------------------------- */

static ufo_status fail(const walk *w, uint64_t page, const char *cause) {
  return ufo_fail(w->error, UFO_CORRUPT, "store %s failed the preflight at page %llu: %s", w->input->name,
                  (unsigned long long)page, cause);
}

static ufo_status fail_table(const walk *w, tree_kind kind, const char *cause) {
  const char *what = kind == FREE_LIST ? "the list of free pages" : kind == TABLES ? "the tree of tables" : "a table";
  return ufo_fail(w->error, UFO_CORRUPT, "store %s failed the preflight at page %llu: %s: %s", w->input->name,
                  (unsigned long long)w->meta->number, what, cause);
}

/* Marks `count` pages; false: one of them was met before. The caller has seen that they are inside the file. */
static bool meet(walk *w, uint64_t first, uint64_t count) {
  for (uint64_t page = first; page < first + count; page++) {
    if (w->met[page / 64] & UINT64_C(1) << page % 64) return false;
    w->met[page / 64] |= UINT64_C(1) << page % 64;
  }
  w->met_count += count;
  return true;
}

static ufo_status report(walk *w) {
  if (!w->progress || w->met_count - w->reported < STEP_PAGES) return UFO_OK;
  w->reported = w->met_count;
  uint64_t unit = w->meta->page_bytes;
  return w->progress(w->user, w->met_count * unit, (w->meta->last_page + 1) * unit) ? UFO_END : UFO_OK;
}

static ufo_status read_at(const walk *w, uint64_t page, uint64_t offset, void *buffer, size_t bytes) {
  return w->input->read(w->input->source, page * w->meta->page_bytes + offset, buffer, bytes, w->error);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Meets the overflow pages of a big value. */
static ufo_status visit_big(walk *w, uint64_t page, const ufo_page_node *node, uint64_t *first_out) {
  uint8_t header[UFO_PAGE_HEADER];
  uint64_t first = ufo_get_le64(node->value), count;
  *first_out = first;
  if (first < 2 || first > w->meta->last_page) return fail(w, page, "a value lies outside the file");
  ufo_status status = read_at(w, first, 0, header, sizeof header);
  if (status) return status;
  const char *cause =
      ufo_page_check_overflow(header, w->meta->page_bytes, first, node->value_bytes, w->meta->last_page, &count);
  if (cause) return fail(w, first, cause);
  if (w->is_short && w->input->size(w->input->source) < (first + count) * w->meta->page_bytes)
    return fail(w, first, "its run of overflow pages was cut off");
  if (!meet(w, first, count)) return fail(w, first, "its run of overflow pages has pages that are used elsewhere");
  w->found.overflow_pages += count;
  return report(w);
}

/* Numbers of free pages: descending, inside the file, and of pages that nothing uses. LMDB writes to them. */
static ufo_status meet_free(walk *w, uint64_t page, const uint8_t *numbers, uint64_t count, uint64_t *before) {
  for (uint64_t i = 0; i < count; i++) {
    uint64_t number = ufo_get_le64(numbers + 8 * i);
    if (number < 2 || number > w->meta->last_page) return fail(w, page, "it lists a free page outside the file");
    if (number >= *before) return fail(w, page, "it lists free pages in a wrong order");
    *before = number;
    if (!meet(w, number, 1)) return fail(w, page, "it lists a page as free that is in use, or listed elsewhere");
  }
  return report(w);
}

/* A record of the list of free pages: their count, then their numbers. There may be room for more than the count. */
static ufo_status visit_free(walk *w, uint64_t page, const ufo_page_node *node) {
  if (ufo_get_le64(node->key.data) == 0 || ufo_get_le64(node->key.data) > w->meta->txn) {
    return fail(w, page, "it lists free pages of a transaction that has not been");
  }
  if (node->value_bytes < 8 || node->value_bytes % 8 != 0) return fail(w, page, "a list of free pages is cut off");
  uint64_t before = UINT64_MAX, first = 0, count, done = 0;
  bool big = node->flags & UFO_NODE_BIG;
  uint8_t head[8];
  ufo_status status = UFO_OK;
  if (big) status = visit_big(w, page, node, &first);
  if (big && !status) status = read_at(w, first, UFO_PAGE_HEADER, head, sizeof head);
  if (status) return status;
  count = ufo_get_le64(big ? head : node->value);
  if (count > node->value_bytes / 8 - 1) return fail(w, page, "a list of free pages is shorter than its count");
  if (!big) return meet_free(w, page, node->value + 8, count, &before);
  while (done < count && !status) {
    uint64_t now = ufo_min(count - done, w->meta->page_bytes / 8);
    status = read_at(w, first, UFO_PAGE_HEADER + 8 + 8 * done, w->buffer, (size_t)(8 * now));
    if (!status) status = meet_free(w, page, w->buffer, now, &before);
    done += now;
  }
  return status;
}

static ufo_status visit_table(walk *w, uint64_t page, const ufo_page_node *node) {
  if (node->value_bytes != UFO_PAGE_TREE_BYTES) return fail(w, page, "the record of a table has a wrong size");
  if (w->table_count == TABLES_MAX) return fail(w, page, "there are more tables than a store has");
  ufo_page_tree *table = &w->tables[w->table_count++];
  ufo_page_read_tree(node->value, table);
  const char *cause = ufo_page_check_tree(table, w->meta->last_page, false);
  return cause ? fail(w, page, cause) : UFO_OK;
}

static ufo_status visit_value(walk *w, tree_kind kind, uint64_t page, const ufo_page_node *node) {
  uint64_t first;
  w->found.entries++;
  if ((kind == TABLES) != ((node->flags & UFO_NODE_TREE) != 0)) {
    return fail(w, page, kind == TABLES ? "it has a value where tables belong" : "it has a table where values belong");
  }
  if (kind == TABLES) return visit_table(w, page, node);
  if (kind == FREE_LIST) return visit_free(w, page, node);
  return node->flags & UFO_NODE_BIG ? visit_big(w, page, node, &first) : UFO_OK;
}

/* ---- trees ------------------------------------------------------------------------------------------------------- */

/* As LMDB compares: numbers in the free list, else bytes, and the shorter of two that begin alike first. */
static int compare(tree_kind kind, ufo_slice a, ufo_slice b) {
  if (kind == FREE_LIST) {
    uint64_t x = ufo_get_le64(a.data), y = ufo_get_le64(b.data);
    return (x > y) - (x < y);
  }
  int order = memcmp(a.data, b.data, a.bytes < b.bytes ? a.bytes : b.bytes);
  return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

/* The keys of a page ascend, and are in its range. A branch's first key is empty and stands for the low end. */
static ufo_status check_keys(const walk *w, tree_kind kind, const level *l) {
  bool leaf = ufo_page_is_leaf(l->page);
  ufo_slice before = l->low;
  for (unsigned i = leaf ? 0 : 1; i < ufo_page_count(l->page); i++) {
    ufo_page_node node;
    ufo_page_read_node(l->page, i, &node);
    if (kind == FREE_LIST && node.key.bytes != 8) return fail(w, l->number, "a key of the free list has a wrong size");
    int order = before.data ? compare(kind, before, node.key) : -1;
    bool may_equal = leaf && i == 0; /* the first key of a leaf is often the very key that leads there */
    if (order > 0 || (order == 0 && !may_equal)) return fail(w, l->number, "its keys are not in order");
    if (l->high.data && compare(kind, node.key, l->high) >= 0) {
      return fail(w, l->number, "it has keys that searches for them do not lead to");
    }
    before = node.key;
  }
  return UFO_OK;
}

/* Reads a page onto the stack at `depth`. */
static ufo_status enter(walk *w, tree_kind kind, unsigned depth, uint64_t number) {
  level *l = &w->levels[depth];
  if (!l->page && !(l->page = malloc(w->meta->page_bytes))) return ufo_fail(w->error, UFO_FULL, "out of memory");
  l->number = number;
  l->next = 0;
  if (!meet(w, number, 1)) return fail(w, number, "two places lead to it");
  ufo_status status = read_at(w, number, 0, l->page, w->meta->page_bytes);
  if (status) return status;
  const char *cause = ufo_page_check(l->page, w->meta->page_bytes, number);
  if (cause) return fail(w, number, cause);
  status = check_keys(w, kind, l);
  return status ? status : report(w);
}

static ufo_status visit_leaf(walk *w, tree_kind kind, const level *l) {
  ufo_status status = UFO_OK;
  w->found.leaf_pages++;
  for (unsigned i = 0; i < ufo_page_count(l->page) && !status; i++) {
    ufo_page_node node;
    ufo_page_read_node(l->page, i, &node);
    status = visit_value(w, kind, l->number, &node);
  }
  return status;
}

/* Goes to the next child of the branch at `depth`. */
static ufo_status descend(walk *w, tree_kind kind, unsigned depth) {
  level *parent = &w->levels[depth], *child = parent + 1;
  ufo_page_node node, after;
  ufo_page_read_node(parent->page, parent->next, &node);
  if (node.child < 2 || node.child > w->meta->last_page) return fail(w, parent->number, "a child is outside the file");
  child->low = parent->next == 0 ? parent->low : node.key;
  child->high = parent->high;
  if (++parent->next < ufo_page_count(parent->page)) {
    ufo_page_read_node(parent->page, parent->next, &after);
    child->high = after.key;
  }
  return enter(w, kind, depth + 1, node.child);
}

static ufo_status walk_pages(walk *w, tree_kind kind, const ufo_page_tree *tree) {
  unsigned depth = 0;
  w->levels[0].low = w->levels[0].high = (ufo_slice){NULL, 0};
  ufo_status status = enter(w, kind, 0, tree->root);
  while (!status) {
    level *l = &w->levels[depth];
    if (ufo_page_is_leaf(l->page) != (depth + 1 == tree->depth)) {
      return fail(w, l->number, "it is not as far from its root as the tree is deep");
    }
    if (ufo_page_is_leaf(l->page)) {
      status = visit_leaf(w, kind, l);
    } else {
      w->found.branch_pages++;
    }
    if (status) return status;
    while (ufo_page_is_leaf(w->levels[depth].page) || w->levels[depth].next == ufo_page_count(w->levels[depth].page)) {
      if (depth-- == 0) return UFO_OK;
    }
    status = descend(w, kind, depth++);
  }
  return status;
}

static ufo_status walk_tree(walk *w, tree_kind kind, const ufo_page_tree *tree) {
  w->found = (ufo_page_tree){0};
  if (tree->root == UFO_PAGE_NONE) return UFO_OK;
  ufo_status status = walk_pages(w, kind, tree);
  if (status) return status;
  if (w->found.branch_pages != tree->branch_pages || w->found.leaf_pages != tree->leaf_pages ||
      w->found.overflow_pages != tree->overflow_pages) {
    return fail_table(w, kind, "it has another number of pages than its record says");
  }
  if (w->found.entries != tree->entries)
    return fail_table(w, kind, "it has more or fewer entries than its record says");
  return UFO_OK;
}

/* Pages that are not there have to be free. */
static ufo_status check_missing(const walk *w) {
  uint64_t page = w->is_short ? w->input->size(w->input->source) / w->meta->page_bytes : UINT64_MAX;
  for (; page <= w->meta->last_page; page++) {
    if (!(w->met[page / 64] & UINT64_C(1) << page % 64)) return fail(w, page, "it is missing, and not free");
  }
  return UFO_OK;
}

static ufo_status walk_all(walk *w) {
  (void)meet(w, 0, 2); /* the meta pages */
  ufo_status status = walk_tree(w, TABLES, &w->meta->tables);
  for (unsigned i = 0; i < w->table_count && !status; i++) status = walk_tree(w, TABLE, &w->tables[i]);
  if (!status) status = walk_tree(w, FREE_LIST, &w->meta->free);
  return status ? status : check_missing(w);
}

ufo_status ufo_preflight_walk(const ufo_preflight_input *input, const ufo_page_meta *meta, ufo_progress_fn progress,
                              void *user, ufo_error *error) {
  if (meta->last_page >= PAGES_MAX) {
    return ufo_fail(error, UFO_UNSUPPORTED, "store %s has %llu pages: more than the preflight can look at", input->name,
                    (unsigned long long)meta->last_page);
  }
  walk *w = calloc(1, sizeof *w);
  uint64_t *met = calloc((size_t)(meta->last_page / 64 + 1), sizeof *met);
  uint8_t *buffer = malloc(meta->page_bytes);
  ufo_status status = UFO_OK;
  if (!w || !met || !buffer) {
    status = ufo_fail(error, UFO_FULL, "cannot look at the pages of store %s: out of memory", input->name);
  } else {
    *w = (walk){.input = input, .meta = meta, .progress = progress, .user = user, .error = error, .met = met};
    w->buffer = buffer;
    w->is_short = input->size(input->source) < (meta->last_page + 1) * meta->page_bytes;
    status = walk_all(w);
    for (unsigned i = 0; i < UFO_PAGE_DEPTH_MAX; i++) free(w->levels[i].page);
  }
  free(buffer);
  free(met);
  free(w);
  return status;
}
