/* SPDX-License-Identifier: Apache-2.0 */
/* Signs requests: a canonical text of the request is hashed, that hash is put beside time and
 * scope, and the whole is authenticated by a key that is derived from the secret. */
#include "store/dynamodb/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/digest.h"
#include "base/encode.h"
#include "base/status.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

void signature_format_time(int64_t time_us, char ret_text[SIGNATURE_TIME_SIZE])
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(ret_text, SIGNATURE_TIME_SIZE, "%Y%m%dT%H%M%SZ", &utc);
}

void signature_derive_key(const char *secret, const char *date, const char *region,
                          const char *service, uint8_t ret_key[HMAC_SHA256_SIZE])
{
    char first[SIGNATURE_SECRET_MAX + sizeof("AWS4")];
    int length = snprintf(first, sizeof(first), "AWS4%s", secret);

    invariant(length > 4 && (size_t)length < sizeof(first));
    hmac_sha256(str_sized(first, (size_t)length), str_sized(date, SIGNATURE_DATE_LENGTH), ret_key);
    hmac_sha256(str_sized(ret_key, HMAC_SHA256_SIZE), str_of(region), ret_key);
    hmac_sha256(str_sized(ret_key, HMAC_SHA256_SIZE), str_of(service), ret_key);
    hmac_sha256(str_sized(ret_key, HMAC_SHA256_SIZE), STR("aws4_request"), ret_key);
    secret_wipe(first, sizeof(first));
}

static struct str hash(struct arena *arena, struct str text)
{
    uint8_t digest[SHA256_SIZE];

    digest_sha256(text, digest);
    return hex_encode(arena, str_sized(digest, sizeof(digest)));
}

/* ---- the canonical request ---- */

static int compare_names(const void *a, const void *b)
{
    const struct http_header *const *left = a, *const *right = b;
    int order = str_compare((*left)->name, (*right)->name);

    /* Those of one name stay in their order. */
    return order ? order : (*left < *right ? -1 : *left > *right);
}

static const struct http_header **sort(struct arena *arena, const struct http_headers *headers)
{
    const struct http_header **sorted = arena_array(arena, const struct http_header *,
                                                    headers->count);

    for (size_t i = 0; i < headers->count; i++) sorted[i] = &headers->items[i];
    qsort(sorted, headers->count, sizeof(*sorted), compare_names);
    return sorted;
}

/* Without white space at its ends, and with one space in place of several. */
static void add_value(struct buffer *out, struct str value)
{
    bool space = false;

    value = str_trim(value);
    for (size_t i = 0; i < value.length; i++) {
        bool again = space;
        space = value.data[i] == ' ';
        if (!space || !again) buffer_append_byte(out, value.data[i]);
    }
}

/* "name:value" lines, and the names as "a;b". Values of one name are joined by commas. */
static void add_headers(struct arena *arena, const struct http_headers *headers, struct buffer *out,
                        struct buffer *names)
{
    const struct http_header **sorted = sort(arena, headers);

    for (size_t i = 0; i < headers->count; i++) {
        bool again = i > 0 && str_equal(sorted[i]->name, sorted[i - 1]->name);
        if (again) {
            out->length--; /* the line goes on */
            buffer_append_byte(out, ',');
        } else {
            if (i > 0) buffer_append_byte(names, ';');
            buffer_append_str(names, sorted[i]->name);
            buffer_append_str(out, sorted[i]->name);
            buffer_append_byte(out, ':');
        }
        add_value(out, sorted[i]->value);
        buffer_append_byte(out, '\n');
    }
}

static struct str hash_request(struct arena *arena, const struct signature_request *request,
                               struct buffer *names)
{
    struct buffer text;

    buffer_init(&text, SIZE_MAX);
    buffer_printf(&text, "%s\n%s\n%s\n", request->method, request->path, request->query);
    add_headers(arena, request->headers, &text, names);
    buffer_append_byte(&text, '\n');
    buffer_append_str(&text, buffer_str(names));
    buffer_append_byte(&text, '\n');
    buffer_append_str(&text, hash(arena, request->body));
    struct str hashed = hash(arena, buffer_str(&text));
    buffer_release(&text);
    return hashed;
}

/* ---- the signature ---- */

const char *signature_authorize(struct arena *arena, const struct signature_scope *scope,
                                const struct signature_request *request)
{
    const char *place = arena_printf(arena, "%.*s/%s/%s/aws4_request", SIGNATURE_DATE_LENGTH,
                                     scope->time, scope->region, scope->service);
    uint8_t mac[HMAC_SHA256_SIZE];
    struct buffer names;

    buffer_init(&names, SIZE_MAX);
    struct str hashed = hash_request(arena, request, &names);
    const char *text = arena_printf(arena, "%s\n%s\n%s\n%.*s", algorithm, scope->time, place,
                                    STR_ARGS(hashed));
    hmac_sha256(str_sized(scope->key, HMAC_SHA256_SIZE), str_of(text), mac);
    struct str signature = hex_encode(arena, str_sized(mac, sizeof(mac)));
    const char *value = arena_printf(
        arena, "%s Credential=%s/%s, SignedHeaders=%.*s, Signature=%.*s", algorithm, scope->key_id,
        place, STR_ARGS(buffer_str(&names)), STR_ARGS(signature));
    buffer_release(&names);
    return value;
}
