/* SPDX-License-Identifier: Apache-2.0 */
/* The test bank's port on SQLite. A request is one job of the writer: its key is looked up and
 * stored in the transaction of its effect, so it takes effect once, whatever happens.
 *
 * The job makes the ids of charges, so they increase in the order of the commits. A request's row
 * has the charge as it was right after it: the answer if the request is repeated. */
#include "base/clock.h"
#include "base/uuid.h"
#include "events/events_sqlite.h"
#include "reasons.pb-c.h"
#include "services/bank/bank_store.h"

static const char *const migrations[] = {
    "CREATE TABLE charges ("
    "  charge_id TEXT PRIMARY KEY,"
    "  status INTEGER NOT NULL,"
    "  amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),"
    "  captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),"
    "  refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND captured_minor),"
    "  currency TEXT NOT NULL,"
    "  reference TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE requests ("
    "  key TEXT PRIMARY KEY,"
    "  act INTEGER NOT NULL,"
    "  asked BLOB NOT NULL,"
    "  charge_id TEXT NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  captured_minor INTEGER NOT NULL,"
    "  refunded_minor INTEGER NOT NULL,"
    "  code INTEGER NOT NULL,"
    "  reason INTEGER NOT NULL,"
    "  message TEXT NOT NULL) STRICT, WITHOUT ROWID;",
    0,
};

struct sqlite_bank_store {
    struct bank_store port;
    struct sqlite *db;
};

#define CHARGE_COLUMNS                                                                       \
    "charge_id, status, amount_minor, captured_minor, refunded_minor, currency, reference, " \
    "created_us"

static void read_charge(const struct sqlite_rows *rows, struct charge *ret_charge)
{
    *ret_charge = (struct charge){
        .charge_id = sqlite_column_text(rows, 0),
        .status = (enum charge_status)sqlite_column_i64(rows, 1),
        .amount_minor = sqlite_column_i64(rows, 2),
        .captured_minor = sqlite_column_i64(rows, 3),
        .refunded_minor = sqlite_column_i64(rows, 4),
        .currency = sqlite_column_text(rows, 5),
        .reference = sqlite_column_text(rows, 6),
        .created_us = sqlite_column_i64(rows, 7),
    };
}

static struct status one_charge(struct sqlite_rows *rows, struct charge *ret_charge)
{
    if (!sqlite_next(rows)) {
        if (failed(rows->status)) return rows->status;
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__CHARGE_NOT_FOUND,
                           "the bank has no such charge");
    }
    read_charge(rows, ret_charge);
    sqlite_end(rows);
    return status_ok();
}

/* ---- requests ---- */

struct perform {
    const struct bank_request *request;
    struct bank_answer *answer;
};

static struct status find_charge(struct sqlite_tx *tx, const char *charge_id,
                                 struct charge *ret_charge)
{
    struct sqlite_rows rows;

    struct status st = sqlite_query(
        tx, &rows, "SELECT " CHARGE_COLUMNS " FROM charges WHERE charge_id = ?", "t", charge_id);
    if (failed(st)) return st;
    return one_charge(&rows, ret_charge);
}

/* The result of an earlier request with this key; *ret_known is false if there was none. */
static struct status recall(struct sqlite_tx *tx, const struct bank_request *request,
                            struct bank_answer *answer, bool *ret_known)
{
    struct sqlite_rows rows;
    struct charge then = {0};

