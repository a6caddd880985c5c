/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the tables and makes them. */
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/database.h"

enum { LOOK_MIN_US = 20 * 1000, LOOK_MAX_US = 1000 * 1000 };

static struct str text_of(const struct dynamodb_value *object, const char *name)
{
    const struct dynamodb_value *value = dynamodb_member(object, name);

    return value->kind == JSON_STRING ? value->text : STR("");
}

/* For operators: why the server could not be asked. */
static struct status explain(const struct call *call, struct dynamodb *db, struct status st)
{
    const struct dynamodb_own *own = dynamodb_own_of(call, db);

    if (st.code != STATUS_UNAVAILABLE || !own->problem[0]) return st;
    return status_printf(call->arena, st.code, st.reason, "%s", own->problem);
}

/* ---- one table ---- */

struct status dynamodb_describe(struct call *call, struct dynamodb *db, const char *table,
                                const struct dynamodb_value **ret_table)
{
    const struct dynamodb_value *answer;
    struct str request = dynamodb_json(call->arena, "{TableName: %t}",
                                       dynamodb_table(call->arena, db, table));

    struct status st = dynamodb_read(call, db, "DescribeTable", request, &answer);
    if (st.reason == ARGOSY__REASON__STORE_NOT_PREPARED) st.code = STATUS_NOT_FOUND;
    if (!failed(st)) *ret_table = dynamodb_member(answer, "Table");
    return st;
}

static bool is_ready(const struct dynamodb_value *table)
{
    const struct dynamodb_value *indexes = dynamodb_member(table, "GlobalSecondaryIndexes");

    if (!str_is(text_of(table, "TableStatus"), "ACTIVE")) return false;
    for (const struct dynamodb_value *index = indexes->first; index; index = index->next)
        if (!str_is(text_of(index, "IndexStatus"), "ACTIVE")) return false;
    return true;
}

/* Right after it was made, a table may not be seen yet. */
static struct status await_table(struct call *call, struct dynamodb *db, const char *table)
{
    int64_t pause_us = LOOK_MIN_US;

    for (;;) {
        const struct dynamodb_value *description;
        struct status st = dynamodb_describe(call, db, table, &description);
        if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
        if (!failed(st) && is_ready(description)) return st;
        st = fiber_sleep(call, pause_us);
        if (failed(st)) return st;
        pause_us = pause_us * 2 < LOOK_MAX_US ? pause_us * 2 : LOOK_MAX_US;
    }
}

struct status dynamodb_make_table(struct call *call, struct dynamodb *db, const char *table,
                                  struct str request)
{
    const struct dynamodb_value *answer, *description;

    struct status st = dynamodb_describe(call, db, table, &description);
    if (st.code == STATUS_NOT_FOUND) st = dynamodb_write(call, db, "CreateTable", request, &answer);
    /* Another process may have made it, or this one although its answer was lost. */
    bool may_be_there = !failed(st) || st.code == STATUS_ALREADY_EXISTS;
    if (st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN)
        may_be_there = !failed(dynamodb_describe(call, db, table, &description));
    return may_be_there ? await_table(call, db, table) : st;
}

/* ---- what is found ---- */

static const char *recovery_problem(struct call *call, struct dynamodb *db, const char *table)
{
    const struct dynamodb_value *answer;
    struct str request = dynamodb_json(call->arena, "{TableName: %t}",
                                       dynamodb_table(call->arena, db, table));

    struct status st = dynamodb_read(call, db, "DescribeContinuousBackups", request, &answer);
    if (st.code == STATUS_UNIMPLEMENTED || st.code == STATUS_INTERNAL) return 0; /* not AWS */
    if (failed(st))
        return "whether point-in-time recovery is on is not known, because the server does not say "
               "it (dynamodb:DescribeContinuousBackups)";
    const struct dynamodb_value *recovery = dynamodb_member(
        dynamodb_member(answer, "ContinuousBackupsDescription"), "PointInTimeRecoveryDescription");
    if (str_is(text_of(recovery, "PointInTimeRecoveryStatus"), "ENABLED")) return 0;
    return "point-in-time recovery is off, so data that is deleted or spoilt by mistake cannot be "
           "brought back; turn it on";
}

static void judge_table(struct call *call, struct dynamodb *db, const char *table,
                        const struct dynamodb_value *description, struct store_findings *findings)
{
    const struct dynamodb_value *billing = dynamodb_member(description, "BillingModeSummary");
    bool on_demand = str_is(text_of(billing, "BillingMode"), "PAY_PER_REQUEST");
    bool is_protected = dynamodb_member(description, "DeletionProtectionEnabled")->kind ==
                        JSON_TRUE;
    const char *name = dynamodb_table(call->arena, db, table);

    store_find(findings, false, "table %s: %.*s, %s", name,
               STR_ARGS(text_of(description, "TableStatus")),
               on_demand ? "on demand"
                         : "provisioned capacity, so what exceeds it is throttled (STORE_BUSY)");
    if (!is_protected)
        store_find(
            findings, true,
            "table %s: deletion protection is off, so it can be deleted by mistake; turn it on",
            name);
    const char *problem = recovery_problem(call, db, table);
    if (problem) store_find(findings, true, "table %s: %s", name, problem);
}

static struct status judge_tables(struct call *call, struct dynamodb *db,
                                  struct store_findings *findings)
{
    for (size_t i = 0; i < db->table_count; i++) {
        const struct dynamodb_value *description;
        struct status st = dynamodb_describe(call, db, db->tables[i], &description);
        if (st.code == STATUS_NOT_FOUND)
            store_find(findings, false, "table %s: it is not there",
                       dynamodb_table(call->arena, db, db->tables[i]));
        else if (failed(st))
            return st;
        else
            judge_table(call, db, db->tables[i], description, findings);
    }
    return status_ok();
}

struct status dynamodb_check(struct call *call, struct dynamodb *db,
                             struct store_findings *findings)
{
    const struct dynamodb_value *answer;
    struct status st = status_ok();

    store_find(findings, false, "DynamoDB at %s (%s), region %s, credentials from %s", db->host,
               db->is_aws ? "AWS" : "not AWS's own", db->region,
               credentials_origin(db->credentials));
    if (db->is_aws && db->plain)
        store_find(findings, true,
                   "the endpoint is used without TLS, so anybody on the way may "
                   "change what is kept");
    if (db->table_count == 0)
        st = dynamodb_read(call, db, "ListTables", STR("{\"Limit\":1}"), &answer);
    if (!failed(st)) st = judge_tables(call, db, findings);
    return explain(call, db, st);
}

struct status dynamodb_open(struct call *call, struct dynamodb *db)
{
    struct store_findings findings = {.arena = call->arena};

    struct status st = dynamodb_check(call, db, &findings);
    if (failed(st)) return st;
    size_t unsafe = store_findings_log(&findings, call->trace, db->name);
    metric_set(db->metrics.unsafe_settings, (double)unsafe);
    return st;
}
