/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a status to trailers and reads it from them. */
#include "rpc/rpc_status.h"

#include "base/encode.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"

#define ERROR_DOMAIN "argosy"
#define TYPE_PREFIX "type.googleapis.com/"

/* How much of a peer's details is read. */
enum { DETAILS_MAX = 64, VIOLATIONS_MAX = 256, DETAILS_SIZE_MAX = 64 * 1024, DETAIL_KINDS = 3 };

static const struct str code_texts[STATUS_CODE_COUNT] = {
    {"0", 1}, {"1", 1},  {"2", 1},  {"3", 1},  {"4", 1},  {"5", 1},  {"6", 1},  {"7", 1},  {"8", 1},
    {"9", 1}, {"10", 2}, {"11", 2}, {"12", 2}, {"13", 2}, {"14", 2}, {"15", 2}, {"16", 2},
};

const char *rpc_status_reason(struct status st)
{
    if (st.reason == 0 && st.details && st.details->peer_reason) return st.details->peer_reason;
    return rpc_reason_name(st.reason);
}

const char *rpc_reason_name(int reason)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &argosy__reason__descriptor, reason);

    return value && reason != 0 ? value->name : "";
}

/* Percent-encodes what a grpc-message must not contain: everything but printable ASCII, and the %
 * itself. */
static struct str encode_message(struct arena *arena, const char *message)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = strlen(message), used = 0;
    char *text = arena_alloc(arena, 3 * length + 1);

    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)message[i];
        if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
            text[used++] = (char)byte;
        } else {
            text[used++] = '%';
            text[used++] = digits[byte >> 4];
            text[used++] = digits[byte & 15];
        }
    }
    return str_sized(text, used);
}

static void add_detail(struct arena *arena, Google__Rpc__Status *envelope,
                       const ProtobufCMessage *detail)
{
    Google__Protobuf__Any *any = (Google__Protobuf__Any *)rpc_message_new(
        arena, &google__protobuf__any__descriptor);
    struct str packed = rpc_pack(arena, detail);

    any->type_url = arena_printf(arena, TYPE_PREFIX "%s", detail->descriptor->name);
    any->value.data = (uint8_t *)(uintptr_t)packed.data;
    any->value.len = packed.length;
    envelope->details[envelope->n_details++] = any;
}

static void add_violations(struct arena *arena, Google__Rpc__Status *envelope,
                           const struct status_details *details)
{
    Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;

    request.field_violations = arena_array(arena, Google__Rpc__BadRequest__FieldViolation *,
                                           details->violation_count);
    for (size_t i = 0; i < details->violation_count; i++) {
        Google__Rpc__BadRequest__FieldViolation *violation =
            (Google__Rpc__BadRequest__FieldViolation *)rpc_message_new(
                arena, &google__rpc__bad_request__field_violation__descriptor);
        violation->field = (char *)(uintptr_t)details->violations[i].field;
        violation->description = (char *)(uintptr_t)details->violations[i].description;
        request.field_violations[request.n_field_violations++] = violation;
    }
    add_detail(arena, envelope, &request.base);
}

/* The encoded google.rpc.Status of a status that has more than a code and a text. */
static struct str pack_details(struct arena *arena, struct status st)
{
    Google__Rpc__Status envelope = GOOGLE__RPC__STATUS__INIT;
    Google__Protobuf__Any *details[DETAIL_KINDS];

    envelope.code = (int32_t)st.code;
    envelope.message = (char *)(uintptr_t)(st.message ? st.message : "");
    envelope.details = details;
    if (*rpc_reason_name(st.reason)) {
        Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
        info.reason = (char *)(uintptr_t)rpc_reason_name(st.reason);
        info.domain = (char *)(uintptr_t)ERROR_DOMAIN;
        add_detail(arena, &envelope, &info.base);
    }
    if (st.details && st.details->violation_count > 0) add_violations(arena, &envelope, st.details);
    if (st.details && st.details->retry_after_ms > 0) {
        Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
        Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
        delay.seconds = st.details->retry_after_ms / 1000;
        delay.nanos = (int32_t)(st.details->retry_after_ms % 1000) * 1000000;
        retry.retry_delay = &delay;
        add_detail(arena, &envelope, &retry.base);
    }
    return rpc_pack(arena, &envelope.base);
}

