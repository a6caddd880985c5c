/* SPDX-License-Identifier: Apache-2.0 */
/* After a restart the remaining events are delivered, and none takes effect twice. */
#include "events/events_bus_testing.h"

enum { KEYS = 40, EACH = 25 };

static char folder[32];

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/argosy_test_XXXXXX");
    CHECK(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char path[64];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/bus.db%s", folder, endings[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void send_all(struct call *call, int first)
{
    for (int key = 0; key < KEYS; key++) send_events(call, key, first, EACH);
}

/* Stops while events are still being handled. */
static void ends_soon(struct call *call, struct stage *stage)
{
    send_all(call, 1);
    EVENTUALLY(call, seen[0].effects > EACH);
}

static void goes_on(struct call *call, struct stage *stage)
{
    send_all(call, EACH + 1);
    EVENTUALLY(call, number(call, "SELECT count(*) FROM effect") == 2 * KEYS * EACH);
    EXPECT(number(call, "SELECT count(*) FROM (SELECT DISTINCT key, number FROM effect)") ==
           2 * KEYS * EACH);
    /* Effects have the order of their keys: no number comes before a lower one of the same key. */
    EXPECT(number(call, "SELECT count(*) FROM effect a JOIN effect b ON a.key = b.key AND "
                        "a.rowid < b.rowid AND a.number > b.number") == 0);
}

TEST(after_a_restart_the_rest_is_delivered_and_nothing_takes_effect_twice)
{
    make_folder();
    play(&(struct fixture){.groups = 1, .handle = apply, .folder = folder}, NULL, ends_soon);
    play(&(struct fixture){.groups = 1, .handle = apply, .folder = folder}, NULL, goes_on);
    remove_folder();
}

static int64_t committed(struct call *call)
{
    int64_t offset = -1;

    EXPECT_OK(
        fixture.store.log->load_offset(call, fixture.store.log, "order-results", "order", &offset));
    return offset;
}

static void commits(struct call *call, struct stage *stage)
{
    send_all(call, 1);
    EVENTUALLY(call, committed(call) == KEYS * EACH);
    EXPECT(seen[0].calls == KEYS * EACH);
}

static void has_nothing_to_do(struct call *call, struct stage *stage)
{
    send_events(call, 0, EACH + 1, 1);
    EVENTUALLY(call, seen[0].effects == 1);
    EXPECT(seen[0].calls == 1);
}

TEST(events_below_the_committed_position_are_not_delivered_again)
{
    make_folder();
    play(&(struct fixture){.groups = 1, .handle = apply, .folder = folder}, NULL, commits);
    play(&(struct fixture){.groups = 1, .handle = apply, .folder = folder}, NULL,
         has_nothing_to_do);
    remove_folder();
}

static struct status refuse(struct call *call, const struct event *event, void *data)
{
    seen[0].calls++;
    return status_make(STATUS_UNAVAILABLE, 0, "not today");
}

static void ends_while_it_fails(struct call *call, struct stage *stage)
{
    send_events(call, 1, 1, 1);
    EVENTUALLY(call, seen[0].calls >= 2);
}

static void is_handled(struct call *call, struct stage *stage)
{
    EVENTUALLY(call, seen[0].effects == 1);
    EXPECT(number(call, "SELECT count(*) FROM dead_letters") == 0);
}

TEST(an_event_that_was_being_retried_is_delivered_after_the_restart)
{
    make_folder();
    play(&(struct fixture){.groups = 1, .handle = refuse, .folder = folder}, NULL,
         ends_while_it_fails);
    play(&(struct fixture){.groups = 1, .handle = apply, .folder = folder}, NULL, is_handled);
    remove_folder();
}

/* A group that is new to a topic starts at its beginning. */
static void catches_up(struct call *call, struct stage *stage)
{
    EVENTUALLY(call, seen[1].effects == KEYS * EACH);
    EXPECT(seen[1].disorder == 0);
    EXPECT(seen[0].calls == 0);
}

TEST(a_new_group_starts_at_the_beginning_while_the_others_go_on)
{
    make_folder();
    play(&(struct fixture){.groups = 1, .handle = apply, .folder = folder}, NULL, commits);
    play(&(struct fixture){.groups = GROUPS, .handle = apply, .folder = folder}, NULL, catches_up);
    remove_folder();
}
