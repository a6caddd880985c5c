/* SPDX-License-Identifier: Apache-2.0 */
/* An entry is the HMAC of its account and the rest, then the rest: numbers of eight bytes and texts
 * with their length before them, in a fixed order. */
#include "services/auth/redis/auth_cache_entry.h"

#include <string.h>

#include "base/hmac.h"

/* Part of the signature: raise one whenever its order below changes. */
#define ENTRY_FORMAT "argosy auth cache 1"
#define MEMORY_FORMAT "argosy auth memory 1"

/* The longest that an entry may be good for; one that says more is not believed. */
#define LIFE_US_MAX INT64_C(60000000)

enum { NUMBER_SIZE = 8, SESSIONS_MAX = 1001 };

/* What is signed: the format, the account, and the rest of the value. */
struct signature {
    const char *format, *account;
    struct str rest;
};

static void sign(struct str key, const struct signature *of, uint8_t ret_mac[HMAC_SHA256_SIZE])
{
    struct buffer text;

    buffer_init(&text, SIZE_MAX);
    buffer_append(&text, of->format, strlen(of->format) + 1);
    buffer_append(&text, of->account, strlen(of->account) + 1);
    buffer_append_str(&text, of->rest);
    hmac_sha256(key, str_sized(text.data, text.length), ret_mac);
    buffer_release(&text);
}

/* ---- writing ---- */

static void put_number(struct buffer *out, int64_t value)
{
    buffer_append(out, &value, NUMBER_SIZE);
}

static void put_text(struct buffer *out, const char *text)
{
    size_t length = strlen(text);

    put_number(out, (int64_t)length);
    buffer_append(out, text, length);
}

static void put_session(struct buffer *out, const struct session *session)
{
    const char *texts[] = {session->email,  session->role, session->device_id,
                           session->family, session->boot, session->peer};
    const int64_t numbers[] = {
        session->number,  session->issued_s,     session->expires_s,  session->created_us,
        session->used_us, session->used_boot_us, session->generation, session->password_changed_us};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) put_text(out, texts[i]);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) put_number(out, numbers[i]);
    buffer_append(out, session->hash, sizeof(session->hash));
}

struct str auth_cache_entry_write(struct arena *arena, struct str key,
                                  const struct auth_cache_entry *entry)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    struct str none = {0};
    struct buffer out;

    buffer_init(&out, AUTH_CACHE_ENTRY_SIZE_MAX);
    memset(mac, 0, sizeof(mac));
    buffer_append(&out, mac, sizeof(mac));
    put_number(&out, entry->as_of_s);
    put_number(&out, entry->until_us);
    put_number(&out, (int64_t)entry->count);
    for (size_t i = 0; i < entry->count; i++) put_session(&out, &entry->sessions[i]);
    if (out.overflow) {
        buffer_release(&out);
        return none;
    }
    const struct signature signature = {
        ENTRY_FORMAT, entry->account, str_sized(out.data + sizeof(mac), out.length - sizeof(mac))};
    sign(key, &signature, mac);
    memcpy(out.data, mac, sizeof(mac));
    struct str text = str_sized(arena_memdup(arena, out.data, out.length), out.length);
    buffer_release(&out);
    return text;
}

/* ---- reading ---- */

struct reader {
    struct arena *arena;
    struct str rest;
    bool failed;
};

static const char *take(struct reader *reader, size_t size)
{
    const char *data = reader->rest.data;

    if (reader->failed || size > reader->rest.length) {
        reader->failed = true;
        return NULL;
    }
    reader->rest = str_sized(data + size, reader->rest.length - size);
    return data;
}

static int64_t take_number(struct reader *reader)
{
    const char *data = take(reader, NUMBER_SIZE);
    int64_t value = 0;

    if (data) memcpy(&value, data, NUMBER_SIZE);
    return value;
}

