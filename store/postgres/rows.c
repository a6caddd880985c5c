/* SPDX-License-Identifier: Apache-2.0 */
/* Values of parameters, and rows of results, in PostgreSQL's binary formats: integers and doubles in
 * network byte order, bytea and text as they are. */
#include <endian.h>

#include "store/postgres/database.h"

/* Types by their numbers in the catalogue pg_type, which never change. */
enum { TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_INT4 = 23, TYPE_FLOAT8 = 701, TYPE_UUID = 2950 };

const struct postgres_values postgres_no_values;

/* ---- parameters ---- */

static void put(struct postgres_values *values, Oid type, const void *value, size_t length)
{
    int at = values->count++;

    values->types[at] = type;
    values->values[at] = value;
    values->lengths[at] = (int)length;
    values->formats[at] = type != 0;
}

static void put_int4(struct arena *arena, struct postgres_values *values, int value)
{
    uint32_t bits = htobe32((uint32_t)value);

    put(values, TYPE_INT4, arena_memdup(arena, &bits, sizeof(bits)), sizeof(bits));
}

static void put_8(struct arena *arena, struct postgres_values *values, Oid type, uint64_t bits)
{
    bits = htobe64(bits);
    put(values, type, arena_memdup(arena, &bits, sizeof(bits)), sizeof(bits));
}

static void put_double(struct arena *arena, struct postgres_values *values, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put_8(arena, values, TYPE_FLOAT8, bits);
}

/* libpq needs an address even for no bytes: NULL would be the SQL value NULL. */
static void put_bytes(struct postgres_values *values, struct str bytes)
{
    put(values, TYPE_BYTEA, bytes.data ? bytes.data : "", bytes.length);
}

void postgres_read_values(struct arena *arena, const char *format, va_list values,
                          struct postgres_values *ret_values)
{
    ret_values->count = 0;
    for (const char *letter = format; *letter; letter++) {
        invariant(ret_values->count < POSTGRES_VALUES_MAX);
        switch (*letter) {
        case 't': put(ret_values, 0, va_arg(values, const char *), 0); break;
        case 's': put(ret_values, 0, str_dup(arena, va_arg(values, struct str)), 0); break;
        case 'i': put_int4(arena, ret_values, va_arg(values, int)); break;
        case 'l': put_8(arena, ret_values, TYPE_INT8, (uint64_t)va_arg(values, int64_t)); break;
        case 'd': put_double(arena, ret_values, va_arg(values, double)); break;
        case 'b': put_bytes(ret_values, va_arg(values, struct str)); break;
        case 'n': put(ret_values, 0, NULL, 0); break;
        default: invariant(!"the format has unknown letters");
        }
    }
}

/* ---- rows ---- */

bool postgres_next(struct call *call, struct postgres_rows *rows)
{
    struct postgres_request *request = rows->request;

    if (failed(rows->status)) return false;
    if (rows->row < 0 && request->tx) rows->status = postgres_tx_await(call, request->tx, request);
    if (failed(rows->status)) return false;
    if (rows->row + 1 >= request->library->ntuples(request->result)) return false;
    rows->row++;
    return true;
}

int64_t postgres_row_count(const struct postgres_rows *rows)
{
    const struct postgres_request *request = rows->request;
    int64_t changed;

    if (!request->result) return 0;
    if (request->library->nfields(request->result) > 0)
        return request->library->ntuples(request->result);
    struct str text = str_of(request->library->cmdTuples(request->result));
    return str_to_i64(text, &changed) ? changed : 0;
}

/* The bytes of a value of the present row; data NULL for NULL, and where there is no row. */
static struct str value_of(const struct postgres_rows *rows, int column)
{
    const struct postgres_library *library = rows->request->library;
    PGresult *result = rows->request->result;

    if (!result || rows->row < 0 || rows->row >= library->ntuples(result) ||
        column >= library->nfields(result) || library->getisnull(result, rows->row, column))
        return (struct str){0};
    return str_sized(library->getvalue(result, rows->row, column),
                     (size_t)library->getlength(result, rows->row, column));
}

int64_t postgres_column_i64(const struct postgres_rows *rows, int column)
{
    struct str value = value_of(rows, column);
    uint64_t eight;
    uint32_t four;
    uint16_t two;

    switch (value.data ? value.length : 0) {
    case 8: memcpy(&eight, value.data, sizeof(eight)); return (int64_t)be64toh(eight);
    case 4: memcpy(&four, value.data, sizeof(four)); return (int32_t)be32toh(four);
    case 2: memcpy(&two, value.data, sizeof(two)); return (int16_t)be16toh(two);
    case 1: return value.data[0];
    default: return 0;
    }
}

double postgres_column_double(const struct postgres_rows *rows, int column)
{
    struct str value = value_of(rows, column);
    uint64_t bits;
    double number;

    if (!value.data || value.length != sizeof(bits)) return 0;
    memcpy(&bits, value.data, sizeof(bits));
    bits = be64toh(bits);
    memcpy(&number, &bits, sizeof(number));
    return number;
}

bool postgres_column_is_null(const struct postgres_rows *rows, int column)
{
    return !value_of(rows, column).data;
}

static const char *format_uuid(struct arena *arena, struct str value)
{
    const uint8_t *u = (const uint8_t *)value.data;

    return arena_printf(
        arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
        u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

const char *postgres_column_text(const struct postgres_rows *rows, int column)
{
    struct str value = value_of(rows, column);

    if (!value.data) return "";
    if (rows->request->library->ftype(rows->request->result, column) == TYPE_UUID &&
        value.length == 16)
        return format_uuid(rows->arena, value);
    return value.data; /* libpq adds the NUL */
}

struct str postgres_column_blob(const struct postgres_rows *rows, int column)
{
    struct str value = value_of(rows, column);

    return value.data ? value : STR("");
}
