/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens: parsing the keys, signing, and verifying. Header and claims are read strictly: a
 * token that two readers could understand differently is refused. */
#include "base/jwt.h"

#include <math.h>

#include "base/encode.h"
#include "base/hmac.h"
#include "base/hmac_memo.h"
#include "base/json.h"
#include "reasons.pb-c.h"

enum {
    MEMBERS_MAX = 32, /* of a token's header or claims */
    MAC_TEXT_SIZE = 43,
    JSON_SIZE_MAX = JWT_SIZE_MAX / 4 * 3 - 512, /* room for header, dots and signature */
};

static bool is_key_id(struct str id)
{
    if (id.length == 0 || id.length >= sizeof(((struct jwt_key *)0)->id)) return false;
    for (size_t i = 0; i < id.length; i++) {
        char byte = id.data[i], lower = (char)(byte | 0x20);
        bool word = (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
        if (!word && byte != '-' && byte != '.' && byte != '_') return false;
    }
    return true;
}

static const struct jwt_key *find_key(const struct jwt_keys *keys, struct str id)
{
    for (size_t i = 0; i < keys->count; i++)
        if (str_is(id, keys->keys[i].id)) return &keys->keys[i];
    return NULL;
}

/* Adds a key; returns what is wrong with it, or NULL. */
static const char *add_key(struct jwt_keys *keys, struct str id, struct str secret)
{
    if (keys->count == JWT_KEYS_MAX) return "there are more than 8 keys";
    if (secret.length == 0) return "a key is empty";
    if (secret.length > JWT_KEY_SIZE_MAX) return "a key has more than 256 characters";
    if (find_key(keys, id)) return "two keys have the same id";

    struct jwt_key *key = &keys->keys[keys->count++];
    if (id.length) memcpy(key->id, id.data, id.length);
    memcpy(key->secret, secret.data, secret.length);
    key->size = secret.length;
    return NULL;
}

bool jwt_keys_parse(struct str text, struct jwt_keys *ret_keys, const char **ret_error)
{
    struct jwt_keys keys = {0};
    const char *error = NULL;
    struct str key, id;

    if (text.length == 0 || str_find(text, ':') == text.length) {
        error = add_key(&keys, (struct str){0}, text);
        text = (struct str){0};
    }
    while (!error && str_split(&text, ',', &key)) {
        if (!str_split(&key, ':', &id) || !key.data || !is_key_id(id))
            error = "a key is not of the form id:secret, with up to 31 letters, digits and .-_ "
                    "for the id";
        else
            error = add_key(&keys, id, key);
    }
    if (error)
        *ret_error = error;
    else
        *ret_keys = keys;
    jwt_keys_wipe(&keys);
    return !error;
}

bool jwt_keys_of_secret(struct str secret, struct jwt_keys *ret_keys, const char **ret_error)
{
    struct jwt_keys keys = {0};
    const char *error = add_key(&keys, (struct str){0}, secret);

    if (error)
        *ret_error = error;
    else
        *ret_keys = keys;
    jwt_keys_wipe(&keys);
    return !error;
}

void jwt_keys_wipe(struct jwt_keys *keys)
{
    secret_wipe(keys, sizeof(*keys));
}

static struct str key_secret(const struct jwt_key *key)
{
    return str_sized(key->secret, key->size);
}

bool jwt_keys_are_short(const struct jwt_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->keys[i].size < JWT_KEY_SIZE_SAFE) return true;
    return false;
}

bool jwt_keys_overlap(const struct jwt_keys *one, const struct jwt_keys *other)
{
    for (size_t i = 0; i < one->count; i++)
        for (size_t j = 0; j < other->count; j++)
            if (str_equal_secret(key_secret(&one->keys[i]), key_secret(&other->keys[j])))
                return true;
    return false;
}