static const char *take_text(struct reader *reader)
{
    int64_t length = take_number(reader);
    const char *data = length < 0 ? NULL : take(reader, (size_t)length);

    if (length < 0) reader->failed = true;
    return data ? str_dup(reader->arena, str_sized(data, (size_t)length)) : "";
}

static void take_session(struct reader *reader, struct session *ret_session)
{
    *ret_session = (struct session){0};
    const char **texts[] = {&ret_session->email,  &ret_session->role, &ret_session->device_id,
                            &ret_session->family, &ret_session->boot, &ret_session->peer};
    int64_t *numbers[] = {&ret_session->number,     &ret_session->issued_s,
                          &ret_session->expires_s,  &ret_session->created_us,
                          &ret_session->used_us,    &ret_session->used_boot_us,
                          &ret_session->generation, &ret_session->password_changed_us};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) *texts[i] = take_text(reader);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        *numbers[i] = take_number(reader);
    const char *hash = take(reader, sizeof(ret_session->hash));
    if (hash) memcpy(ret_session->hash, hash, sizeof(ret_session->hash));
}

static bool read_sessions(struct reader *reader, struct auth_cache_entry *entry)
{
    int64_t count = take_number(reader);

    if (count < 0 || count > SESSIONS_MAX) return false;
    struct session *sessions = arena_array(reader->arena, struct session, (size_t)count + 1);
    for (int64_t i = 0; i < count && !reader->failed; i++) take_session(reader, &sessions[i]);
    entry->sessions = sessions;
    entry->count = (size_t)count;
    return !reader->failed && reader->rest.length == 0;
}

bool auth_cache_entry_read(struct arena *arena, struct str key, const char *account,
                           struct str text, int64_t now_us, struct auth_cache_entry *ret_entry)
{
    struct auth_cache_entry entry = {.account = account};
    uint8_t mac[HMAC_SHA256_SIZE];

    if (text.length < sizeof(mac) || text.length > AUTH_CACHE_ENTRY_SIZE_MAX) return false;
    struct reader reader = {.arena = arena,
                            .rest = str_sized(text.data + sizeof(mac), text.length - sizeof(mac))};
    sign(key, &(struct signature){ENTRY_FORMAT, account, reader.rest}, mac);
    if (!str_equal_secret(str_sized(mac, sizeof(mac)), str_sized(text.data, sizeof(mac))))
        return false;
    entry.as_of_s = take_number(&reader);
    entry.until_us = take_number(&reader);
    if (reader.failed || entry.until_us <= now_us || entry.until_us - now_us > LIFE_US_MAX)
        return false;
    if (!read_sessions(&reader, &entry)) return false;
    *ret_entry = entry;
    return true;
}

/* ---- memories ---- */

struct str auth_cache_memory_write(struct arena *arena, struct str key, const char *account,
                                   struct str text)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    struct str none = {0};

    if (text.length > AUTH_CACHE_ENTRY_SIZE_MAX - sizeof(mac)) return none;
    sign(key, &(struct signature){MEMORY_FORMAT, account, text}, mac);
    char *all = arena_alloc(arena, sizeof(mac) + text.length);
    memcpy(all, mac, sizeof(mac));
    memcpy(all + sizeof(mac), text.data, text.length);
    return str_sized(all, sizeof(mac) + text.length);
}

struct str auth_cache_memory_read(struct arena *arena, struct str key, const char *account,
                                  struct str signed_text)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    struct str none = {0};

    if (signed_text.length <= sizeof(mac) || signed_text.length > AUTH_CACHE_ENTRY_SIZE_MAX)
        return none;
    struct str text = str_sized(signed_text.data + sizeof(mac), signed_text.length - sizeof(mac));
    sign(key, &(struct signature){MEMORY_FORMAT, account, text}, mac);
    if (!str_equal_secret(str_sized(mac, sizeof(mac)), str_sized(signed_text.data, sizeof(mac))))
        return none;
    return str_sized(arena_memdup(arena, text.data, text.length), text.length);
}
