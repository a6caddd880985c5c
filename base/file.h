/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of files. Blocks, so it is not for fibers. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/str.h"

/* Writes all bytes, however many calls that takes. False with errno if some could not be written. */
bool file_write_all(int file, struct str bytes);

#endif
