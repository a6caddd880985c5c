/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the driver against a real server: values, errors, transactions, races. */
#include "store/postgres/postgres.h"

#include "base/status_testing.h"
#include "base/test.h"
#include "base/clock.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/postgres/postgres_testing.h"

enum { SHARDS = 2 };

static const char *const migrations[] = {
    "CREATE TABLE things (id int8 PRIMARY KEY, name text, amount int4 CHECK (amount >= 0),"
    " data bytea, share float8, is_on bool, key uuid);"
    "CREATE INDEX things_by_name ON things (name);",
    "ALTER TABLE things ADD COLUMN small int2; INSERT INTO things (id, small) VALUES (0, -7);",
    NULL,
};

static struct postgres *db;
static struct shards *shards;
static void (*scene)(struct call *call);

static void run_scene(struct call *call, void *data)
{
    (void)data;
    struct status st = postgres_open(call, db);
    EXPECT_OK(st);
    if (!failed(st)) EXPECT_OK(postgres_prepare(call, db, migrations));
    postgres_serve(db);
    if (!failed(st)) scene(call);
    if (!failed(st)) EXPECT_OK(postgres_testing_drop(call, db));
    shards_stop(shards);
}

/* Plays the scene on a fiber with an open and prepared store, whose URL gets an option. */
static void play_with(const char *option, void (*fn)(struct call *call))
{
    const char *url = test_engine("ARGOSY_TEST_POSTGRES");
    struct arena arena = {0};

    if (!url) return;
    arena_init(&arena, 0);
    url = arena_printf(&arena, "%s%s%s", url, strchr(url, '?') ? "&" : "?", option);
    url = postgres_testing_url_of(&arena, url);
    shards = shards_new(SHARDS);
    CHECK_OK(postgres_new(&arena, shards, url, "test", &db));
    scene = fn;
    fiber_post(shards_at(shards, 0), run_scene, NULL, NULL);
    shards_run(shards);
    postgres_close(db);
    shards_free(shards);
    arena_release(&arena);
}

static void play(void (*fn)(struct call *call))
{
    play_with("", fn);
}

static int64_t count_things(struct call *call)
{
    struct postgres_rows rows;

    EXPECT_OK(postgres_read(call, db, &rows, "SELECT count(*) FROM things", ""));
    EXPECT(postgres_next(call, &rows));
    return postgres_column_i64(&rows, 0);
}

/* ---- values ---- */

static struct status insert_values(struct call *call, struct postgres_tx *tx, void *data)
{
    static const char insert[] =
        "INSERT INTO things (id, name, amount, data, share, is_on, key, small)"
        " VALUES ($1, $2, $3, $4, $5, $3 > 1, $6, $7)";
    const char bytes[] = {0, 'x', 0, (char)0xff};

    postgres_exec(tx, insert, "ltibdti", INT64_MIN, "Ünï\ncode", 2, str_sized(bytes, 4), -0.5,
                  "0190a5a0-0000-7000-8000-00000000abcd", 32767);
    postgres_exec(tx, insert, "lsibdnn", INT64_MAX, STR("cut"), 0, STR(""), 1e300);
    return status_ok();
}

