/* SPDX-License-Identifier: Apache-2.0 */
/* libmongoc and libbson, loaded when the first store asks for them: linked, they and what they need
 * would cost every process several megabytes. Private to store/mongodb. */
#ifndef STORE_MONGODB_LIBRARY_H
#define STORE_MONGODB_LIBRARY_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <mongoc/mongoc.h>
#pragma GCC diagnostic pop

#include "base/arena.h"
#include "base/status.h"

/* The functions that we use, by their own names. */
#define MONGODB_FUNCTIONS(X)                   \
    X(bson_append_array)                       \
    X(bson_append_array_begin)                 \
    X(bson_append_array_end)                   \
    X(bson_append_binary)                      \
    X(bson_append_bool)                        \
    X(bson_append_date_time)                   \
    X(bson_append_document)                    \
    X(bson_append_document_begin)              \
    X(bson_append_document_end)                \
    X(bson_append_int32)                       \
    X(bson_append_int64)                       \
    X(bson_append_iter)                        \
    X(bson_append_null)                        \
    X(bson_append_oid)                         \
    X(bson_append_utf8)                        \
    X(bson_concat)                             \
    X(bson_copy_to)                            \
    X(bson_destroy)                            \
    X(bson_get_data)                           \
    X(bson_init)                               \
    X(bson_init_static)                        \
    X(bson_iter_array)                         \
    X(bson_iter_as_int64)                      \
    X(bson_iter_binary)                        \
    X(bson_iter_bool)                          \
    X(bson_iter_date_time)                     \
    X(bson_iter_document)                      \
    X(bson_iter_find_descendant)               \
    X(bson_iter_init)                          \
    X(bson_iter_next)                          \
    X(bson_iter_oid)                           \
    X(bson_iter_type)                          \
    X(bson_iter_utf8)                          \
    X(bson_oid_init)                           \
    X(bson_validate)                           \
    X(mongoc_client_get_server_descriptions)   \
    X(mongoc_client_pool_destroy)              \
    X(mongoc_client_pool_new)                  \
    X(mongoc_client_pool_push)                 \
    X(mongoc_client_pool_set_error_api)        \
    X(mongoc_client_pool_try_pop)              \
    X(mongoc_client_read_command_with_opts)    \
    X(mongoc_client_set_stream_initiator)      \
    X(mongoc_client_write_command_with_opts)   \
    X(mongoc_init)                             \
    X(mongoc_log_set_handler)                  \
    X(mongoc_read_concern_destroy)             \
    X(mongoc_read_concern_new)                 \
    X(mongoc_read_concern_set_level)           \
    X(mongoc_read_prefs_destroy)               \
    X(mongoc_read_prefs_new)                   \
    X(mongoc_server_description_type)          \
    X(mongoc_server_descriptions_destroy_all)  \
    X(mongoc_stream_poll)                      \
    X(mongoc_stream_destroy)                   \
    X(mongoc_uri_destroy)                      \
    X(mongoc_uri_get_database)                 \
    X(mongoc_uri_get_option_as_int32)          \
    X(mongoc_uri_get_option_as_utf8)           \
    X(mongoc_uri_get_write_concern)            \
    X(mongoc_uri_has_option)                   \
    X(mongoc_uri_new_with_error)               \
    X(mongoc_uri_set_appname)                  \
    X(mongoc_uri_set_option_as_int32)          \
    X(mongoc_uri_set_read_concern)             \
    X(mongoc_uri_set_write_concern)            \
    X(mongoc_write_concern_copy)               \
    X(mongoc_write_concern_destroy)            \
    X(mongoc_write_concern_get_journal)        \
    X(mongoc_write_concern_get_w)              \
    X(mongoc_write_concern_get_wmajority)      \
    X(mongoc_write_concern_journal_is_set)     \
    X(mongoc_write_concern_set_journal)        \
    X(mongoc_write_concern_set_w)              \
    X(mongoc_write_concern_set_wtimeout_int64) \
    X(mongoc_write_concern_get_wtimeout_int64)

struct mongodb_library {
#define MONGODB_MEMBER(name) __typeof__(&(name)) name;
    MONGODB_FUNCTIONS(MONGODB_MEMBER)
#undef MONGODB_MEMBER
    /* How libmongoc connects by itself. It is exported for the drivers of other languages, and no
     * header declares it. NULL: this version has none. */
    mongoc_stream_initiator_t connect;
};

/* Filled by mongodb_library_load. */
extern struct mongodb_library mongodb_library;

/* Any thread; blocks. The library stays loaded until the process ends. FAILED_PRECONDITION
 * (SETTING_INVALID) if it is not installed. */
struct status mongodb_library_load(struct arena *arena);

#endif
