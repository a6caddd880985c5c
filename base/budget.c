/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets: charging along the tree, shedding the largest connection, and lending the process's
 * budget to roots. See base/budget.h. */
#include "base/budget.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/status.h"

enum {
    PEER_PART = 2,
    /* A connection's allowance: these parts of what the process and the peer have left. */
    CONNECTION_PART = 32,
    CONNECTION_PEER_PART = 16,
    /* The part of the process's limit that may be held in addition while shed connections are being
     * freed. */
    ENDING_PART = 4,
    /* The factor by which memory counts more when its connection does not use it. */
    STILL_WEIGHT = 8,
    /* The most connections ended to admit one request. */
    SHED_AT_ONCE_MAX = 8,
    /* Trim once at least this much has been given back since the peak. */
    TRIM_LEAST = 16 * 1024 * 1024,
    TRIM_PAUSE_MS = 300,
    /* Allocations from this size on get their own mapping: freeing one returns it to the system,
     * whatever is allocated around it, but costs system calls. */
    MAPPED_TIGHT = 64 * 1024,
    MAPPED_EASY = 1024 * 1024,
};

struct budget_peer {
    struct budget budget;
    uint64_t owner;
    struct share share;
    struct budget_peer *next; /* in the same slot */
};

static atomic_size_t process_max = SIZE_MAX, root_count = 1;
static atomic_size_t process_lent, process_peak;
static atomic_size_t process_ending; /* the part of `lent` that is held by shed connections */
static atomic_ullong shed_for_peer_count, shed_for_process_count, refused_count;
static atomic_bool trimming;
static atomic_bool tight; /* more than half of the limit is lent */

void budget_limit(size_t max, size_t roots)
{
    atomic_store(&process_max, max);
    atomic_store(&root_count, roots);
}

static size_t part_of_process(size_t part)
{
    size_t max = atomic_load_explicit(&process_max, memory_order_relaxed);

    return max == SIZE_MAX ? max : max / part;
}

static size_t left_of(size_t max, size_t used)
{
    return used < max ? max - used : 0;
}

size_t budget_allowance(const struct budget *connection)
{
    size_t max = atomic_load_explicit(&process_max, memory_order_relaxed);
    size_t lent = atomic_load_explicit(&process_lent, memory_order_relaxed);
    size_t of_process = left_of(max, lent) / CONNECTION_PART;
    size_t of_peer = left_of(max / PEER_PART, connection->parent->used) / CONNECTION_PEER_PART;

    return of_process < of_peer ? of_process : of_peer;
}

size_t budget_part(size_t part)
{
    return part_of_process(part);
}

void budget_charge_process(size_t size)
{
    atomic_fetch_add(&process_lent, size);
}

void budget_refund_process(size_t size)
{
    atomic_fetch_sub(&process_lent, size);
}

bool budget_is_tight(const struct budget *connection)
{
    return atomic_load_explicit(&process_lent, memory_order_relaxed) > part_of_process(2) ||
           connection->parent->used > part_of_process((size_t)PEER_PART * 2);
}

bool budget_is_over(void)
{
    size_t ending = atomic_load_explicit(&process_ending, memory_order_relaxed);

    return left_of(atomic_load_explicit(&process_lent, memory_order_relaxed), ending) >
           atomic_load_explicit(&process_max, memory_order_relaxed);
}

/* ---- the process ---- */

/* glibc keeps freed memory for later allocations; after a peak most of it would never be needed
 * again. Trimming runs on its own thread, a moment after memory was given back. */
static void *trim(void *data)
{
    struct timespec pause = {.tv_nsec = TRIM_PAUSE_MS * 1000000L};
    size_t before;

    (void)data;
    do {
        before = atomic_load(&process_lent);
        nanosleep(&pause, 0);
        malloc_trim(0);
    } while (atomic_load(&process_lent) + BUDGET_SLICE < before);
    if (before < part_of_process(4) && atomic_exchange(&tight, false))
        mallopt(M_MMAP_THRESHOLD, MAPPED_EASY);
    atomic_store(&process_peak, atomic_load(&process_lent));
    atomic_store(&trimming, false);
    return 0;
}