static void keeps_values(struct call *call)
{
    struct postgres_rows rows;

    EXPECT_OK(postgres_write(call, db, insert_values, NULL));
    EXPECT_OK(postgres_read(call, db, &rows,
                            "SELECT id, name, amount, data, share, is_on, key, small FROM things"
                            " WHERE id <> $1 ORDER BY id",
                            "l", INT64_C(0)));
    EXPECT(postgres_next(call, &rows));
    EXPECT(postgres_column_i64(&rows, 0) == INT64_MIN);
    EXPECT(strcmp(postgres_column_text(&rows, 1), "Ünï\ncode") == 0);
    EXPECT(postgres_column_i64(&rows, 2) == 2);
    EXPECT(postgres_column_blob(&rows, 3).length == 4);
    EXPECT(memcmp(postgres_column_blob(&rows, 3).data, "\0x\0\xff", 4) == 0);
    EXPECT(postgres_column_double(&rows, 4) == -0.5 && postgres_column_i64(&rows, 5) == 1);
    EXPECT(strcmp(postgres_column_text(&rows, 6), "0190a5a0-0000-7000-8000-00000000abcd") == 0);
    EXPECT(postgres_column_i64(&rows, 7) == 32767);
    EXPECT(postgres_next(call, &rows));
    EXPECT(postgres_column_i64(&rows, 0) == INT64_MAX);
    EXPECT(strcmp(postgres_column_text(&rows, 1), "cut") == 0);
    EXPECT(!postgres_column_is_null(&rows, 3) && postgres_column_blob(&rows, 3).length == 0);
    EXPECT(postgres_column_i64(&rows, 5) == 0 && postgres_column_double(&rows, 4) == 1e300);
    EXPECT(postgres_column_is_null(&rows, 6) && postgres_column_text(&rows, 6)[0] == '\0');
    EXPECT(postgres_column_is_null(&rows, 7) && postgres_column_i64(&rows, 7) == 0);
    EXPECT(!postgres_next(call, &rows));
    EXPECT_OK(rows.status);
    EXPECT(postgres_row_count(&rows) == 2);

    EXPECT_OK(postgres_read(call, db, &rows, "SELECT small FROM things WHERE id = $1", "i", 0));
    EXPECT(postgres_next(call, &rows) && postgres_column_i64(&rows, 0) == -7);
}

TEST(values_of_each_kind_come_back)
{
    play(keeps_values);
}

/* ---- transactions ---- */

struct thing {
    int64_t id;
    int runs, amount;
    enum status_code code;
};

static struct status add_thing(struct call *call, struct postgres_tx *tx, void *data)
{
    struct thing *thing = data;

    thing->runs++;
    postgres_exec(tx, "INSERT INTO things (id, amount) VALUES ($1, $2)", "li", thing->id,
                  thing->amount);
    if (!thing->code) return status_ok();
    return status_make(thing->code, 0, "the job fails");
}

static struct status sees_own_writes(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows first, rows;

    postgres_query(tx, &first, "SELECT id FROM things WHERE id = 5", "");
    EXPECT(!postgres_next(call, &first));
    EXPECT_OK(first.status);
    postgres_exec(tx, "INSERT INTO things (id, amount) VALUES (5, 1)", "");
    postgres_query(tx, &rows, "SELECT amount FROM things WHERE id = 5", "");
    EXPECT(postgres_next(call, &rows) && postgres_column_i64(&rows, 0) == 1);
    postgres_query(tx, &rows, "UPDATE things SET amount = 2 WHERE id = 5 RETURNING amount", "");
    EXPECT(postgres_next(call, &rows) && postgres_column_i64(&rows, 0) == 2);
    return status_ok();
}

static void commits_or_not(struct call *call)
{
    struct thing thing = {.id = 1, .amount = 1};

    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT(count_things(call) == 2 && thing.runs == 1);
    thing = (struct thing){.id = 2, .code = STATUS_NOT_FOUND};
    EXPECT(postgres_write(call, db, add_thing, &thing).code == STATUS_NOT_FOUND);
    EXPECT(count_things(call) == 2);
    thing = (struct thing){.id = 1};
    EXPECT(postgres_write(call, db, add_thing, &thing).code == STATUS_ALREADY_EXISTS);
    EXPECT(thing.runs == 1);
    thing = (struct thing){.id = 3, .amount = -1};
    EXPECT(postgres_write(call, db, add_thing, &thing).code == STATUS_FAILED_PRECONDITION);
    EXPECT(count_things(call) == 2);
    EXPECT_OK(postgres_write(call, db, sees_own_writes, NULL));
    EXPECT(count_things(call) == 3);
}

TEST(a_job_commits_or_leaves_nothing)
{
    play(commits_or_not);
}

