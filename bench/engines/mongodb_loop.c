/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the commands of one operation again and again by libmongoc alone: the yardstick for the stores
 * on MongoDB.
 *
 *     mongodb_loop [-c CALLERS] [-s SECONDS] URL DATABASE COMMANDS
 *
 * COMMANDS is a file of mongodb_tap; the operation begins with its last `find`. Each caller is a thread
 * with a client of its own and works on a document of its own, which bench_stores has made: the address
 * shopper-00@example.com stands for it. The id and the version that its find has returned take the place
 * of those in the commands that follow, so that each update matches. URL says what else a command has
 * (w, journal, readConcernLevel), as it does for the store.
 *
 * Prints "RESULT operations, per second, p50 ms, p99 ms, errors" and "PROCESSOR", the microseconds of
 * processor time of this process for each operation. */
#include <getopt.h>
#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { COMMANDS_MAX = 16, CALLERS_MAX = 64, SAMPLES_MAX = 1024 * 1024, US_PER_S = 1000000 };

static const char stands_for[] = "shopper-00@example.com";

static struct {
    int callers, seconds;
    const char *database;
    bson_t *commands[COMMANDS_MAX];
    int command_count;
    bson_oid_t id; /* of the document in the commands, if they name it */
    bool has_id;
    int64_t version; /* which they expect */
    int64_t end_us;
    mongoc_client_pool_t *pool;
    atomic_long done, errors;
    float *samples_ms;
} loop = {.callers = 8, .seconds = 4};

struct caller {
    pthread_t thread;
    char email[sizeof(stands_for)];
    bson_oid_t id;
    int64_t version;
};

static int64_t now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * (int64_t)US_PER_S + time.tv_nsec / 1000;
}

static int64_t processor_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * (int64_t)US_PER_S +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

__attribute__((noreturn)) static void give_up(const char *what)
{
    fprintf(stderr, "mongodb_loop: %s\n", what);
    exit(1);
}

static bool is_find(const bson_t *command)
{
    bson_iter_t member;

    return bson_iter_init_find(&member, command, "find");
}

/* ---- the commands ---- */

/* Without what the client adds by itself. */
static void keep_command(const bson_t *read)
{
    bson_t *command = bson_new();

    bson_copy_to_excluding_noinit(read, command, "lsid", "$clusterTime", "txnNumber", "$db",
                                  "$readPreference", "readConcern", "writeConcern", "maxTimeMS",
                                  NULL);
    if (is_find(command)) loop.command_count = 0; /* the operation before has ended */
    if (loop.command_count == COMMANDS_MAX) give_up("the operation has too many commands");
    loop.commands[loop.command_count++] = command;
}

/* The document that the first update expects. */
static void find_expected(void)
{
    bson_iter_t update, member;

    for (int i = 0; i < loop.command_count; i++) {
        if (!bson_iter_init(&update, loop.commands[i]) ||
            !bson_iter_find_descendant(&update, "updates.0.q", &update) ||
            !bson_iter_recurse(&update, &member))
            continue;
        while (bson_iter_next(&member)) {
            if (BSON_ITER_HOLDS_OID(&member) && strcmp(bson_iter_key(&member), "_id") == 0) {
                loop.has_id = true;
                bson_oid_copy(bson_iter_oid(&member), &loop.id);
            }
            if (strcmp(bson_iter_key(&member), "argosy.version") == 0)
                loop.version = bson_iter_as_int64(&member);
        }
        return;
    }
}

static void read_commands(const char *path)
{
    bson_error_t error;
    bson_reader_t *reader = bson_reader_new_from_file(path, &error);
    const bson_t *read;

    if (!reader) give_up(error.message);
    while ((read = bson_reader_read(reader, NULL))) keep_command(read);
    bson_reader_destroy(reader);
    if (loop.command_count == 0 || !is_find(loop.commands[0]))
        give_up("the file of commands has no find");
    find_expected();
}

/* ---- one caller ---- */

static void replace_bytes(bson_t *command, const void *old, const void *new, size_t size)
{
    uint8_t *data = (uint8_t *)(uintptr_t)bson_get_data(command), *end = data + command->len;

    for (uint8_t *at = data; (at = memmem(at, (size_t)(end - at), old, size)); at += size)
        memcpy(at, new, size);
}

static void replace_versions(bson_iter_t *members, int64_t by)
{
    bson_iter_t below;

    while (bson_iter_next(members)) {
        if (BSON_ITER_HOLDS_INT64(members) && (bson_iter_int64(members) == loop.version ||
                                               bson_iter_int64(members) == loop.version + 1))
            bson_iter_overwrite_int64(members, bson_iter_int64(members) + by);
        else if ((BSON_ITER_HOLDS_DOCUMENT(members) || BSON_ITER_HOLDS_ARRAY(members)) &&
                 bson_iter_recurse(members, &below))
            replace_versions(&below, by);
    }
}

