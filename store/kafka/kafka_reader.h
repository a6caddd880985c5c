/* SPDX-License-Identifier: Apache-2.0 */
/* Reads topics, and hands batches of records to its owner on one shard:
 *
 *     plan = {kafka, shard, .group = "shop-orders", topics, topic_count, &events, owner};
 *     st = kafka_reader_new(arena, &plan, &reader);
 *
 *     on_assigned     partitions are ours, and their records come from now on
 *     on_records      some records, each partition's in its order
 *     on_revoked      they are to go to another member. Finish or drop what has been read of them, commit,
 *                     then call kafka_reader_release: only then does the group hand them on
 *     on_revoked, lost   they have gone to another member already (the session was lost): drop what has
 *                     been read. A commit of them answers ABORTED. Call kafka_reader_release as well
 *     on_trouble      reading has failed and goes on by itself
 *     on_closed       the last callback
 *
 * All callbacks run on the shard's thread, in the order in which things happened: after on_revoked no
 * record of these partitions comes, unless they are assigned again. A reader has a thread, which waits
 * for the brokers and for the owner, and polls nothing.
 *
 * In a group, partitions are assigned `cooperative-sticky`: only those that move to another member
 * stop, the others go on being read during a rebalance, whereas `eager` takes all from everyone first.
 * So all members of a group must be readers of this kind. Reading begins at the group's committed
 * position, and at the beginning of a partition that has none; nothing is committed by itself.
 *
 * Without a group, the owner says where to read with kafka_reader_assign.
 *
 * At most KAFKA_BATCHES_MAX batches wait for the shard. An owner that cannot take more of a partition
 * pauses that one; the others go on. The owner must not block the shard's loop. If it does not answer a
 * revocation for the URL's `patience`, the partitions are handed on all the same: on_trouble says so
 * (ABORTED), and a commit of them is refused.
 *
 * A stopping shard closes its readers. */
#ifndef STORE_KAFKA_KAFKA_READER_H
#define STORE_KAFKA_KAFKA_READER_H

#include "store/kafka/kafka.h"

enum {
    KAFKA_BATCHES_MAX = 2,
    KAFKA_BATCH_RECORDS_MAX = 500,
    KAFKA_BATCH_BYTES_MAX = 1024 * 1024, /* exceeded by at most one record */
    KAFKA_READER_TOPICS_MAX = 32,
};

struct kafka_reader;

/* Each may be NULL, except on_records. What they get is borrowed until they return. */
struct kafka_reader_events {
    void (*on_assigned)(void *owner, const struct kafka_position *partitions, size_t count);
    void (*on_records)(void *owner, const struct kafka_record *records, size_t count);
    /* NULL: released at once. */
    void (*on_revoked)(void *owner, const struct kafka_position *partitions, size_t count,
                       bool lost);
    /* Everything of a partition has been read for now; `position` is that of its next record. */
    void (*on_end)(void *owner, const struct kafka_position *position);
    void (*on_trouble)(void *owner, struct status st);
    void (*on_closed)(void *owner);
};

struct kafka_reader_plan {
    struct kafka *kafka;
    struct shard *shard; /* where the callbacks run, and the functions below are called */
    const char *group;   /* without the URL's prefix; NULL: none */
    const char *const *topics;
    size_t topic_count; /* 0 without a group */
    const struct kafka_reader_events *events;
    void *owner;
};

/* Starts reading. On the shard's thread, which it blocks while it reads the files of certificates. The
 * plan is borrowed, its events and owner as long as the reader lives. FAILED_PRECONDITION
 * (SETTING_INVALID) if librdkafka refuses the URL's settings. Owned; kafka_reader_close frees it. */
struct status kafka_reader_new(struct arena *arena, const struct kafka_reader_plan *plan,
                               struct kafka_reader **ret_reader);

/* Leaves the group, so that others get its partitions at once. Its partitions are revoked first, and
 * must be released. on_closed is called when it is done, and then the reader is gone. */
void kafka_reader_close(struct kafka_reader *reader);

/* The answer to on_revoked; one for each. */
void kafka_reader_release(struct kafka_reader *reader);

/* Without a group: reads these partitions from now on, in place of those before. An offset may be
 * KAFKA_BEGINNING or KAFKA_END. Batches that are under way still come. */
void kafka_reader_assign(struct kafka_reader *reader, const struct kafka_position *positions,
                         size_t count);

/* These are asked of the reader's thread, and need no answer. Batches that are under way still come.
 * Pausing drops what was fetched in advance, so it is for partitions that wait for long. A paused
 * partition is read again from where its last record was handed over, or from where it was sought. A
 * partition that is revoked and assigned again is not paused. */
void kafka_reader_pause(struct kafka_reader *reader, const struct kafka_position *partitions,
                        size_t count);
void kafka_reader_resume(struct kafka_reader *reader, const struct kafka_position *partitions,
                         size_t count);
void kafka_reader_seek(struct kafka_reader *reader, const struct kafka_position *positions,
                       size_t count);

/* Commits where the group goes on reading: the position after the last record that is done. ABORTED
 * (STORE_BUSY) if one of the partitions is not this reader's any more, or the group is just being
 * rebalanced: what was committed before holds. On the reader's shard. */
struct status kafka_commit(struct call *call, struct kafka_reader *reader,
                           const struct kafka_position *positions, size_t count);

/* The same without waiting; a failure goes to on_trouble. */
void kafka_commit_later(struct kafka_reader *reader, const struct kafka_position *positions,
                        size_t count);

#endif
