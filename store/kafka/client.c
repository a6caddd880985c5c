/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of librdkafka: their settings, and what they log.
 *
 * Their threads never run our code: logs, errors and answers are events in queues, which threads of
 * our own wait for. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/kafka/cluster.h"

enum {
    ERROR_SIZE = 512,
    HEARTBEATS_PER_SESSION = 4,
    /* A request of librdkafka's own that is not answered for so long breaks its connection. */
    SOCKET_TIMEOUT_MS = 10000,
    LOG_LEVEL_WARNING = 4, /* of syslog(3) */
    LOG_LEVEL_NOTICE = 5,
};

struct settings {
    rd_kafka_conf_t *conf;
    char error[ERROR_SIZE]; /* "": none so far */
};

static void set(struct settings *settings, const char *name, const char *value)
{
    if (settings->error[0]) return;
    if (kafka_library.conf_set(settings->conf, name, value, settings->error,
                               sizeof(settings->error)) == RD_KAFKA_CONF_OK)
        settings->error[0] = 0;
}

static void set_number(struct settings *settings, const char *name, int64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    set(settings, name, text);
}

static void set_connection(struct settings *settings, const struct kafka *kafka)
{
    const struct kafka_url *url = &kafka->url;

    set(settings, "bootstrap.servers", url->hosts);
    set(settings, "client.id", "argosy");
    set(settings, "log.queue", "true");
    set(settings, "socket.keepalive.enable", "true");
    set(settings, "socket.nagle.disable", "true");
    set_number(settings, "socket.timeout.ms", SOCKET_TIMEOUT_MS);
    set_number(settings, "socket.connection.setup.timeout.ms", SOCKET_TIMEOUT_MS);
    set_number(settings, "reconnect.backoff.ms", 50);
    set_number(settings, "reconnect.backoff.max.ms", 1000);
    set(settings, "security.protocol",
        url->sasl[0] ? (url->tls ? "sasl_ssl" : "sasl_plaintext")
                     : (url->tls ? "ssl" : "plaintext"));
    if (url->tls) {
        set(settings, "enable.ssl.certificate.verification", "true");
        set(settings, "ssl.endpoint.identification.algorithm", "https");
    }
    if (url->cafile[0]) set(settings, "ssl.ca.location", url->cafile);
    if (url->certfile[0]) set(settings, "ssl.certificate.location", url->certfile);
    if (url->keyfile[0]) set(settings, "ssl.key.location", url->keyfile);
    if (url->sasl[0]) {
        set(settings, "sasl.mechanisms", url->sasl);
        set(settings, "sasl.username", url->user);
        set(settings, "sasl.password", kafka->password);
    }
}

static void set_producer(struct settings *settings, const struct kafka_url *url)
{
    set(settings, "enable.idempotence", "true");
    set(settings, "acks", "all");
    set_number(settings, "message.timeout.ms", url->timeout_ms);
    set_number(settings, "request.timeout.ms", url->timeout_ms / 2);
    /* A topic that was just made may not be known to every broker yet. */
    set_number(settings, "topic.metadata.propagation.max.ms", url->timeout_ms / 4);
    /* What is produced together is one call's, which has it queued at once. */
    set(settings, "linger.ms", "1");
    /* Somewhat more than kafka_produce admits, so that its own bounds are the ones that hold. */
    set_number(settings, "queue.buffering.max.messages", 2 * KAFKA_RECORDS_MAX);
    set_number(settings, "queue.buffering.max.kbytes", 2 * KAFKA_BYTES_MAX / 1024);
    set_number(settings, "message.max.bytes", 2 * KAFKA_RECORD_SIZE_MAX);
}

static void set_reader(struct settings *settings, const struct kafka_url *url, const char *group,
                       bool tells_ends)
{
    set(settings, "group.id", group);
    set(settings, "enable.auto.commit", "false");
    set(settings, "enable.auto.offset.store", "false");
    set(settings, "auto.offset.reset", "earliest");
    set(settings, "partition.assignment.strategy", "cooperative-sticky");
    set(settings, "allow.auto.create.topics", "false");
    set(settings, "enable.partition.eof", tells_ends ? "true" : "false");
    set(settings, "isolation.level", "read_committed");
    set_number(settings, "session.timeout.ms", url->session_ms);
    set_number(settings, "heartbeat.interval.ms", url->session_ms / HEARTBEATS_PER_SESSION);
    set_number(settings, "max.poll.interval.ms", url->patience_ms);
    /* What is fetched in advance: librdkafka's defaults would be 64 MiB and 100,000 records. */
    set_number(settings, "queued.min.messages", 1000);
    set_number(settings, "queued.max.messages.kbytes", 8 * 1024);
    set(settings, "fetch.error.backoff.ms", "100");
}

