/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a request, the fingerprint of what it asks, and the first answer sent again. */
#include "events/idempotency.h"

#include <stdatomic.h>

#include "base/digest.h"
#include "rpc/rpc_arena.h"

/* A setting of the process. */
static _Atomic int64_t keys_max = IDEMPOTENCY_KEYS_MAX_DEFAULT;

void idempotency_limit_keys(int64_t max)
{
    atomic_store(&keys_max, max > 0 ? max : IDEMPOTENCY_KEYS_MAX_DEFAULT);
}

static struct status invalid_key(void)
{
    return status_make(
        STATUS_INVALID_ARGUMENT, ARGOSY__REASON__IDEMPOTENCY_KEY_INVALID,
        "an Idempotency-Key must be 1 to 255 printable ASCII characters, plain or as a "
        "quoted string");
}

/* Reads a quoted string (RFC 8941, section 3.3.3), in which `\` escapes only `"` and `\`. False if
 * it is malformed. */
static bool unquote(struct arena *arena, struct str quoted, struct str *ret_text)
{
    char *text = arena_alloc(arena, quoted.length);
    size_t length = 0;

    if (quoted.length < 2 || quoted.data[quoted.length - 1] != '"') return false;
    for (size_t i = 1; i < quoted.length - 1; i++) {
        char c = quoted.data[i];
        if (c == '"') return false;
        if (c == '\\') {
            c = quoted.data[++i];
            if (i == quoted.length - 1 || (c != '"' && c != '\\')) return false;
        }
        text[length++] = c;
    }
    *ret_text = str_sized(text, length);
    return true;
}

static bool is_printable(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) return false;
    return true;
}

/* The type is hashed with its NUL, so that no type and bytes read like those of another request. */
static void take_fingerprint(struct arena *arena, const ProtobufCMessage *request,
                             uint8_t ret_fingerprint[IDEMPOTENCY_FINGERPRINT_SIZE])
{
    const char *name = request->descriptor->name;
    struct str packed = rpc_pack(arena, request);
    size_t name_size = strlen(name) + 1;
    uint8_t *text = arena_alloc(arena, name_size + packed.length);

    memcpy(text, name, name_size);
    if (packed.length > 0) memcpy(text + name_size, packed.data, packed.length);
    digest_sha256(str_sized(text, name_size + packed.length), ret_fingerprint);
}

struct status idempotency_of_call(const struct call *call, const struct user *user,
                                  const ProtobufCMessage *request,
                                  struct idempotency *ret_idempotency)
{
    struct str key = call_metadata(call, "idempotency-key");
    struct idempotency idempotency = {.scope = "", .key = ""};

    if (key.data) {
        if (str_starts_with(key, STR("\"")) && !unquote(call->arena, key, &key))
            return invalid_key();
        if (key.length == 0 || key.length > IDEMPOTENCY_KEY_MAX || !is_printable(key))
            return invalid_key();
        idempotency.scope = str_lower(call->arena, str_of(user->email));
        idempotency.key = str_dup(call->arena, key);
        idempotency.keys_max = atomic_load_explicit(&keys_max, memory_order_relaxed);
        take_fingerprint(call->arena, request, idempotency.fingerprint);
    }
    *ret_idempotency = idempotency;
    return status_ok();
}

struct status idempotency_key_reused(void)
{
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED,
                       "this Idempotency-Key was used with another request; use a new one");
}

struct status idempotency_key_running(void)
{
    return status_make(STATUS_ABORTED, ARGOSY__REASON__IDEMPOTENCY_KEY_RUNNING,
                       "the first request with this Idempotency-Key is still running; repeat this "
                       "one later");
}

struct status idempotency_keys_full(void)
{
    return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__IDEMPOTENCY_KEYS_FULL,
                       "too many Idempotency-Keys were used with this account within a day; send "
                       "the request without a key, or later (IDEMPOTENCY_KEYS_MAX)");
}

struct str idempotency_answer(struct arena *arena, const ProtobufCMessage *response)
{
    return rpc_pack(arena, response);
}

struct status idempotency_mark_replayed(const struct call *call)
{
    return call_reply_metadata(call, STR("idempotent-replayed"), STR("true"));
}

struct status idempotency_replay(const struct call *call, struct str answer,
                                 ProtobufCMessage *response)
{
    const ProtobufCMessageDescriptor *descriptor = response->descriptor;
    ProtobufCMessage *first;

    struct status st = rpc_unpack(call->arena, descriptor, answer, &first);
    if (failed(st))
        return status_printf(call->arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                             "the stored answer of an Idempotency-Key is not a %s",
                             descriptor->name);
    memcpy(response, first, descriptor->sizeof_message);
    return idempotency_mark_replayed(call);
}
