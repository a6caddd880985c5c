/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded when the first client is made. A shop that calls no external servers does not
 * load it: linked, it and the thirty libraries that it needs would cost every process 4 MB. Private
 * to http/https_*.c. */
#ifndef HTTP_HTTPS_LIBRARY_H
#define HTTP_HTTPS_LIBRARY_H

#include <curl/curl.h>

#include "base/arena.h"
#include "base/status.h"

/* Its functions, named without `curl_`. */
struct https_library {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(&(curl_easy_setopt)) easy_setopt;
    __typeof__(&(curl_easy_getinfo)) easy_getinfo;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(&(curl_multi_setopt)) multi_setopt;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_socket_action) *multi_socket_action;
    __typeof__(curl_multi_info_read) *multi_info_read;
    __typeof__(curl_multi_assign) *multi_assign;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
};

/* Any thread; blocks. The library stays loaded until the process ends. FAILED_PRECONDITION when it
 * is not installed. */
struct status https_library_load(struct arena *arena, const struct https_library **ret_library);

#endif
