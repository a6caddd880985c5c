/* SPDX-License-Identifier: Apache-2.0 */
/* See file.h. */
#include "base/file.h"

#include <errno.h>
#include <unistd.h>

bool file_write_all(int file, struct str bytes)
{
    while (bytes.length > 0) {
        ssize_t written = write(file, bytes.data, bytes.length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes = str_sized(bytes.data + written, bytes.length - (size_t)written);
    }
    return true;
}