    struct status st = sqlite_query(
        tx, &rows,
        "SELECT act, asked, charge_id, status, captured_minor, refunded_minor, code, reason,"
        " message FROM requests WHERE key = ?",
        "t", request->key);
    if (failed(st)) return st;
    *ret_known = sqlite_next(&rows);
    if (!*ret_known) return rows.status;
    if (sqlite_column_i64(&rows, 0) != (int64_t)request->act ||
        !str_equal(sqlite_column_view(&rows, 1), request->values)) {
        sqlite_end(&rows);
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED,
                           "this idempotency key was used for another request; use a new one");
    }
    then.charge_id = sqlite_column_text(&rows, 2);
    then.status = (enum charge_status)sqlite_column_i64(&rows, 3);
    then.captured_minor = sqlite_column_i64(&rows, 4);
    then.refunded_minor = sqlite_column_i64(&rows, 5);
    answer->refusal = (struct status){
        .code = (enum status_code)sqlite_column_i64(&rows, 6),
        .reason = (int)sqlite_column_i64(&rows, 7),
        .message = sqlite_column_text(&rows, 8),
    };
    sqlite_end(&rows);
    if (failed(answer->refusal)) return status_ok();
    st = find_charge(tx, then.charge_id, &answer->charge);
    if (failed(st)) return st;
    answer->charge.status = then.status;
    answer->charge.captured_minor = then.captured_minor;
    answer->charge.refunded_minor = then.refunded_minor;
    return status_ok();
}

static struct status authorize(const struct call *call, struct sqlite_tx *tx,
                               const struct bank_request *request, struct charge *charge)
{
    *charge = (struct charge){
        .charge_id = arena_printf(call->arena, "ch_%s", uuid_new(call->arena)),
        .status = bank_authorize(request->method),
        .amount_minor = request->amount_minor,
        .currency = request->currency,
        .reference = request->reference,
        .created_us = clock_now_us(),
    };
    return sqlite_exec(tx, 0,
                       "INSERT INTO charges (" CHARGE_COLUMNS ") VALUES (?, ?, ?, 0, 0, ?, ?, ?)",
                       "tilttl", charge->charge_id, (int)charge->status, charge->amount_minor,
                       charge->currency, charge->reference, charge->created_us);
}

/* A refusal is a result too, and stored. */
static struct status change(const struct call *call, struct sqlite_tx *tx,
                            const struct bank_request *request, struct bank_answer *answer)
{
    struct charge *charge = &answer->charge;
    struct status st;

    st = find_charge(tx, request->charge_id, charge);
    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    answer->refusal = st;
    if (!failed(answer->refusal))
        answer->refusal = bank_change(call->arena, request->act, request->amount_minor, charge);
    if (failed(answer->refusal)) return status_ok();
    return sqlite_exec(
        tx, 0,
        "UPDATE charges SET status = ?, captured_minor = ?, refunded_minor = ? WHERE charge_id = ?",
        "illt", (int)charge->status, charge->captured_minor, charge->refunded_minor,
        charge->charge_id);
}

static struct status remember(struct sqlite_tx *tx, const struct bank_request *request,
                              const struct bank_answer *answer)
{
    const struct charge *charge = &answer->charge;
    const struct status refusal = answer->refusal;

    return sqlite_exec(
        tx, 0,
        "INSERT INTO requests (key, act, asked, charge_id, status, captured_minor, refunded_minor,"
        " code, reason, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tibtilliit", request->key, (int)request->act, request->values,
        charge->charge_id ? charge->charge_id : "", (int)charge->status, charge->captured_minor,
        charge->refunded_minor, (int)refusal.code, refusal.reason,
        refusal.message ? refusal.message : "");
}

static struct status perform_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct perform *job = data;
    const struct bank_request *request = job->request;
    struct bank_answer *answer = job->answer;
    struct status st;
    bool known;

    *answer = (struct bank_answer){0};
    st = recall(tx, request, answer, &known);
    if (failed(st) || known) return st;

    if (request->act == BANK_AUTHORIZE)
        st = authorize(call, tx, request, &answer->charge);
    else
        st = change(call, tx, request, answer);
    if (failed(st)) return st;

    answer->first = true;
    return remember(tx, request, answer);
}

static struct status perform(struct call *call, struct bank_store *port,
                             const struct bank_request *request, struct bank_answer *ret_answer)
{
    struct sqlite_bank_store *store = (struct sqlite_bank_store *)port;
    struct perform job = {request, arena_new(call->arena, struct bank_answer)};

    struct status st = sqlite_write(call, store->db, perform_job, &job);
    if (failed(st)) return st;
    *ret_answer = *job.answer;
    return status_ok();
}

