/* thread.h - threads of the library: named, with every signal blocked, so that no handler of the host runs on them. */
#ifndef UFO_OS_THREAD_H
#define UFO_OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* False and errno set if the system has no room for one more. */
bool ufo_thread_start(pthread_t *thread, void *(*run)(void *), void *argument, bool detached);
/* Runs work(user) in as many threads as processors, up to `most` and 8, of which the caller is one, and returns when
 * all have ended. Where the system refuses threads there are fewer: what is to be done is to be taken from `user`, by
 * whoever comes first. */
void ufo_thread_share(uint64_t most, void (*work)(void *user), void *user);
/* Names the calling thread, in 15 bytes at most. Its starter cannot: a detached thread may be gone by then. */
void ufo_thread_set_name(const char *name);
/* The calling thread computes and nobody waits for it: its wake-up does not take the processor from who runs there. */
void ufo_thread_is_background(void);
/* The kernel's id of the calling thread, as userfaultfd reports it. */
int ufo_thread_id(void);
/* Processors that the calling thread may use, or may use when it roams; at least 1. */
unsigned ufo_thread_processors(void);
/* Keeps the calling thread on one of them, the `which`th modulo their number, until it roams. Threads that it starts
 * are free from the first. False if it stays free to move. */
bool ufo_thread_stay(unsigned which);
void ufo_thread_roam(void);

#endif