static struct str header_json(struct arena *arena, const struct jwt_key *key)
{
    if (!key->id[0]) return STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    return str_of(
        arena_printf(arena, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", key->id));
}

static void write_claims(const struct jwt_claims *claims, struct buffer *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object(&json);
    json_member(&json, "Email", claims->email);
    json_member(&json, "Role", claims->role);
    json_member(&json, "DeviceId", claims->device_id);
    json_member(&json, "device_id", claims->device_id);
    json_key(&json, STR("exp"));
    json_value_i64(&json, claims->expires_s);
    json_key(&json, STR("iat"));
    json_value_i64(&json, claims->issued_s);
    if (claims->type.length) json_member(&json, "typ", claims->type);
    if (claims->id.length) json_member(&json, "jti", claims->id);
    if (claims->session.length) {
        json_member(&json, "sid", claims->session);
        json_key(&json, STR("gen"));
        json_value_i64(&json, claims->generation);
    }
    json_object_end(&json);
}

struct str jwt_sign(struct arena *arena, const struct jwt_keys *keys,
                    const struct jwt_claims *claims)
{
    const struct jwt_key *key = &keys->keys[0];
    uint8_t mac[HMAC_SHA256_SIZE];
    struct buffer json;

    invariant(keys->count > 0);
    buffer_init(&json, JSON_SIZE_MAX);
    write_claims(claims, &json);
    invariant(!json.overflow);
    struct str header = base64url_encode(arena, header_json(arena, key));
    struct str body = base64url_encode(arena, buffer_str(&json));
    buffer_release(&json);

    char *text = arena_printf(arena, "%.*s.%.*s", STR_ARGS(header), STR_ARGS(body));
    hmac_sha256(key_secret(key), str_of(text), mac);
    struct str signature = base64url_encode(arena, str_sized(mac, sizeof(mac)));
    return str_of(arena_printf(arena, "%s.%.*s", text, STR_ARGS(signature)));
}

static struct status refuse(int reason, const char *message)
{
    return status_make(STATUS_UNAUTHENTICATED, reason, message);
}

static struct status malformed(void)
{
    return refuse(ARGOSY__REASON__TOKEN_MALFORMED,
                  "the token is malformed; log in to get a new one");
}

/* One part of a token, a JSON object, read member by member. */
struct part {
    struct json_reader reader;
    struct arena *arena;
    struct str names[MEMBERS_MAX]; /* so far */
    size_t count;
};

static bool part_open(struct part *part, struct arena *arena, struct str encoded)
{
    struct str json;

    part->arena = arena;
    part->count = 0;
    if (!base64url_decode(arena, encoded, &json)) return false;
    json_reader_init(&part->reader, json, 8);
    return json_next(&part->reader) == JSON_OBJECT;
}

/* Reads a member's name and the first token of its value. A duplicate name is an error, because
 * different readers would take different values. *ret_more is false when the object has ended. */
static bool part_next(struct part *part, struct str *ret_name, enum json_token *ret_value,
                      bool *ret_more)
{
    enum json_token token = json_next(&part->reader);

    *ret_more = token == JSON_KEY;
    if (token == JSON_OBJECT_END) return json_next(&part->reader) == JSON_END;
    if (token != JSON_KEY || part->count == MEMBERS_MAX) return false;

    struct str name = json_string(&part->reader, part->arena);
    for (size_t i = 0; i < part->count; i++)
        if (str_equal(part->names[i], name)) return false;
    part->names[part->count++] = name;
    *ret_name = name;
    *ret_value = json_next(&part->reader);
    return *ret_value != JSON_ERROR;
}

/* A text without NUL, because other readers would end it there. */
static bool part_text(struct part *part, enum json_token value, struct str *ret_text)
{
    if (value != JSON_STRING) return false;
    *ret_text = json_string(&part->reader, part->arena);
    return str_find(*ret_text, 0) == ret_text->length;
}

/* NumericDate (RFC 7519, section 2): seconds, perhaps with decimals, which are cut. */
static bool part_time(struct part *part, enum json_token value, int64_t *ret_time_s)
{
    double seconds;

    if (value != JSON_NUMBER) return false;
    if (str_to_i64(part->reader.raw, ret_time_s)) return true;
    if (!str_to_double(part->reader.raw, &seconds)) return false;
    if (!(fabs(seconds) < 0x1p53)) return false;
    *ret_time_s = (int64_t)floor(seconds);
    return true;
}

struct header {
    struct str algorithm, key_id;
    bool critical;
};

static bool read_header(struct arena *arena, struct str encoded, struct header *ret_header)
{
    struct header header = {0};
    enum json_token value;
    struct part part;
    struct str name;
    bool more;

    if (!part_open(&part, arena, encoded)) return false;
    for (;;) {
        if (!part_next(&part, &name, &value, &more)) return false;
        if (!more) break;
        bool good;
        if (str_is(name, "alg"))
            good = part_text(&part, value, &header.algorithm);
        else if (str_is(name, "kid"))
            good = part_text(&part, value, &header.key_id);
        else
            good = json_skip(&part.reader, value);
        if (!good) return false;
        header.critical = header.critical || str_is(name, "crit");
    }
    *ret_header = header;
    return true;
}

/* The device id has two names in a token. Two different values are refused, because readers would
 * disagree on which one counts. */
static bool read_device_id(struct part *part, enum json_token value, struct jwt_claims *claims)
{
    struct str before = claims->device_id;

    if (!part_text(part, value, &claims->device_id)) return false;
    return !before.data || str_equal(before, claims->device_id);
}

static bool read_claim(struct part *part, struct str name, enum json_token value,
                       struct jwt_claims *claims, int64_t *not_before_s)
{
    if (str_is(name, "Email")) return part_text(part, value, &claims->email);
    if (str_is(name, "Role")) return part_text(part, value, &claims->role);
    if (str_is(name, "DeviceId") || str_is(name, "device_id"))
        return read_device_id(part, value, claims);
    if (str_is(name, "typ")) return part_text(part, value, &claims->type);
    if (str_is(name, "jti")) return part_text(part, value, &claims->id);
    if (str_is(name, "sid")) return part_text(part, value, &claims->session);
    if (str_is(name, "gen")) return part_time(part, value, &claims->generation);
    if (str_is(name, "exp")) return part_time(part, value, &claims->expires_s);
    if (str_is(name, "iat")) return part_time(part, value, &claims->issued_s);
    if (str_is(name, "nbf")) return part_time(part, value, not_before_s);
    return json_skip(&part->reader, value);
}

/* A token without Email or exp is refused. */
static bool read_claims(struct arena *arena, struct str encoded, struct jwt_claims *ret_claims,
                        int64_t *ret_not_before_s)
{
    struct jwt_claims claims = {.expires_s = INT64_MIN};
    int64_t not_before_s = INT64_MIN;
    enum json_token value;
    struct part part;
    struct str name;
    bool more;

    if (!part_open(&part, arena, encoded)) return false;
    for (;;) {
        if (!part_next(&part, &name, &value, &more)) return false;
        if (!more) break;
        if (!read_claim(&part, name, value, &claims, &not_before_s)) return false;
    }
    if (claims.email.length == 0 || claims.expires_s == INT64_MIN) return false;
    *ret_claims = claims;
    *ret_not_before_s = not_before_s;
    return true;
}

/* Was the signature made with a key that the token may be signed with? A token without a key id may
 * be signed with any of them: tokens from before the keys had ids must stay valid when a new key is
 * put first. */
static bool is_signature(const struct jwt_keys *keys, struct str key_id, struct str signed_text,
                         struct str given)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (key_id.data && !str_is(key_id, keys->keys[i].id)) continue;
        if (hmac_memo_verify(key_secret(&keys->keys[i]), signed_text, given)) return true;
    }
    return false;
}

