/* SPDX-License-Identifier: Apache-2.0 */
/* Loses the answers of commits, where a test or a simulation wants it. */
#include "reasons.pb-c.h"
#include "store/sqlite/group.h"
#include "store/sqlite/sqlite_fate.h"

static struct {
    _Atomic(sqlite_fate *) fate;
    _Atomic(void *) data;
    _Atomic int left; /* commits until the one whose answer is lost, which is counted */
} set;

void sqlite_set_fate(sqlite_fate *fate, void *data)
{
    atomic_store(&set.data, data);
    atomic_store(&set.fate, fate);
}

static bool lose_nth(const char *path, void *data)
{
    (void)path, (void)data;
    return atomic_fetch_sub(&set.left, 1) == 1;
}

void sqlite_lose_answer(int nth)
{
    atomic_store(&set.left, nth);
    sqlite_set_fate(lose_nth, 0);
}

void group_lose_answer(const char *path, struct job *group)
{
    sqlite_fate *fate = atomic_load_explicit(&set.fate, memory_order_acquire);

    if (!fate || !fate(path, atomic_load(&set.data))) return;
    for (struct job *job = group; job; job = job->next)
        if (!failed(job->status))
            job->status = status_make(
                STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
                "the answer to a commit was lost, so it is not known whether the change was made; "
                "repeat it with the same idempotency key, or read before you repeat it");
}