/* A peer's details are passed on unchanged, including those that we do not understand. */
static struct str details_of(struct arena *arena, struct status st)
{
    if (st.details && st.details->peer_status)
        return str_sized(st.details->peer_status, st.details->peer_status_size);
    return pack_details(arena, st);
}

/* The header is always valid, so adding it fails only when a handler has filled the trailers to
 * their limit; grpc-status is added first, so it is present even then. */
static void add(struct arena *arena, struct http_headers *trailers, struct str name,
                struct str value)
{
    struct status ignored = http_headers_add(arena, trailers, name, value);
    (void)ignored;
}

void rpc_status_write(struct arena *arena, struct status st, struct http_headers *trailers)
{
    add(arena, trailers, STR("grpc-status"),
        code_texts[(unsigned)st.code < STATUS_CODE_COUNT ? st.code : STATUS_UNKNOWN]);
    if (!failed(st)) return;

    if (st.message && *st.message)
        add(arena, trailers, STR("grpc-message"), encode_message(arena, st.message));
    if (st.reason != 0 || st.details) {
        struct str text = base64_encode(arena, details_of(arena, st));
        while (text.length > 0 && text.data[text.length - 1] == '=') text.length--;
        add(arena, trailers, STR("grpc-status-details-bin"), text);
    }
}

static bool is_type(const Google__Protobuf__Any *any, const char *wanted)
{
    const char *name = any->type_url ? strrchr(any->type_url, '/') : NULL;

    return name && strcmp(name + 1, wanted) == 0;
}

/* Decodes a detail if it is of this type and well formed, else NULL. */
static ProtobufCMessage *read_detail(struct arena *arena, const Google__Protobuf__Any *any,
                                     const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message;

    if (!is_type(any, descriptor->name)) return NULL;
    if (failed(rpc_unpack(arena, descriptor, str_sized(any->value.data, any->value.len), &message)))
        return NULL;
    return message;
}

static void read_violations(struct arena *arena, const Google__Rpc__BadRequest *request,
                            struct status_details *details)
{
    size_t count = request->n_field_violations;
    struct field_violation *violations;

    if (count > VIOLATIONS_MAX) count = VIOLATIONS_MAX;
    violations = arena_array(arena, struct field_violation, count);
    for (size_t i = 0; i < count; i++) {
        violations[i].field = request->field_violations[i]->field;
        violations[i].description = request->field_violations[i]->description;
    }
    details->violations = violations;
    details->violation_count = count;
}

/* The first reason counts; there should be only one. Reasons of other domains, and those of newer
 * versions of ours, are kept by name. */
static void read_info(const Google__Rpc__ErrorInfo *info, struct status *st,
                      struct status_details *details)
{
    const ProtobufCEnumValue *value = NULL;

    if (st->reason != 0 || details->peer_reason) return;
    if (strcmp(info->domain, ERROR_DOMAIN) == 0)
        value = protobuf_c_enum_descriptor_get_value_by_name(&argosy__reason__descriptor,
                                                             info->reason);
    if (value)
        st->reason = value->value;
    else if (*info->reason)
        details->peer_reason = info->reason;
}

static int64_t delay_ms(const Google__Rpc__RetryInfo *retry)
{
    const Google__Protobuf__Duration *delay = retry->retry_delay;

    if (!delay || delay->seconds < 0 || delay->seconds > INT32_MAX || delay->nanos < 0) return 0;
    return delay->seconds * 1000 + delay->nanos / 1000000;
}

