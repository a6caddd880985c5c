/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of log lines and of the writer's queue. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/status.h"
#include "base/test.h"
#include "observe/log.h"
#include "observe/log_line.h"

/* 2026-11-24T18:40:36.120Z */
static const int64_t some_time_us = 1795545636120000;

static struct log_line line;

static struct str json_of(const char *message, const struct trace *trace,
                          const struct log_field *fields, int count)
{
    struct log_event event = {LOG_WARN, some_time_us, trace, message, fields, count};
    log_line_json(&line, &event);
    return (struct str){line.text, line.length};
}

static struct str human_of(const char *message, const struct log_field *fields, int count)
{
    struct log_event event = {LOG_INFO, some_time_us, 0, message, fields, count};
    log_line_human(&line, &event, false);
    return (struct str){line.text, line.length};
}

static bool is_json(struct str text)
{
    struct json_reader reader;
    enum json_token token;

    json_reader_init(&reader, text, 4);
    while ((token = json_next(&reader)) != JSON_END)
        if (token == JSON_ERROR) return false;
    return true;
}

static bool contains(struct str text, const char *part)
{
    return memmem(text.data, text.length, part, strlen(part)) != 0;
}

TEST(json_line_has_time_level_ids_message_and_fields)
{
    struct trace trace = {.trace_id = {0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff},
                          .request_id = "req-1"};
    struct log_field fields[] = {LOG_STR("store", "cart"), LOG_INT("ms", -12),
                                 LOG_BOOL("slow", true), LOG_DOUBLE("load", 0.1)};
    struct str text = json_of("store is \"slow\"", &trace, fields, 4);

    CHECK(str_is(
        text, "{\"time\":\"2026-11-24T18:40:36.120Z\",\"level\":\"warn\",\"request_id\":\"req-1\","
              "\"trace_id\":\"0a0102030405060708090a0b0c0d0eff\","
              "\"message\":\"store is \\\"slow\\\"\",\"store\":\"cart\",\"ms\":-12,\"slow\":true,"
              "\"load\":0.1}\n"));
}

TEST(json_line_of_no_request_has_no_ids)
{
    CHECK(str_is(json_of("started", 0, 0, 0),
                 "{\"time\":\"2026-11-24T18:40:36.120Z\",\"level\":\"warn\","
                 "\"message\":\"started\"}\n"));
}

TEST(numbers_that_json_lacks_become_null)
{
    struct log_field fields[] = {LOG_DOUBLE("a", 0.0 / 0.0), LOG_DOUBLE("b", 1e308 * 10)};
    struct str text = json_of("x", 0, fields, 2);
    CHECK(is_json(text));
    CHECK(contains(text, "\"a\":null,\"b\":null"));
}

TEST(control_characters_cannot_forge_a_line)
{
    const char *hostile = "a\nb\rc\x1b[31m\x07\x7f\xc2\x9b\xe2\x80\xae\xe2\x80\xa8z";
    struct log_field field = LOG_STR("k\n", hostile);
    const char *escaped = "a\\nb\\u000dc\\u001b[31m\\u0007\\u007f\\u009b\\u202e\\u2028z";
    struct str text = json_of(hostile, 0, &field, 1);

    CHECK(is_json(text));
    CHECK_INT(str_find(text, '\n'), ==, text.length - 1);
    CHECK(contains(text, escaped));

    text = human_of(hostile, &field, 1);
    CHECK_INT(str_find(text, '\n'), ==, text.length - 1);
    CHECK_INT(str_find(text, '\x1b'), ==, text.length);
    CHECK(contains(text, escaped));
}

TEST(broken_utf8_is_replaced)
{
    struct log_field field = LOG_STR("name", "a\xff\xc3(\xed\xa0\x80 \xf0\x9f\x9a\xa2 \xc3");
    struct str text = json_of("x", 0, &field, 1);

    CHECK(is_json(text));
    CHECK(contains(
        text, "\"a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xf0\x9f\x9a\xa2 "
              "\xEF\xBF\xBD\""));
}

/* Every length around the limit, with characters of every size and escape at the truncation point.
 */