static void trim_later(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;

    if (atomic_exchange(&trimming, true)) return;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&thread, &attributes, trim, 0) != 0) atomic_store(&trimming, false);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    pthread_attr_destroy(&attributes);
}

/* Tells the process how much of what this root holds belongs to shed connections. It becomes less
 * with each piece that is freed, although a connection may be closed much later, when a job that
 * works for it has ended. */
static void count_ending(struct budget_root *root)
{
    size_t ending = root->ended.used;

    if (ending == root->ending) return;
    atomic_fetch_add_explicit(&process_ending, ending - root->ending, memory_order_relaxed);
    root->ending = ending;
}

void budget_borrow(struct budget_root *root)
{
    size_t slices = (root->budget.used - root->lent + BUDGET_SLICE - 1) / BUDGET_SLICE;
    size_t lent = atomic_fetch_add(&process_lent, slices * BUDGET_SLICE) + slices * BUDGET_SLICE;

    root->lent += slices * BUDGET_SLICE;
    if (lent > atomic_load(&process_peak)) atomic_store(&process_peak, lent);
    if (lent > part_of_process(2) && !atomic_exchange(&tight, true))
        mallopt(M_MMAP_THRESHOLD, MAPPED_TIGHT);
}

void budget_give_back(struct budget_root *root)
{
    size_t slices = (root->lent - root->budget.used) / BUDGET_SLICE - 1;
    size_t lent = atomic_fetch_sub(&process_lent, slices * BUDGET_SLICE) - slices * BUDGET_SLICE;
    size_t peak = atomic_load(&process_peak);

    root->lent -= slices * BUDGET_SLICE;
    count_ending(root);
    if (peak > TRIM_LEAST && lent < peak / 2 && lent < peak - TRIM_LEAST) trim_later();
}

void budget_stats(struct budget_stats *ret_stats)
{
    *ret_stats = (struct budget_stats){
        .used = atomic_load(&process_lent),
        .max = atomic_load(&process_max),
        .ending = atomic_load(&process_ending),
        .shed_for_peer = atomic_load(&shed_for_peer_count),
        .shed_for_process = atomic_load(&shed_for_process_count),
        .refused = atomic_load(&refused_count),
    };
}

/* ---- the tree ---- */

static void link_child(struct budget *parent, struct budget *child)
{
    child->parent = parent;
    child->previous = 0;
    child->next = parent->children;
    if (parent->children) parent->children->previous = child;
    parent->children = child;
    parent->count++;
}

static void unlink_child(struct budget *child)
{
    struct budget *parent = child->parent;

    if (child->previous)
        child->previous->next = child->next;
    else
        parent->children = child->next;
    if (child->next) child->next->previous = child->previous;
    parent->count--;
    child->parent = 0;
}

static struct budget_peer **slot_of(struct budget_root *root, uint64_t owner)
{
    return &root->peers[(owner ^ owner >> 32) % BUDGET_SLOTS];
}

void budget_open(struct budget_root *root, struct budget *connection, uint64_t owner)
{
    struct budget_peer *peer = *slot_of(root, owner);

    while (peer && peer->owner != owner) peer = peer->next;
    if (!peer) {
        peer = calloc(1, sizeof(*peer));
        invariant(peer);
        peer->owner = owner;
        peer->next = *slot_of(root, owner);
        *slot_of(root, owner) = peer;
        link_child(&root->budget, &peer->budget);
    }
    connection->used = 0;
    link_child(&peer->budget, connection);
}

static void forget_peer(struct budget_root *root, struct budget_peer *peer)
{
    struct budget_peer **link = slot_of(root, peer->owner);

    while (*link != peer) link = &(*link)->next;
    *link = peer->next;
    unlink_child(&peer->budget);
    free(peer);
}

