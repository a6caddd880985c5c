/* SPDX-License-Identifier: Apache-2.0 */
/* Reads answers from the bytes of a connection: hiredis's reader, with limits and with memory of our
 * own. Private to store/redis.
 *
 *     reply_reader_init(&reader);
 *     reply_reader_feed(&reader, data, size);
 *     while ((found = reply_reader_next(&reader, &reply)) == REPLY_FOUND) ...
 *     reply_reader_release(&reader);
 *
 * An answer lives until the next call of reply_reader_next; reply_dup copies it into an arena. */
#ifndef STORE_REDIS_REPLY_H
#define STORE_REDIS_REPLY_H

#include "store/redis/redis.h"

/* The most bytes of one answer, and the most values in it. */
enum { REPLY_SIZE_MAX = 16 * 1024 * 1024, REPLY_VALUES_MAX = 65536 };

struct redisReader;

struct reply_reader {
    struct redisReader *hiredis;
    struct arena arena; /* the answer that is being read, and the last one */
    size_t size;        /* bytes of the answer so far */
    size_t values;
    bool answered; /* the arena holds a whole answer, which the next call drops */
};

enum reply_found {
    REPLY_FOUND,
    REPLY_INCOMPLETE, /* more bytes are needed */
    REPLY_BROKEN,     /* not RESP, or beyond a limit: the connection is of no more use */
};

void reply_reader_init(struct reply_reader *reader);
void reply_reader_release(struct reply_reader *reader);
void reply_reader_feed(struct reply_reader *reader, const void *data, size_t size);
enum reply_found reply_reader_next(struct reply_reader *reader,
                                   const struct redis_reply **ret_reply);
/* Why the answer is broken, for the log. */
const char *reply_reader_error(const struct reply_reader *reader);

/* A deep copy; its texts are NUL-terminated. */
const struct redis_reply *reply_dup(struct arena *arena, const struct redis_reply *reply);

#endif
