/* SPDX-License-Identifier: Apache-2.0 */
/* The program: sets the process up (allocator, limit of files, signals) and runs the command
 * line. */
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

#include "app/command.h"

/* Blocks of this size and more are mapped, and returned to the system when they are freed. Setting
 * the threshold also stops glibc from raising it, after which the 19 MiB of each password hash
 * would stay in the process. */
enum { MAP_FROM = 1024 * 1024 };

/* Every connection is an open file, so the soft limit is raised to the hard one. */
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
    /* Writing to a peer that hung up, or to a file that may not grow any more, must fail rather than
     * end the process. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return command_main(argc, argv);
}