/* ABORTED is also what a conflict is, but a refusal has a reason. */
static struct status refuses(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows rows;

    ++*(int *)data;
    postgres_query(tx, &rows, "SELECT 1", "");
    if (!postgres_next(call, &rows)) return rows.status;
    return status_make(STATUS_ABORTED, ARGOSY__REASON__IDEMPOTENCY_KEY_RUNNING, "still running");
}

static void refuses_once(struct call *call)
{
    int runs = 0;

    struct status st = postgres_write(call, db, refuses, &runs);
    EXPECT(st.code == STATUS_ABORTED && st.reason == ARGOSY__REASON__IDEMPOTENCY_KEY_RUNNING);
    EXPECT(runs == 1);
}

TEST(a_job_that_refuses_is_not_run_again)
{
    play(refuses_once);
}

static struct status fails_and_asks(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows rows;

    postgres_exec(tx, "INSERT INTO things (id) VALUES (0)", ""); /* is there already */
    postgres_query(tx, &rows, "SELECT 1", "");
    EXPECT(!postgres_next(call, &rows));
    EXPECT(rows.status.code == STATUS_ALREADY_EXISTS);
    return status_ok(); /* it does not look */
}

static struct status asks_nonsense(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows rows;

    postgres_query(tx, &rows, "SELECT nothing FROM nowhere", "");
    EXPECT(!postgres_next(call, &rows));
    EXPECT(rows.status.code == STATUS_INTERNAL && strstr(rows.status.message, "nowhere"));
    return rows.status;
}

static void fails_once(struct call *call)
{
    struct postgres_rows rows;

    for (int i = 0; i < 20; i++) { /* on every connection, prepared or not */
        EXPECT(postgres_write(call, db, fails_and_asks, NULL).code == STATUS_ALREADY_EXISTS);
        EXPECT(postgres_write(call, db, asks_nonsense, NULL).code == STATUS_INTERNAL);
        EXPECT(postgres_read(call, db, &rows, "SELECT nonsense", "").code == STATUS_INTERNAL);
        EXPECT(count_things(call) == 1);
    }
}

TEST(a_failed_statement_fails_the_commit_and_the_connection_is_used_again)
{
    play(fails_once);
}

static void reads_twice(struct call *call)
{
    struct postgres_rows rows;
    int64_t first;

    /* The same connection is used again, so the statement is prepared once. */
    EXPECT_OK(postgres_read(call, db, &rows, "SELECT pg_backend_pid()", ""));
    EXPECT(postgres_next(call, &rows));
    first = postgres_column_i64(&rows, 0);
    for (int i = 0; i < 10; i++) EXPECT(count_things(call) == 1);
    EXPECT_OK(postgres_read(call, db, &rows,
                            "SELECT pg_backend_pid(), (SELECT count(*) FROM pg_prepared_statements"
                            " WHERE statement LIKE '%count(*) FROM things')",
                            ""));
    EXPECT(postgres_next(call, &rows) && postgres_column_i64(&rows, 0) == first);
    EXPECT(postgres_column_i64(&rows, 1) == 1);
}

TEST(statements_are_prepared_once_for_a_connection)
{
    play(reads_twice);
}

static void prepares_nothing(struct call *call)
{
    struct thing thing = {.id = 1, .amount = 1};
    struct postgres_rows rows;

    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT(count_things(call) == 2);
    EXPECT_OK(postgres_read(call, db, &rows, "SELECT count(*) FROM pg_prepared_statements", ""));
    EXPECT(postgres_next(call, &rows) && postgres_column_i64(&rows, 0) == 0);
}

TEST(behind_pgbouncer_nothing_is_kept_in_the_session)
{
    play_with("pgbouncer=true", prepares_nothing);
}

/* ---- the schema ---- */

