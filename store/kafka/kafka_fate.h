/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: answers that get lost on purpose. */
#ifndef STORE_KAFKA_KAFKA_FATE_H
#define STORE_KAFKA_KAFKA_FATE_H

#include "store/kafka/kafka.h"

enum kafka_fate {
    KAFKA_FATE_ANSWERED,
    KAFKA_FATE_UNMADE, /* the records are not sent, and their outcome is unknown */
    KAFKA_FATE_MADE,   /* they are written, and their outcome is unknown all the same */
};

/* The nth kafka_produce of the process from now on (1: the next one) has this fate; 0: none has. */
void kafka_set_fate(enum kafka_fate fate, int nth);

/* The producer fails for good, as it does when brokers have lost what it wrote. */
void kafka_fail_producer(struct kafka *kafka);

#endif
