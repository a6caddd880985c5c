/* SPDX-License-Identifier: Apache-2.0 */
/* Reads error answers: {"__type": "com.amazonaws.dynamodb.v20120810#Name", "message": "..."}, or
 * XML where something in front of DynamoDB answers. */
#include "store/dynamodb/fault.h"

static const struct dynamodb_value missing;

static const struct {
    const char *name;
    enum fault_kind kind;
} kinds[] = {
    {"ConditionalCheckFailedException", FAULT_CONDITION},
    {"TransactionConflictException", FAULT_CONFLICT},
    {"TransactionInProgressException", FAULT_CONFLICT},
    {"ReplicatedWriteConflictException", FAULT_CONFLICT},
    {"ProvisionedThroughputExceededException", FAULT_THROTTLED},
    {"ThrottlingException", FAULT_THROTTLED},
    {"Throttling", FAULT_THROTTLED},
    {"RequestLimitExceeded", FAULT_THROTTLED},
    {"LimitExceededException", FAULT_THROTTLED},
    {"AccessDeniedException", FAULT_REFUSED},
    {"InvalidSignatureException", FAULT_REFUSED},
    {"SignatureDoesNotMatch", FAULT_REFUSED},
    {"IncompleteSignatureException", FAULT_REFUSED},
    {"MissingAuthenticationTokenException", FAULT_REFUSED},
    {"MissingAuthenticationToken", FAULT_REFUSED},
    {"OptInRequired", FAULT_REFUSED},
    {"UnrecognizedClientException", FAULT_EXPIRED},
    {"InvalidClientTokenId", FAULT_EXPIRED},
    {"ExpiredTokenException", FAULT_EXPIRED},
    {"ExpiredToken", FAULT_EXPIRED},
    {"RequestExpired", FAULT_CLOCK},
    {"RequestTimeTooSkewed", FAULT_CLOCK},
    {"ResourceNotFoundException", FAULT_NO_TABLE},
    {"TableNotFoundException", FAULT_NO_TABLE},
    {"ResourceInUseException", FAULT_IN_USE},
    {"TableInUseException", FAULT_IN_USE},
    {"ItemCollectionSizeLimitExceededException", FAULT_TOO_LARGE},
    {"RequestEntityTooLarge", FAULT_TOO_LARGE},
    {"UnknownOperationException", FAULT_NOT_KNOWN},
    {"InternalServerError", FAULT_SERVER},
    {"InternalFailure", FAULT_SERVER},
    {"ServiceUnavailable", FAULT_SERVER},
};

/* ---- texts ---- */

static const char *text_of(struct arena *arena, const struct dynamodb_value *value)
{
    return value->kind == JSON_STRING ? str_dup(arena, value->text) : "";
}

/* What is behind the last # of a type. */
static const char *name_of(struct arena *arena, const struct dynamodb_value *body)
{
    const char *type = text_of(arena, dynamodb_member(body, "__type"));
    const char *hash = strrchr(type, '#');

    return hash ? hash + 1 : type;
}

static const char *between(struct arena *arena, struct str text, const char *open)
{
    const char *start = text.length > 0 ? memmem(text.data, text.length, open, strlen(open)) : 0;

    if (!start) return "";
    start += strlen(open);
    struct str rest = str_sized(start, (size_t)(text.data + text.length - start));
    return str_dup(arena, str_sized(start, str_find(rest, '<')));
}

static void read_texts(struct arena *arena, struct str body, struct fault *fault)
{
    const struct dynamodb_value *json = dynamodb_parse(arena, body);

    fault->body = json ? json : &missing;
    if (!json) {
        fault->name = between(arena, body, "<Code>");
        fault->message = between(arena, body, "<Message>");
        return;
    }
    fault->name = name_of(arena, json);
    fault->message = text_of(arena, dynamodb_member(json, "message"));
    /* Some errors write it with a capital. */
    if (!fault->message[0]) fault->message = text_of(arena, dynamodb_member(json, "Message"));
}

/* ---- the kind ---- */

static enum fault_kind kind_of_status(int http_status)
{
    if (http_status >= 500) return FAULT_SERVER;
    if (http_status == 401 || http_status == 403) return FAULT_REFUSED;
    if (http_status == 413) return FAULT_TOO_LARGE;
    if (http_status == 429) return FAULT_THROTTLED;
    return FAULT_OURS;
}

/* A cancelled transaction says of each action why. Conditions count more than conflicts, because a
 * repetition does not change them. */
static enum fault_kind kind_of_transaction(const struct dynamodb_value *body)
{
    const struct dynamodb_value *reasons = dynamodb_member(body, "CancellationReasons");
    enum fault_kind kind = FAULT_OURS;

    for (const struct dynamodb_value *reason = reasons->first; reason; reason = reason->next) {
        struct str code = dynamodb_member(reason, "Code")->text;
        if (str_is(code, "ConditionalCheckFailed")) return FAULT_CONDITION;
        if (str_is(code, "ItemCollectionSizeLimitExceeded"))
            kind = FAULT_TOO_LARGE;
        else if (str_is(code, "TransactionConflict") && kind == FAULT_OURS)
            kind = FAULT_CONFLICT;
        else if ((str_is(code, "ProvisionedThroughputExceeded") ||
                  str_is(code, "ThrottlingError")) &&
                 kind == FAULT_OURS)
            kind = FAULT_THROTTLED;
    }
    return kind;
}

static bool says(const struct fault *fault, const char *text)
{
    return strcasestr(fault->message, text) != NULL;
}

static enum fault_kind kind_of(int http_status, const struct fault *fault)
{
    if (strcmp(fault->name, "TransactionCanceledException") == 0)
        return kind_of_transaction(fault->body);
    /* The time is a part of the signature, and has no error of its own. */
    if (says(fault, "signature expired") || says(fault, "signature not yet current"))
        return FAULT_CLOCK;
    if (says(fault, "item size") && says(fault, "exceeded")) return FAULT_TOO_LARGE;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(fault->name, kinds[i].name) == 0) return kinds[i].kind;
    return kind_of_status(http_status);
}

void fault_read(struct arena *arena, int http_status, struct str body, struct fault *ret_fault)
{
    read_texts(arena, body, ret_fault);
    ret_fault->kind = kind_of(http_status, ret_fault);
}