static void prepares(struct call *call)
{
    const char *const newer[] = {migrations[0], migrations[1], "SELECT 1/0;", NULL};
    const char *const older[] = {migrations[0], NULL};
    const char *const more[] = {migrations[0], migrations[1], "CREATE TABLE more (x int);", NULL};

    EXPECT_OK(postgres_check_prepared(call, db, migrations));
    EXPECT_OK(postgres_prepare(call, db, migrations));
    EXPECT(postgres_check_prepared(call, db, more).reason == ARGOSY__REASON__STORE_NOT_PREPARED);
    EXPECT(failed(postgres_prepare(call, db, newer)));
    EXPECT_OK(postgres_check_prepared(call, db, migrations)); /* nothing of it remains */
    EXPECT(postgres_check_prepared(call, db, older).reason == ARGOSY__REASON__STORE_NEWER);
    EXPECT(postgres_prepare(call, db, older).reason == ARGOSY__REASON__STORE_NEWER);
    EXPECT_OK(postgres_prepare(call, db, more));
    EXPECT_OK(postgres_testing_drop(call, db));
    EXPECT(postgres_check_prepared(call, db, more).reason == ARGOSY__REASON__STORE_NOT_PREPARED);
}

TEST(the_schema_is_brought_to_its_newest_migration)
{
    play(prepares);
}

/* ---- many at once ---- */

/* The server finds a deadlock after a second (deadlock_timeout). */
enum { RACERS = 60, LOCKERS = 4 };

struct race {
    struct shard *home;
    struct fiber_wait wait;
    void (*fn)(struct call *call, int number);
    _Atomic int next, left;
    bool done;
};

static void race_ends(struct shard *shard, void *data)
{
    struct race *race = data;

    race->done = true;
    fiber_wake(shard, &race->wait);
}

static void run_racer(struct call *call, void *data)
{
    struct race *race = data;

    race->fn(call, race->next++);
    if (atomic_fetch_sub(&race->left, 1) == 1) shard_post(race->home, race_ends, race);
}

static void race(struct call *call, int count, void (*fn)(struct call *call, int number))
{
    struct race race = {.home = call->shard, .fn = fn, .left = count};

    for (int i = 0; i < count; i++)
        fiber_post(shards_at(shards, i % SHARDS), run_racer, NULL, &race);
    while (!race.done) fiber_suspend_uncancellable(call, &race.wait);
}

/* Without a lock: the transactions conflict, and are run again. */
static struct status increment(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows rows;

    postgres_query(tx, &rows, "SELECT amount FROM things WHERE id = 9", "");
    if (!postgres_next(call, &rows)) return rows.status;
    postgres_exec(tx, "UPDATE things SET amount = $1 WHERE id = 9", "i",
                  (int)postgres_column_i64(&rows, 0) + 1);
    return status_ok();
}

static void race_to_increment(struct call *call, int number)
{
    EXPECT_OK(postgres_write(call, db, increment, NULL));
}

/* Each locks two rows in the order of its number: half of them the other way round. */
static struct status lock_both(struct call *call, struct postgres_tx *tx, void *data)
{
    int first = *(int *)data % 2, second = 1 - first;

    postgres_exec(tx, "UPDATE things SET amount = amount + 1 WHERE id = $1 + 9", "i", first);
    postgres_exec(tx, "UPDATE things SET amount = amount + 1 WHERE id = $1 + 9", "i", second);
    return status_ok();
}

static void race_to_lock(struct call *call, int number)
{
    EXPECT_OK(postgres_write(call, db, lock_both, &number));
}

static int64_t amount_of(struct call *call, int id)
{
    struct postgres_rows rows = {.status = {.code = STATUS_UNKNOWN}};

    EXPECT_OK(postgres_read(call, db, &rows, "SELECT amount FROM things WHERE id = $1", "i", id));
    return postgres_next(call, &rows) ? postgres_column_i64(&rows, 0) : -1;
}