/* ---- reading ---- */

static struct status find(struct call *call, struct bank_store *port, const char *charge_id,
                          const char *key, struct charge *ret_charge)
{
    struct sqlite_bank_store *store = (struct sqlite_bank_store *)port;
    struct sqlite_rows rows;
    struct status st;

    if (charge_id[0])
        st = sqlite_read(call, store->db, &rows,
                         "SELECT " CHARGE_COLUMNS " FROM charges WHERE charge_id = ?", "t",
                         charge_id);
    else
        st = sqlite_read(call, store->db, &rows,
                         "SELECT " CHARGE_COLUMNS " FROM charges WHERE charge_id ="
                         " (SELECT charge_id FROM requests WHERE key = ? AND act = ?)",
                         "ti", key, (int)BANK_AUTHORIZE);
    if (failed(st)) return st;
    return one_charge(&rows, ret_charge);
}

struct several {
    const char *const *charge_ids;
    size_t asked;
    struct charge *charges;
    size_t count;
};

static struct status several_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct several *several = data;
    struct charge *places = arena_array(call->arena, struct charge, several->asked);
    struct sqlite_rows rows;

    several->charges = arena_array(call->arena, struct charge, several->asked);
    several->count = 0;
    struct status st = sqlite_query(
        tx, &rows,
        "SELECT " CHARGE_COLUMNS ", wanted.key FROM json_each(?) AS wanted"
        " JOIN charges ON charge_id = wanted.value",
        "t", sqlite_list(call->arena, several->charge_ids, several->asked));
    if (failed(st)) return st;
    while (sqlite_next(&rows)) read_charge(&rows, &places[sqlite_column_i64(&rows, 8)]);
    for (size_t i = 0; i < several->asked; i++)
        if (places[i].charge_id) several->charges[several->count++] = places[i];
    return rows.status;
}

static struct status find_several(struct call *call, struct bank_store *port,
                                  const char *const *charge_ids, size_t count,
                                  struct charge **ret_charges, size_t *ret_count)
{
    struct sqlite_bank_store *store = (struct sqlite_bank_store *)port;
    struct several job = {.charge_ids = charge_ids, .asked = count};

    struct status st = sqlite_audit(call, store->db, several_job, &job);
    if (failed(st)) return st;
    *ret_charges = job.charges;
    *ret_count = job.count;
    return status_ok();
}

struct list {
    const char *after;
    size_t max;
    struct charge *charges;
    size_t count;
};

static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct list *list = data;
    struct sqlite_rows rows;

    list->charges = arena_array(call->arena, struct charge, list->max);
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT " CHARGE_COLUMNS " FROM charges WHERE charge_id > ?"
                                    " ORDER BY charge_id LIMIT ?",
                                    "tl", list->after, (int64_t)list->max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) read_charge(&rows, &list->charges[list->count++]);
    return rows.status;
}

static struct status list(struct call *call, struct bank_store *port, const char *after, size_t max,
                          struct charge **ret_charges, size_t *ret_count)
{
    struct sqlite_bank_store *store = (struct sqlite_bank_store *)port;
    struct list job = {.after = after, .max = max};

    struct status st = sqlite_audit(call, store->db, list_job, &job);
    if (failed(st)) return st;
    *ret_charges = job.charges;
    *ret_count = job.count;
    return status_ok();
}

static void close_store(struct bank_store *port)
{
    sqlite_close(((struct sqlite_bank_store *)port)->db);
}

struct status bank_store_sqlite(const struct service_context *context, const char *path,
                                struct bank_store **ret_store)
{
    struct sqlite_bank_store *store = arena_new(context->arena, struct sqlite_bank_store);

    struct status st = events_sqlite_open(context, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct bank_store){perform, find, find_several, list, close_store};
    *ret_store = &store->port;
    return status_ok();
}
