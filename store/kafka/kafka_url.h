/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a Kafka cluster:
 *
 *     kafka://[user[:password]@]host[:port][,host[:port]...][/][?option=value&...]
 *
 * Any of the cluster's brokers will do; the others are learnt from them. User and password may be
 * percent-encoded. Options:
 *
 *     tls=1              TLS; the brokers' certificates and names are verified
 *     cafile=PATH        the authorities that sign the brokers' certificates, in place of the system's
 *     certfile=, keyfile=  a certificate of our own, for brokers that ask for one
 *     sasl=plain|scram-sha-256|scram-sha-512     how the user logs in (scram-sha-512)
 *     user=TEXT          the same as before the @
 *     passwordfile=PATH  the password is the file's first line
 *     prefix=TEXT        stands before the name of every topic and group ("")
 *     timeout=MS         a record that is not acknowledged after so long has failed (10000)
 *     session=MS         a member of a group that is silent for so long loses its partitions (10000)
 *     patience=MS        from a member that does not give back a partition for so long it is taken (60000)
 *
 * Private to store/kafka, and for its tests. */
#ifndef STORE_KAFKA_KAFKA_URL_H
#define STORE_KAFKA_KAFKA_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum { KAFKA_HOSTS_MAX = 16, KAFKA_PREFIX_MAX = 64 };

struct kafka_url {
    const char *hosts; /* host:port,host:port */
    bool tls;
    const char *user, *password, *passwordfile; /* "" if there is none */
    const char *sasl;                           /* librdkafka's name; "": no login */
    const char *cafile, *certfile, *keyfile, *prefix;
    int64_t timeout_ms, session_ms, patience_ms;
};

/* INVALID_ARGUMENT (SETTING_INVALID), with a message that says what is wrong and never contains the
 * password. The texts are in the arena. Reads no file. */
struct status kafka_url_parse(struct arena *arena, const char *text, struct kafka_url *ret_url);

#endif