static bson_t *make_own(const struct caller *caller, const bson_t *command)
{
    bson_t *own = bson_copy(command);
    bson_iter_t members;

    replace_bytes(own, stands_for, caller->email, strlen(stands_for));
    if (loop.has_id && !is_find(own)) replace_bytes(own, &loop.id, &caller->id, sizeof(loop.id));
    if (!is_find(own) && bson_iter_init(&members, own))
        replace_versions(&members, caller->version - loop.version);
    return own;
}

/* Did a find find, and an update match? */
static bool take_reply(struct caller *caller, const bson_t *command, const bson_t *reply)
{
    bson_iter_t iter, found;

    if (!is_find(command))
        return bson_iter_init_find(&iter, reply, "n") && bson_iter_as_int64(&iter) > 0;
    if (!bson_iter_init(&iter, reply) ||
        !bson_iter_find_descendant(&iter, "cursor.firstBatch.0._id", &found))
        return false;
    if (BSON_ITER_HOLDS_OID(&found)) bson_oid_copy(bson_iter_oid(&found), &caller->id);
    if (bson_iter_init(&iter, reply) &&
        bson_iter_find_descendant(&iter, "cursor.firstBatch.0.argosy.version", &found))
        caller->version = bson_iter_as_int64(&found);
    return true;
}

static void run_once(struct caller *caller, mongoc_client_t *client)
{
    int64_t begun_us = now_us();
    bson_error_t error = {0};
    bool ok = true;

    for (int i = 0; i < loop.command_count && ok; i++) {
        bson_t reply, *own = make_own(caller, loop.commands[i]);
        ok = is_find(own) ? mongoc_client_read_command_with_opts(client, loop.database, own, NULL,
                                                                 NULL, &reply, &error)
                          : mongoc_client_write_command_with_opts(client, loop.database, own, NULL,
                                                                  &reply, &error);
        ok = ok && take_reply(caller, own, &reply);
        bson_destroy(&reply);
        bson_destroy(own);
    }
    if (!ok && atomic_fetch_add(&loop.errors, 1) == 0)
        fprintf(stderr, "mongodb_loop: %s\n",
                error.code ? error.message : "a command matches nothing");
    long at = atomic_fetch_add(&loop.done, 1);
    if (at < SAMPLES_MAX) loop.samples_ms[at] = (float)(now_us() - begun_us) / 1000;
}

static void *call_again_and_again(void *data)
{
    mongoc_client_t *client = mongoc_client_pool_pop(loop.pool);

    while (now_us() < loop.end_us) run_once(data, client);
    mongoc_client_pool_push(loop.pool, client);
    return NULL;
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void read_options(int count, char **words)
{
    for (int letter; (letter = getopt(count, words, "c:s:")) != -1;) {
        long value = letter == '?' ? 0 : strtol(optarg, NULL, 10);
        if (value <= 0 || value > (letter == 'c' ? CALLERS_MAX : 1000))
            give_up("usage: mongodb_loop [-c CALLERS] [-s SECONDS] URL DATABASE COMMANDS");
        *(letter == 'c' ? &loop.callers : &loop.seconds) = (int)value;
    }
    if (count - optind != 3)
        give_up("usage: mongodb_loop [-c CALLERS] [-s SECONDS] URL DATABASE COMMANDS");
    loop.database = words[optind + 1];
    read_commands(words[optind + 2]);
}

int main(int count, char **words)
{
    static struct caller callers[CALLERS_MAX];

    read_options(count, words);
    loop.samples_ms = calloc(SAMPLES_MAX, sizeof(float));
    mongoc_init();
    mongoc_uri_t *uri = mongoc_uri_new(words[optind]);
    if (!uri || !loop.samples_ms) give_up("libmongoc does not accept the URL");
    loop.pool = mongoc_client_pool_new(uri);
    mongoc_client_pool_set_error_api(loop.pool, MONGOC_ERROR_API_VERSION_2);
    int64_t begun_us = now_us(), used_us = processor_us();
    loop.end_us = begun_us + loop.seconds * (int64_t)US_PER_S;
    for (int i = 0; i < loop.callers; i++) {
        snprintf(callers[i].email, sizeof(callers[i].email), "shopper-%02d@example.com", i % 100);
        if (pthread_create(&callers[i].thread, NULL, call_again_and_again, &callers[i]))
            give_up("no thread can be made");
    }
    for (int i = 0; i < loop.callers; i++) pthread_join(callers[i].thread, NULL);

    long done = loop.done, samples = done < SAMPLES_MAX ? done : SAMPLES_MAX;
    if (samples == 0) give_up("nothing was done in time");
    int64_t took_us = now_us() - begun_us;
    used_us = processor_us() - used_us;
    qsort(loop.samples_ms, (size_t)samples, sizeof(float), compare);
    printf("RESULT %ld %.1f %.3f %.3f %ld\n", done, (double)done * US_PER_S / (double)took_us,
           (double)loop.samples_ms[samples / 2], (double)loop.samples_ms[samples * 99 / 100],
           loop.errors);
    printf("PROCESSOR %.2f\n", (double)used_us / (double)done);
    return loop.errors > 0;
}