TEST(a_long_line_is_truncated_and_stays_json)
{
    static const char *const fillers[] = {"x",   "\n", "\x01", "\"", "\xc3\xa9", "\xf0\x9f\x9a\xa2",
                                          "\xff"};
    static char message[LOG_LINE_MAX * 2];

    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        for (size_t start = LOG_LINE_MAX - 200; start < LOG_LINE_MAX + 8; start++) {
            size_t length = start;
            struct log_field fields[] = {LOG_INT("number", 1234567890123),
                                         LOG_STR("text", fillers[i])};
            struct str text;

            memset(message, 'm', length);
            for (int n = 0; n < 20; n++) {
                memcpy(message + length, fillers[i], strlen(fillers[i]));
                length += strlen(fillers[i]);
            }
            message[length] = 0;
            text = json_of(message, 0, fields, 2);
            CHECK_INT(text.length, <=, LOG_LINE_MAX);
            CHECK(is_json(text));
            CHECK(text.data[text.length - 1] == '\n');
            CHECK(line.cut == contains(text, ",\"cut\":true}"));
            CHECK(line.cut || contains(text, "\"text\""));

            text = human_of(message, fields, 2);
            CHECK_INT(text.length, <=, LOG_LINE_MAX);
            CHECK_INT(str_find(text, '\n'), ==, text.length - 1);
            CHECK(line.cut == contains(text, " (cut)\n"));
        }
    }
}

TEST(many_fields_are_truncated_between_fields)
{
    static struct log_field fields[500];
    struct str text;

    for (int i = 0; i < 500; i++) fields[i] = LOG_STR("a_field_with_a_long_name", "value");
    text = json_of("x", 0, fields, 500);
    CHECK(is_json(text));
    CHECK(line.cut);
    CHECK_INT(text.length, >, LOG_LINE_MAX - 200);
}

TEST(human_line_quotes_only_what_needs_it)
{
    struct log_field fields[] = {LOG_STR("a", "word"), LOG_STR("b", "two words"), LOG_STR("c", ""),
                                 LOG_STR("d", "x=\"y\""), LOG_INT("n", 7)};
    CHECK(str_is(human_of("shop is \"open\"", fields, 5),
                 "18:40:36.120 INFO  shop is \"open\" a=word b=\"two words\" c=\"\" "
                 "d=\"x=\\\"y\\\"\" n=7\n"));
}

TEST(level_is_read_from_its_name)
{
    enum log_level level = LOG_INFO;
    CHECK(log_level_parse("WARN", &level));
    CHECK_INT(level, ==, LOG_WARN);
    CHECK(log_level_parse("off", &level));
    CHECK_INT(level, ==, LOG_OFF);
    CHECK(!log_level_parse("loud", &level));
    CHECK(!log_level_parse(0, &level));
    CHECK_INT(level, ==, LOG_OFF);
}

/* Reads until the other end is closed; the text is NUL-terminated. */
static size_t read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t got;

    while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = 0;
    return length;
}

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

TEST(lines_under_the_level_are_not_written)
{
    static char text[4096];
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(!log_enabled(LOG_ERROR));
    log_error(0, "before the start");
    log_start(ends[1], true, LOG_WARN);
    CHECK(!log_enabled(LOG_INFO));
    CHECK(log_enabled(LOG_WARN));
    CHECK(!log_enabled(LOG_OFF));
    log_info(0, "quiet");
    log_warn(0, "loud", LOG_INT("n", 1));
    log_stop();
    log_error(0, "after the end");
    close(ends[1]);
    read_all(ends[0], text, sizeof(text));
    close(ends[0]);
    CHECK_INT(count_lines(text), ==, 1);
    CHECK(strstr(text, "\"message\":\"loud\",\"n\":1}"));
}

enum { WRITERS = 4, LINES = 500 };

static void *write_many(void *data)
{
    for (int i = 0; i < LINES; i++)
        log_info(0, "line", LOG_INT("writer", *(int *)data), LOG_INT("n", i));
    return 0;
}

