/* SPDX-License-Identifier: Apache-2.0 */
/* Where temporary credentials come from: the profile's files, the container's agent (ECS, EKS), the
 * metadata service of EC2 (version 2, which hands out a token first), and STS for a web
 * identity. */
#include "store/dynamodb/sources.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/time_text.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/item.h"

enum { ANSWER_SIZE_MAX = 64 * 1024, REQUEST_TIMEOUT_MS = 3000 };

static const char metadata_path[] = "/latest/meta-data/iam/security-credentials/";

/* ---- answers ---- */

static bool set_keys(struct str id, struct str secret, struct str token, struct str expires,
                     struct keys *keys)
{
    int64_t seconds;
    int32_t nanos;

    if (!keys_set(keys, id, secret, token)) return false;
    if (expires.length == 0) return true;
    if (!timestamp_parse(expires, &seconds, &nanos)) return false;
    keys->expires_us = seconds * 1000000;
    return true;
}

static struct str text_of(const struct dynamodb_value *object, const char *name)
{
    const struct dynamodb_value *value = dynamodb_member(object, name);

    return value->kind == JSON_STRING ? value->text : STR("");
}

bool sources_parse(struct arena *arena, struct str json, struct keys *ret_keys)
{
    const struct dynamodb_value *answer = dynamodb_parse(arena, json);

    return answer && set_keys(text_of(answer, "AccessKeyId"), text_of(answer, "SecretAccessKey"),
                              text_of(answer, "Token"), text_of(answer, "Expiration"), ret_keys);
}

/* What is between the tags of an element that has only text. */
static struct str element(struct arena *arena, struct str xml, const char *name)
{
    const char *open = arena_printf(arena, "<%s>", name);
    const char *start = memmem(xml.data, xml.length, open, strlen(open));

    if (!start) return STR("");
    start += strlen(open);
    struct str rest = str_sized(start, (size_t)(xml.data + xml.length - start));
    return str_trim(str_sized(start, str_find(rest, '<')));
}

bool sources_parse_sts(struct arena *arena, struct str xml, struct keys *ret_keys)
{
    if (xml.length == 0) return false;
    return set_keys(element(arena, xml, "AccessKeyId"), element(arena, xml, "SecretAccessKey"),
                    element(arena, xml, "SessionToken"), element(arena, xml, "Expiration"),
                    ret_keys);
}

/* ---- asking ---- */

static struct status refused(struct arena *arena, const char *whom, const char *why)
{
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED,
                         "no credentials from %s: %s", whom, why);
}

/* One request; `header` has one name and value, or none. The status 200 is the only good one. */
static struct status ask(struct call *call, const struct sources *sources, const char *whom,
                         const struct https_request *given, const char *name, struct str value,
                         struct str *ret_body)
{
    struct https_request request = *given;
    struct http_headers headers = {0};
    struct https_answer answer;
    struct status st = status_ok();

    if (value.length > 0)
        st = http_headers_add(call->arena, &headers, str_of(name), str_trim(value));
    if (failed(st)) return refused(call->arena, whom, "its token has characters of control");
    request.headers = &headers;
    request.answer_max = ANSWER_SIZE_MAX;
    request.explained = true;
    st = https_call(call, sources->client, &request, &answer);
    if (failed(st)) return refused(call->arena, whom, st.message);
    if (answer.status != 200)
        return refused(call->arena, whom,
                       arena_printf(call->arena, "it answers with HTTP status %d", answer.status));
    *ret_body = answer.body;
    return st;
}

struct file_job {
    struct arena arena;
    const struct settings *settings;
    const char *path; /* NULL: the profile */
    struct status st;
    struct str text;
    struct keys *keys;
};

static void read_on_thread(void *data)
{
    struct file_job *job = data;

    job->st = job->path ? settings_read_file(&job->arena, job->path, &job->text)
                        : settings_read_profile(&job->arena, job->settings, job->keys);
}

static struct status read_files(struct call *call, const struct sources *sources,
                                struct file_job *job)
{
    arena_init(&job->arena, 0);
    struct status st = lane_run(call, sources->lane, read_on_thread, job);
    if (!failed(st)) st = status_dup(call->arena, job->st);
    if (!failed(st) && job->path)
        job->text = str_sized(str_dup(call->arena, job->text), job->text.length);
    arena_release(&job->arena);
    return st;
}

static struct status read_token(struct call *call, const struct sources *sources, const char *path,
                                struct str *ret_token)
{
    struct file_job job = {.path = path};
    struct status st = read_files(call, sources, &job);

    if (!failed(st)) *ret_token = str_trim(job.text);
    return st;
}

static struct status take(struct call *call, const char *whom, bool parsed)
{
    return parsed ? status_ok() : refused(call->arena, whom, "what it answers is no credentials");
}

