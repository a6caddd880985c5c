/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <signal.h>

#include "app/command.h"

/* Blocks from here on are mapped and given back when they are freed. A fixed number also stops
 * glibc from raising it by itself, after which each password hash's 19 MiB would stay with the
 * process. */
enum { MAP_FROM = 1024 * 1024 };

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD, MAP_FROM);
    signal(SIGPIPE,
           SIG_IGN); /* a peer that hangs up is an error of its write, not the end of the shop */
    return command_main(argc, argv);
}
