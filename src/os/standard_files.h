/* standard_files.h - no file that is opened here becomes standard input, output or error. */
#ifndef UFO_OS_STANDARD_FILES_H
#define UFO_OS_STANDARD_FILES_H

/* Where descriptors 0, 1 and 2 are closed, the next file opened would get their numbers, and a message printed by
 * anybody would be written into it. This takes the numbers first; they stay as unusable as they were. Called before a
 * store or a scratch file is opened. */
void ufo_guard_standard_files(void);

#endif