static void races(struct call *call)
{
    struct thing thing = {.id = 9}, other = {.id = 10};

    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT_OK(postgres_write(call, db, add_thing, &other));
    race(call, LOCKERS, race_to_lock);
    EXPECT(amount_of(call, 9) == LOCKERS && amount_of(call, 10) == LOCKERS);
    race(call, RACERS, race_to_increment);
    EXPECT(amount_of(call, 9) == LOCKERS + RACERS);
}

TEST(conflicting_and_deadlocked_transactions_run_again_until_all_are_done)
{
    play_with("options=-c%20default_transaction_isolation%3Dserializable", races);
}

/* A statement outside a transaction that the server refuses for other transactions' sake, as often
 * as is said. */
static const char *conflicts_text(struct arena *arena, int times)
{
    return arena_printf(arena,
                        "CREATE OR REPLACE FUNCTION conflict() RETURNS int8 LANGUAGE plpgsql AS $f$"
                        " BEGIN IF nextval('conflicts') <= %d THEN RAISE EXCEPTION 'in the way'"
                        " USING ERRCODE = '40001'; END IF; RETURN 7; END $f$",
                        times);
}

static struct status make_conflicts(struct call *call, struct postgres_tx *tx, void *data)
{
    postgres_exec(tx, "CREATE SEQUENCE IF NOT EXISTS conflicts", "");
    postgres_exec(tx, conflicts_text(call->arena, *(const int *)data), "");
    return status_ok();
}

static void reads_in_the_way(struct call *call)
{
    int few = 2, many = 1000;
    struct postgres_rows rows;
    struct status st;

    EXPECT_OK(postgres_write(call, db, make_conflicts, &few));
    EXPECT_OK(postgres_read(call, db, &rows, "SELECT conflict()", ""));
    EXPECT(postgres_next(call, &rows) && postgres_column_i64(&rows, 0) == 7);

    EXPECT_OK(postgres_write(call, db, make_conflicts, &many));
    st = postgres_read(call, db, &rows, "SELECT conflict()", "");
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_BUSY);
}

TEST(a_statement_that_conflicts_is_sent_again)
{
    play(reads_in_the_way);
}

/* ---- deadlines ---- */

static struct status sleep_long(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows rows;

    postgres_query(tx, &rows, "SELECT pg_sleep(60)", "");
    (void)postgres_next(call, &rows);
    return rows.status;
}

static int64_t count_sleepers(struct call *call)
{
    struct postgres_rows rows;

    EXPECT_OK(postgres_read(call, db, &rows,
                            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                            " AND query = 'SELECT pg_sleep(60)'",
                            ""));
    EXPECT(postgres_next(call, &rows));
    return postgres_column_i64(&rows, 0);
}

static void heeds_deadlines(struct call *call)
{
    struct postgres_rows rows;
    struct call hasty;

    for (int i = 0; i < 3; i++) {
        call_init_child(&hasty, call, 100);
        EXPECT(postgres_write(&hasty, db, sleep_long, NULL).code == STATUS_DEADLINE_EXCEEDED);
        call_init_child(&hasty, call, 100);
        EXPECT(postgres_read(&hasty, db, &rows, "SELECT pg_sleep(60)", "").code ==
               STATUS_DEADLINE_EXCEEDED);
        EXPECT(count_things(call) == 1); /* on a connection that is free */
    }
    for (int i = 0; i < 40 && count_sleepers(call) > 0; i++) EXPECT_OK(fiber_sleep(call, 50000));
    EXPECT(count_sleepers(call) == 0); /* the server has ended them too */
}

TEST(a_statement_ends_with_the_deadline_of_its_call_on_the_server_too)
{
    play(heeds_deadlines);
}

static void wait_their_turn(struct call *call, int number)
{
    struct postgres_rows rows;
    struct call patient;

    call_init_child(&patient, call, number % 2 ? 10000 : 200);
    struct status st = postgres_read(&patient, db, &rows, "SELECT pg_sleep(0.1)", "");
    EXPECT(number % 2 ? !failed(st) : !failed(st) || st.code == STATUS_DEADLINE_EXCEEDED);
}