/* ---- each source ---- */

bool sources_is_container_url(struct arena *arena, const char *url)
{
    static const char *const agents[] = {"http://169.254.170.2", "http://169.254.170.23",
                                         "http://[fd00:ec2::23]"};

    if (!failed(https_url_check(arena, url))) return true;
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
        size_t length = strlen(agents[i]);
        if (strncmp(url, agents[i], length) == 0 && url[length] && strchr("/:", url[length]))
            return true;
    }
    return false;
}

static struct status ask_container(struct call *call, const struct sources *sources,
                                   struct keys *ret_keys)
{
    const struct settings *settings = sources->settings;
    struct https_request request = {.method = "GET",
                                    .url = settings->container_url,
                                    .timeout_ms = REQUEST_TIMEOUT_MS,
                                    .plain = true};
    struct str token = str_of(settings->container_token), body;
    struct status st = status_ok();

    /* The agent writes it anew, so it is read each time. */
    if (settings->container_token_file[0])
        st = read_token(call, sources, settings->container_token_file, &token);
    if (!failed(st))
        st = ask(call, sources, "the container's agent", &request, "authorization", token, &body);
    if (failed(st)) return st;
    return take(call, "the container's agent", sources_parse(call->arena, body, ret_keys));
}

static struct status ask_metadata(struct call *call, const struct sources *sources,
                                  const char *path, struct str token, struct str *ret_body)
{
    struct https_request request = {
        .method = "GET",
        .url = arena_printf(call->arena, "%s%s", sources->settings->metadata_url, path),
        .timeout_ms = REQUEST_TIMEOUT_MS,
        .plain = true};

    return ask(call, sources, "the machine's metadata service", &request,
               "x-aws-ec2-metadata-token", token, ret_body);
}

static struct status ask_machine(struct call *call, const struct sources *sources,
                                 struct keys *ret_keys)
{
    struct https_request request = {
        .method = "PUT",
        .url = arena_printf(call->arena, "%s/latest/api/token", sources->settings->metadata_url),
        .timeout_ms = REQUEST_TIMEOUT_MS,
        .plain = true};
    struct str token, role, body;

    struct status st = ask(call, sources, "the machine's metadata service", &request,
                           "x-aws-ec2-metadata-token-ttl-seconds", STR("21600"), &token);
    if (!failed(st)) st = ask_metadata(call, sources, metadata_path, token, &role);
    if (failed(st)) return st;
    role = str_sized(role.data, str_find(role, '\n'));
    const char *path = arena_printf(call->arena, "%s%.*s", metadata_path,
                                    STR_ARGS(percent_encode(call->arena, str_trim(role))));
    st = ask_metadata(call, sources, path, token, &body);
    if (failed(st)) return st;
    return take(call, "the machine's metadata service", sources_parse(call->arena, body, ret_keys));
}

static const char *encoded(struct arena *arena, struct str text)
{
    struct str value = percent_encode(arena, text);

    return arena_strndup(arena, value.data, value.length);
}

static struct status ask_sts(struct call *call, const struct sources *sources,
                             struct keys *ret_keys)
{
    const struct settings *settings = sources->settings;
    struct arena *arena = call->arena;
    struct str token, body;

    struct status st = read_token(call, sources, settings->web_token_file, &token);
    if (failed(st)) return st;
    struct https_request request = {
        .method = "POST",
        .url = arena_printf(arena, "https://sts.%s.amazonaws.com/", settings->region),
        .body = str_of(arena_printf(
            arena,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=%s&RoleSessionName=%s"
            "&WebIdentityToken=%s",
            encoded(arena, str_of(settings->role)), encoded(arena, str_of(settings->session)),
            encoded(arena, token))),
        .timeout_ms = REQUEST_TIMEOUT_MS};
    st = ask(call, sources, "STS", &request, "content-type",
             STR("application/x-www-form-urlencoded"), &body);
    if (failed(st)) return st;
    return take(call, "STS", sources_parse_sts(arena, body, ret_keys));
}

struct status sources_ask(struct call *call, const struct sources *sources, struct keys *ret_keys)
{
    struct file_job job = {.settings = sources->settings, .keys = ret_keys};

    switch (sources->settings->source) {
    case KEYS_PROFILE: return read_files(call, sources, &job);
    case KEYS_CONTAINER: return ask_container(call, sources, ret_keys);
    case KEYS_MACHINE: return ask_machine(call, sources, ret_keys);
    case KEYS_WEB_IDENTITY: return ask_sts(call, sources, ret_keys);
    case KEYS_ENVIRONMENT: *ret_keys = sources->settings->keys; return status_ok();
    default:
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                           "there are no credentials");
    }
}
