/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

#include "app/command.h"

/* Blocks from here on are mapped and given back when they are freed. A fixed number also stops
 * glibc from raising it by itself, after which each password hash's 19 MiB would stay with the
 * process. */
enum { MAP_FROM = 1024 * 1024 };

/* A connection is a file: as many as the system lets us have, not as many as shells start with. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD, MAP_FROM);
    raise_file_limit();
    signal(SIGPIPE,
           SIG_IGN); /* a peer that hangs up is an error of its write, not the end of the shop */
    return command_main(argc, argv);
}