static void queues(struct call *call)
{
    race(call, 60, wait_their_turn);
    EXPECT(count_things(call) == 1);
}

TEST(calls_wait_for_a_connection_until_their_deadline)
{
    play_with("pool_max=4", queues);
}

/* ---- commits of this process and of others ---- */

static _Atomic int told;

static void count_told(void *data)
{
    told++;
}

static struct status add_and_tell(struct call *call, struct postgres_tx *tx, void *data)
{
    postgres_tell_commit(tx);
    EXPECT(postgres_tx_number(tx) == 0 && postgres_tx_number(tx) == 1);
    return add_thing(call, tx, data);
}

static void tells(struct call *call)
{
    struct thing thing = {.id = 1};
    struct postgres_rows rows;

    EXPECT_OK(postgres_write(call, db, add_and_tell, &thing));
    EXPECT(told == 1);
    EXPECT(failed(postgres_write(call, db, add_and_tell, &thing)) && told == 1);
    thing.id = 2;
    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT_OK(fiber_sleep(call, 100000)); /* its own notification counts once */
    EXPECT(told == 1);
    /* As another process does. */
    EXPECT_OK(postgres_read(call, db, &rows, "SELECT pg_notify('argosy_' || $1, '')", "t",
                            postgres_schema(db)));
    for (int i = 0; i < 100 && told < 2; i++) EXPECT_OK(fiber_sleep(call, 20000));
    EXPECT(told == 2);
}

static void run_told(struct call *call, void *data)
{
    run_scene(call, data);
}

TEST(commits_are_told_in_this_process_and_in_others)
{
    const char *url = test_engine("ARGOSY_TEST_POSTGRES");
    struct arena arena = {0};

    if (!url) return;
    arena_init(&arena, 0);
    told = 0;
    shards = shards_new(SHARDS);
    CHECK_OK(postgres_new(&arena, shards, postgres_testing_url(&arena), "test", &db));
    postgres_on_commit(db, count_told, NULL);
    scene = tells;
    fiber_post(shards_at(shards, 0), run_told, NULL, NULL);
    shards_run(shards);
    postgres_close(db);
    shards_free(shards);
    arena_release(&arena);
}

/* ---- URLs ---- */

static struct status try_url(struct arena *arena, const char *url)
{
    struct shards *some = shards_new(1);
    struct postgres *made = NULL;
    struct status st = postgres_new(arena, some, url, "test", &made);

    postgres_close(made);
    shards_free(some);
    return st;
}

TEST(a_url_that_is_none_is_refused_without_its_password)
{
    static const char *const bad[] = {
        "postgres://ann:s3cret@db/shop?nonsense=1",
        "postgres://ann:s3cret@db/shop?pool_max=0",
        "postgres://ann:s3cret@db/shop?pool_max=many",
        "postgres://ann:s3cret@db/shop?schema=Robert'%3B--",
        "postgres://ann:s3cret@db/shop?schema=",
        "postgres://ann:s3cret@db/shop?pgbouncer=perhaps",
        "postgres://ann:s3cret@db/shop?connect_timeout=soon",
        "postgres://ann:s3cret%zz@db/shop",
        "postgres://ann:s3cret@a,b,c,d,e,f,g,h,i/shop",
        "postgres://ann:s3cret@a:1,b,c:/shop?port=5,6",
    };
    static const char *const good[] = {
        "postgres://ann:s3cret@db/shop",
        "postgresql://ann@a:5432,b:5433,[::1]:5434/shop?sslmode=verify-full&pool_max=4",
        "postgres:///shop?host=/run/postgresql&schema=orders_2",
        "postgres://",
    };
    struct arena arena = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct status st = try_url(&arena, bad[i]);
        if (st.reason != ARGOSY__REASON__SETTING_INVALID) printf("  %s\n", bad[i]);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
        CHECK(!strstr(st.message, "s3cret"));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) CHECK_OK(try_url(&arena, good[i]));
    arena_release(&arena);
}