struct status client_new(struct arena *arena, const struct kafka *kafka,
                         const struct client_role *role, rd_kafka_t **ret_client)
{
    struct settings settings = {.conf = kafka_library.conf_new()};
    int events = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG;
    rd_kafka_t *client = 0;

    set_connection(&settings, kafka);
    if (role->group) {
        events |= RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_FETCH;
        set_reader(&settings, &kafka->url, role->group, role->tells_ends);
    } else {
        events |= RD_KAFKA_EVENT_DR;
        set_producer(&settings, &kafka->url);
    }
    kafka_library.conf_set_events(settings.conf, events);
    if (!settings.error[0])
        client = kafka_library.new(role->group ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                                   settings.conf, settings.error, sizeof(settings.error));
    if (!client) {
        kafka_library.conf_destroy(settings.conf);
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "librdkafka refuses the URL's settings: %s", settings.error);
    }
    *ret_client = client;
    return status_ok();
}

void client_take_log(const struct kafka *kafka, rd_kafka_event_t *event)
{
    const char *facility, *text;
    int level;

    if (kafka_library.event_log(event, &facility, &text, &level) != 0) return;
    if (level <= LOG_LEVEL_WARNING)
        log_warn(0, "kafka: librdkafka warns", LOG_STR("store", kafka->name),
                 LOG_STR("what", facility), LOG_STR("text", text));
    else if (level == LOG_LEVEL_NOTICE)
        log_info(0, "kafka: librdkafka notes", LOG_STR("store", kafka->name),
                 LOG_STR("what", facility), LOG_STR("text", text));
    else
        log_debug(0, "kafka: librdkafka says", LOG_STR("store", kafka->name),
                  LOG_STR("what", facility), LOG_STR("text", text));
}

/* librdkafka calls a certificate that it refuses sometimes only a broken connection. */
static bool is_refusal(rd_kafka_resp_err_t error, const char *text)
{
    return error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL ||
           error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
           strstr(text, "certificate verify failed");
}

void client_take_error(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t error = kafka_library.event_error(event);
    const char *text = kafka_library.event_error_string(event);
    bool refused = is_refusal(error, text);

    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        atomic_store(&kafka->down_us, clock_monotonic_us());
        return;
    }
    pthread_mutex_lock(&kafka->lock);
    /* After a refusal come others that say only that no connection is left. */
    if (refused || !kafka->is_refused) {
        kafka->is_refused = refused;
        snprintf(kafka->problem, sizeof(kafka->problem), "%s", text);
    }
    pthread_mutex_unlock(&kafka->lock);
}

/* ---- names and lists ---- */

const char *kafka_full_name(struct arena *arena, const struct kafka *kafka, const char *name)
{
    return kafka->url.prefix[0] ? arena_printf(arena, "%s%s", kafka->url.prefix, name) : name;
}

const char *kafka_short_name(const struct kafka *kafka, const char *full_name)
{
    size_t length = strlen(kafka->url.prefix);

    return strncmp(full_name, kafka->url.prefix, length) == 0 ? full_name + length : full_name;
}

rd_kafka_topic_partition_list_t *
client_list_new(const struct kafka *kafka, const struct kafka_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list = kafka_library.topic_partition_list_new((int)count);
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++)
        kafka_library
            .topic_partition_list_add(list, kafka_full_name(&arena, kafka, positions[i].topic),
                                      positions[i].partition)
            ->offset = positions[i].offset;
    arena_release(&arena);
    return list;
}

struct kafka_position *client_positions_new(const struct kafka *kafka,
                                            const rd_kafka_topic_partition_list_t *list)
{
    struct kafka_position *positions = calloc((size_t)list->cnt + 1, sizeof(*positions));

    invariant(positions != 0);
    for (int i = 0; i < list->cnt; i++)
        positions[i] = (struct kafka_position){kafka_short_name(kafka, list->elems[i].topic),
                                               list->elems[i].partition, list->elems[i].offset};
    return positions;
}