/* Removes the connection and its charges from its peer, and the peer if it was the last one. */
static void leave_peer(struct budget_root *root, struct budget *connection)
{
    struct budget *peer = connection->parent;

    budget_set_still(connection, false);
    unlink_child(connection);
    budget_refund(peer, connection->used);
    if (peer->count == 0) forget_peer(root, (struct budget_peer *)peer);
}

void budget_set_still(struct budget *connection, bool still)
{
    size_t size = still && !connection->ending ? connection->used : 0;

    connection->parent->still += size - connection->still;
    connection->still = size;
}

void budget_close(struct budget_root *root, struct budget *connection)
{
    if (!connection->ending) {
        leave_peer(root, connection);
        return;
    }
    budget_refund(connection, connection->used);
    connection->parent = 0;
    count_ending(root);
}

size_t budget_peer_connections(const struct budget *connection)
{
    return connection->ending ? 0 : connection->parent->count;
}

struct share *budget_share(const struct budget *connection)
{
    return connection->ending ? 0 : &((struct budget_peer *)connection->parent)->share;
}

/* ---- making room ---- */

static size_t weight_of(const struct budget *budget)
{
    return budget->used + STILL_WEIGHT * budget->still;
}

static struct budget *largest_child(const struct budget *budget)
{
    struct budget *largest = budget->children;

    for (struct budget *child = largest; child; child = child->next)
        if (weight_of(child) > weight_of(largest)) largest = child;
    return largest;
}

/* The connection stays charged until its memory is free. */
static void shed(struct budget_root *root, struct budget *connection)
{
    size_t used = connection->used;
    bool for_peer = connection->parent->used > part_of_process(PEER_PART);

    invariant(!connection->ending); /* one that is ending has left its peer */
    atomic_fetch_add_explicit(for_peer ? &shed_for_peer_count : &shed_for_process_count, 1,
                              memory_order_relaxed);
    leave_peer(root, connection);
    connection->ending = true;
    root->ended.parent = &root->budget;
    connection->parent = &root->ended;
    budget_charge(&root->ended, used);
    count_ending(root);
    connection->shed(connection->owner);
    count_ending(root);
    trim_later();
}

/* Does this root hold more than its share, not counting memory that is being freed? */
static bool holds_its_part(const struct budget_root *root)
{
    return left_of(root->budget.used, root->ended.used) > part_of_process(atomic_load(&root_count));
}

/* The budget whose largest connection must be shed so that this peer may begin new work; NULL:
 * none. */
static struct budget *find_heavy(struct budget_root *root, struct budget *peer)
{
    count_ending(root);
    if (peer->used > part_of_process(PEER_PART)) return peer;
    return budget_is_over() && holds_its_part(root) ? largest_child(&root->budget) : 0;
}

/* Memory that is being freed is limited too, so that it can't grow without bound within one
 * turn. */
static bool is_full(void)
{
    size_t max = part_of_process(1);

    return left_of(atomic_load(&process_lent), max) > max / ENDING_PART;
}

bool budget_admits(struct budget *connection)
{
    if (!connection) return true;
    for (int i = 0; i < SHED_AT_ONCE_MAX && !connection->ending; i++) {
        struct budget *peer = connection->parent;
        struct budget_root *root = (struct budget_root *)peer->parent;
        struct budget *heavy = find_heavy(root, peer);
        if (!heavy && !is_full()) return true;
        struct budget *victim = heavy ? largest_child(heavy) : connection;
        if (victim == connection) break;
        shed(root, victim);
    }
    /* A connection and peer that hold almost nothing are admitted anyway. */
    if (!connection->ending && connection->used < BUDGET_SLICE && !is_full()) return true;
    atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
    return false;
}

void budget_relieve(struct budget_root *root)
{
    count_ending(root);
    for (int i = 0; i < SHED_AT_ONCE_MAX; i++) {
        if (!budget_is_over() || !holds_its_part(root)) return;
        struct budget *peer = largest_child(&root->budget);
        if (!peer) return;
        shed(root, largest_child(peer));
    }
}