/* Keeps a peer's details, and fills in those that we understand. */
static void read_details(struct arena *arena, struct str encoded, struct status *st)
{
    struct status_details *details = arena_new(arena, struct status_details);
    ProtobufCMessage *message, *detail;
    Google__Rpc__Status *envelope;

    if (encoded.length == 0) return;
    details->peer_status = encoded.data;
    details->peer_status_size = encoded.length;
    st->details = details;
    if (failed(rpc_unpack(arena, &google__rpc__status__descriptor, encoded, &message))) return;
    envelope = (Google__Rpc__Status *)message;
    for (size_t i = 0; i < envelope->n_details && i < DETAILS_MAX; i++) {
        const Google__Protobuf__Any *any = envelope->details[i];
        if ((detail = read_detail(arena, any, &google__rpc__error_info__descriptor)))
            read_info((Google__Rpc__ErrorInfo *)detail, st, details);
        else if ((detail = read_detail(arena, any, &google__rpc__bad_request__descriptor)))
            read_violations(arena, (Google__Rpc__BadRequest *)detail, details);
        else if ((detail = read_detail(arena, any, &google__rpc__retry_info__descriptor)))
            details->retry_after_ms = delay_ms((Google__Rpc__RetryInfo *)detail);
    }
}

/* Do the members of the status cover this detail completely? */
static bool is_told(struct arena *arena, const Google__Protobuf__Any *any, struct status st)
{
    const Google__Rpc__ErrorInfo *info;

    if (is_type(any, google__rpc__bad_request__descriptor.name)) return true;
    if (is_type(any, google__rpc__retry_info__descriptor.name)) return true;
    info = (Google__Rpc__ErrorInfo *)read_detail(arena, any, &google__rpc__error_info__descriptor);
    return info && info->n_metadata == 0 && strcmp(info->domain, ERROR_DOMAIN) == 0 &&
           strcmp(info->reason, rpc_status_reason(st)) == 0;
}

size_t rpc_status_peer_details(struct arena *arena, struct status st,
                               const struct rpc_detail **ret_details)
{
    struct rpc_detail *details;
    ProtobufCMessage *message;
    Google__Rpc__Status *envelope;
    size_t count = 0;

    if (!st.details || !st.details->peer_status) return 0;
    if (failed(rpc_unpack(arena, &google__rpc__status__descriptor,
                          str_sized(st.details->peer_status, st.details->peer_status_size),
                          &message)))
        return 0;
    envelope = (Google__Rpc__Status *)message;
    details = arena_array(arena, struct rpc_detail, envelope->n_details);
    for (size_t i = 0; i < envelope->n_details && count < DETAILS_MAX; i++) {
        const Google__Protobuf__Any *any = envelope->details[i];
        if (is_type(any, "google.rpc.DebugInfo") || is_told(arena, any, st)) continue;
        details[count].type_url = str_of(any->type_url ? any->type_url : "");
        details[count++].value = str_sized(any->value.data, any->value.len);
    }
    *ret_details = details;
    return count;
}

bool rpc_status_read(struct arena *arena, const struct http_headers *trailers,
                     struct status *ret_status)
{
    struct str code = http_headers_get(trailers, "grpc-status");
    struct str text = http_headers_get(trailers, "grpc-message");
    struct str details = http_headers_get(trailers, "grpc-status-details-bin");
    struct status st = {0};
    struct str decoded;
    uint64_t number;

    if (!code.data) return false;
    st.code = str_to_u64(code, &number) && number < STATUS_CODE_COUNT ? (enum status_code)number
                                                                      : STATUS_UNKNOWN;
    if (failed(st)) {
        /* A text with a malformed escape is kept as received, which is better than losing it. */
        if (text.data && percent_decode(arena, text, false, &decoded)) text = decoded;
        st.message = text.length > 0 ? str_dup(arena, text) : "";
        if (details.data && details.length <= DETAILS_SIZE_MAX &&
            base64_decode(arena, details, &decoded))
            read_details(arena, decoded, &st);
    }
    *ret_status = st;
    return true;
}
