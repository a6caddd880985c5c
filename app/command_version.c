/* SPDX-License-Identifier: Apache-2.0 */
/* argosy version. */
#include <stdio.h>

#include <nghttp2/nghttp2.h>
#include <openssl/opensslv.h>
#include <sqlite3.h>
#include <uv.h>

#include "app/commands.h"

static int print_version(const struct command_line *line)
{
    printf("argosy %s\n", ARGOSY_VERSION);
    printf("libuv %s, nghttp2 %s, SQLite %s, %s\n", uv_version_string(),
           nghttp2_version(0)->version_str, sqlite3_libversion(), OPENSSL_VERSION_TEXT);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Print the versions of the program and its libraries.",
    .description =
        "Prints the program's version and the versions of the libraries that it runs with.",
    .without_settings = true,
    .run = print_version,
};
