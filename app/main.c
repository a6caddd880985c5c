/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "app/command.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE,
           SIG_IGN); /* a peer that hangs up is an error of its write, not the end of the shop */
    return command_main(argc, argv);
}