/* Checks the header, then the signature over `signed_text`. */
static struct status check_signature(struct arena *arena, const struct jwt_keys *keys,
                                     struct str header_text, struct str signed_text,
                                     struct str signature)
{
    struct header header;
    struct str given;

    if (!read_header(arena, header_text, &header)) return malformed();
    if (!str_is(header.algorithm, "HS256"))
        return refuse(ARGOSY__REASON__TOKEN_FORGED,
                      "the token is not signed with HS256; log in to get a new one");
    if (header.critical) return malformed();
    if (signature.length != MAC_TEXT_SIZE || !base64url_decode(arena, signature, &given))
        return malformed();

    if (header.key_id.data && !find_key(keys, header.key_id))
        return refuse(ARGOSY__REASON__TOKEN_FORGED,
                      "the token is signed with an unknown key; log in to get a new one");
    if (!is_signature(keys, header.key_id, signed_text, given))
        return refuse(ARGOSY__REASON__TOKEN_FORGED,
                      "the token's signature is wrong; log in to get a new one");
    return status_ok();
}

struct status jwt_verify(struct arena *arena, const struct jwt_keys *keys, struct str token,
                         const char *type, int64_t now_s, struct jwt_claims *ret_claims)
{
    struct str rest = token, header, body;
    struct jwt_claims claims;
    int64_t not_before_s;

    invariant(keys->count > 0);
    if (token.length > JWT_SIZE_MAX || !str_split(&rest, '.', &header) ||
        !str_split(&rest, '.', &body) || !rest.data)
        return malformed();

    struct str signed_text = str_sized(token.data, header.length + 1 + body.length);
    struct status st = check_signature(arena, keys, header, signed_text, rest);
    if (failed(st)) return st;

    if (!read_claims(arena, body, &claims, &not_before_s)) return malformed();
    if (claims.type.data ? !str_is(claims.type, type) : keys->shared)
        return refuse(
            ARGOSY__REASON__TOKEN_WRONG_TYPE,
            "the token is of the wrong type; send the access token, or, to refresh it, the refresh token");
    if (now_s >= claims.expires_s)
        return refuse(ARGOSY__REASON__TOKEN_EXPIRED,
                      "the token has expired; refresh it, or log in again");
    if (now_s < not_before_s)
        return refuse(ARGOSY__REASON__TOKEN_EXPIRED, "the token is not valid yet; try again later");
    *ret_claims = claims;
    return status_ok();
}