TEST(lines_of_many_threads_arrive_whole_and_in_each_threads_order)
{
    char path[] = "/tmp/log_test_XXXXXX";
    static char text[1024 * 1024];
    int fd = mkstemp(path), ids[WRITERS], seen[WRITERS] = {0};
    pthread_t threads[WRITERS];
    struct str rest, one;

    CHECK(fd >= 0);
    unlink(path);
    log_start(fd, false, LOG_INFO);
    for (int i = 0; i < WRITERS; i++) {
        ids[i] = i;
        CHECK(pthread_create(&threads[i], 0, write_many, &ids[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], 0);
    log_stop();

    lseek(fd, 0, SEEK_SET);
    rest = (struct str){text, read_all(fd, text, sizeof(text))};
    close(fd);
    while (str_split(&rest, '\n', &one) && one.length > 0) {
        char *at = memmem(one.data, one.length, "writer=", 7);
        int who, n;
        CHECK(at && sscanf(at, "writer=%d n=%d", &who, &n) == 2);
        CHECK_INT(n, ==, seen[who]);
        seen[who]++;
    }
    for (int i = 0; i < WRITERS; i++) CHECK_INT(seen[i], ==, LINES);
}

static void *read_until_closed(void *data)
{
    static char text[4 * 1024 * 1024];
    read_all(*(int *)data, text, sizeof(text));
    return text;
}

/* The number of dropped lines, summed over all reports. */
static int count_dropped(const char *text)
{
    int dropped = 0, lines;

    while ((text = strstr(text, "lines were dropped"))) {
        if (sscanf(strstr(text, "\"lines\":"), "\"lines\":%d", &lines) == 1) dropped += lines;
        text++;
    }
    return dropped;
}

static int count_messages(const char *text, const char *message)
{
    int count = 0;

    for (; (text = strstr(text, message)); text++) count++;
    return count;
}

TEST(a_full_queue_drops_lines_and_says_how_many)
{
    static char big[4000];
    char *text;
    int ends[2], written = 2000, arrived;
    pthread_t reader;

    memset(big, 'b', sizeof(big) - 1);
    CHECK(pipe(ends) == 0);
    log_start(ends[1], true, LOG_INFO);
    for (int i = 0; i < written; i++) log_info(0, big); /* nothing is read: 8 MB into 1 MiB */
    CHECK(pthread_create(&reader, 0, read_until_closed, &ends[0]) == 0);
    log_stop();
    close(ends[1]);
    pthread_join(reader, (void **)&text);
    close(ends[0]);

    arrived = count_messages(text, "\"message\":\"bbb");
    CHECK_INT(arrived, >, 200);
    CHECK_INT(count_dropped(text), >, 0);
    CHECK_INT(arrived + count_dropped(text), ==, written);
}

TEST(a_reader_that_never_reads_does_not_hang_the_stop)
{
    static char big[4000];
    struct timespec before, after;
    int ends[2];

    memset(big, 'b', sizeof(big) - 1);
    CHECK(pipe(ends) == 0);
    log_start(ends[1], true, LOG_INFO);
    for (int i = 0; i < 100; i++) log_info(0, big);
    clock_gettime(CLOCK_MONOTONIC, &before);
    log_stop();
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK_INT(after.tv_sec - before.tv_sec, <=, 5);
    close(ends[0]);
    close(ends[1]);
}

TEST(a_closed_reader_does_not_end_the_process)
{
    int ends[2];

    CHECK(pipe(ends) == 0);
    close(ends[0]);
    log_start(ends[1], true, LOG_INFO);
    log_info(0, "nobody hears this");
    log_stop();
    close(ends[1]);
}

/* /dev/full answers every write as a full disk does. */
TEST(lines_wait_while_the_disk_is_full_and_none_is_lost)
{
    static char text[4096];
    int ends[2], full = open("/dev/full", O_WRONLY);

    CHECK(full >= 0);
    CHECK(pipe(ends) == 0);
    log_start(full, true, LOG_INFO);
    log_info(0, "first");
    usleep(150 * 1000);
    log_info(0, "second");
    CHECK(dup2(ends[1], full) == full);
    log_stop();
    close(full);
    close(ends[1]);
    read_all(ends[0], text, sizeof(text));
    close(ends[0]);
    CHECK_INT(count_lines(text), ==, 2);
    CHECK(strstr(text, "\"first\"}\n") && strstr(text, "\"second\"}\n"));
}

TEST(a_disk_that_stays_full_does_not_hang_the_stop_and_lost_lines_are_counted)
{
    static char text[4096];
    int ends[2], full = open("/dev/full", O_WRONLY), read_only = open("/dev/null", O_RDONLY);

    CHECK(full >= 0 && read_only >= 0);
    log_start(full, true, LOG_INFO);
    log_info(0, "lost");
    log_stop();
    close(full);

    /* Another error: the lines are dropped, and counted once the log can be written. */
    CHECK(pipe(ends) == 0);
    log_start(read_only, true, LOG_INFO);
    log_info(0, "one");
    log_info(0, "two");
    usleep(50 * 1000);
    CHECK(dup2(ends[1], read_only) == read_only);
    log_info(0, "three");
    log_stop();
    close(read_only);
    close(ends[1]);
    read_all(ends[0], text, sizeof(text));
    close(ends[0]);
    CHECK_INT(count_messages(text, "\"message\":\"three\""), ==, 1);
    CHECK_INT(count_dropped(text), ==, 2);
    CHECK(strstr(text, "could not be written") && strstr(text, "Bad file descriptor"));
}
