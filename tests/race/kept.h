/* kept.h - what the source of a region keeps, which threads of the pool read and write. Include after WORDS is defined:
 * how many words there are. */
#ifndef UFO_TEST_RACE_KEPT_H
#define UFO_TEST_RACE_KEPT_H

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <ufostore/ufostore.h>

static uint64_t kept[WORDS]; /* kept_lock, while the region is used */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t kept_word(uint64_t i) {
  pthread_mutex_lock(&kept_lock);
  uint64_t word = kept[i];
  pthread_mutex_unlock(&kept_lock);
  return word;
}

static void keep(uint64_t offset, uint64_t bytes, const void *data) {
  pthread_mutex_lock(&kept_lock);
  memcpy((char *)kept + offset, data, bytes);
  pthread_mutex_unlock(&kept_lock);
}

static int populate_kept(void *user, uint64_t offset, uint64_t bytes, void *target, ufo_error *error) {
  (void)user, (void)error;
  pthread_mutex_lock(&kept_lock);
  memcpy(target, (char *)kept + offset, bytes);
  pthread_mutex_unlock(&kept_lock);
  return UFO_OK;
}

#endif
