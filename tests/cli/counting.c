/* counting.c - to be preloaded into the tool by shared_lists.sh: how often the tool looks something up in LMDB goes to
 * the file "lookups" when it ends. */
#include <dlfcn.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

static unsigned long lookups;

/* The function that this one stands before; copied, since ISO C has no cast from an object to a function. */
static void find(const char *name, void *function_out) {
  void *address = dlsym(RTLD_NEXT, name);
  memcpy(function_out, &address, sizeof address);
}

int mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
  int (*get)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);
  find("mdb_get", &get);
  lookups++;
  return get(txn, dbi, key, data);
}

int mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op) {
  int (*get)(MDB_cursor *, MDB_val *, MDB_val *, MDB_cursor_op);
  find("mdb_cursor_get", &get);
  lookups++;
  return get(cursor, key, data, op);
}

__attribute__((destructor)) static void tell(void) {
  FILE *file = fopen("lookups", "we");
  if (!file) return;
  fprintf(file, "%lu\n", lookups);
  fclose(file);
}
