/* fault.h - a chunk that cannot be read becomes an R error.
 *
 * When R, or any C code it runs, touches a part of a view that cannot be produced (a damaged chunk, a disk error), the
 * kernel stops the thread with SIGBUS. The library recognises its own address and calls the hook installed here, which
 * raises the classed condition from inside the signal handler. The access is tried again at the next touch. */
#ifndef UFOR_FAULT_H
#define UFOR_FAULT_H

/* Installs the hook; the calling thread is taken to be R's main thread. */
void ufor_fault_install(void);

#endif
