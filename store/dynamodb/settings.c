/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the environment and the files that AWS's tools read. */
#include "store/dynamodb/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "reasons.pb-c.h"

static struct status invalid(struct arena *arena, const char *what, const char *advice)
{
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                         "%s %s", what, advice);
}

/* ---- credentials ---- */

static bool fits(char *place, size_t size, struct str text)
{
    if (text.length >= size) return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~') return false;
    memcpy(place, text.data ? text.data : "", text.length);
    place[text.length] = 0;
    return true;
}

bool keys_set(struct keys *keys, struct str id, struct str secret, struct str token)
{
    keys->expires_us = INT64_MAX;
    return id.length > 0 && secret.length > 0 && fits(keys->id, sizeof(keys->id), id) &&
           fits(keys->secret, sizeof(keys->secret), secret) &&
           fits(keys->token, sizeof(keys->token), token);
}

/* ---- files ---- */

struct status settings_read_file(struct arena *arena, const char *path, struct str *ret_text)
{
    FILE *file = fopen(path, "re");

    if (!file)
        return status_printf(arena, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED_PRECONDITION,
                             ARGOSY__REASON__SETTING_INVALID, "%s cannot be read: %s", path,
                             strerror(errno));
    char *text = arena_alloc(arena, SETTINGS_FILE_SIZE_MAX + 1);
    size_t size = fread(text, 1, SETTINGS_FILE_SIZE_MAX + 1, file);
    bool broken = ferror(file);
    fclose(file);
    if (broken || size > SETTINGS_FILE_SIZE_MAX)
        return invalid(arena, path, broken ? "cannot be read" : "is too large");
    *ret_text = str_sized(text, size);
    return status_ok();
}

/* A file that need not be there; then it is empty. */
static struct status read_optional(struct arena *arena, const char *path, struct str *ret_text)
{
    *ret_text = STR("");
    if (!path[0]) return status_ok();
    struct status st = settings_read_file(arena, path, ret_text);
    return st.code == STATUS_NOT_FOUND ? status_ok() : st;
}

/* "[profile  name]" without its brackets, and with one space. */
static bool is_section(struct str line, const char *section)
{
    struct str wanted = str_of(section);
    size_t end = str_find(line, ']');

    struct str name = str_trim(str_sized(line.data + 1, end > 0 ? end - 1 : 0));
    if (str_equal(name, wanted)) return true;
    size_t space = str_find(wanted, ' ');
    if (space == wanted.length || name.length <= space) return false;
    return memcmp(name.data, wanted.data, space) == 0 &&
           str_equal(str_trim(str_sized(name.data + space, name.length - space)),
                     str_sized(wanted.data + space + 1, wanted.length - space - 1)) &&
           (name.data[space] == ' ' || name.data[space] == '\t');
}

struct str settings_profile_value(struct str text, const char *section, const char *name)
{
    struct str line;
    bool inside = false;

    while (str_split(&text, '\n', &line)) {
        /* Lines that begin with white space belong to the setting above them. */
        bool nested = line.length > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
        line = str_trim(line);
        if (line.length == 0 || nested || line.data[0] == '#' || line.data[0] == ';') continue;
        if (line.data[0] == '[') {
            inside = is_section(line, section);
            continue;
        }
        size_t equals = str_find(line, '=');
        if (!inside || equals == line.length) continue;
        if (str_is(str_trim(str_sized(line.data, equals)), name))
            return str_trim(str_sized(line.data + equals + 1, line.length - equals - 1));
    }
    return (struct str){0};
}

static bool has_section(struct str text, const char *section)
{
    struct str line;

    while (str_split(&text, '\n', &line))
        if (line.length > 0 && line.data[0] == '[' && is_section(line, section)) return true;
    return false;
}

struct files {
    struct str credentials, config;
    const char *section;        /* of the profile in the credentials */
    const char *config_section; /* and in the configuration */
};

static struct status read_files(struct arena *arena, const struct settings *settings,
                                struct files *ret_files)
{
    struct status st = read_optional(arena, settings->credentials_file, &ret_files->credentials);

    if (!failed(st)) st = read_optional(arena, settings->config_file, &ret_files->config);
    ret_files->section = settings->profile;
    ret_files->config_section = strcmp(settings->profile, "default") == 0
                                    ? "default"
                                    : arena_printf(arena, "profile %s", settings->profile);
    return st;
}

/* The credentials' file goes first. */
static struct str find_value(const struct files *files, const char *name)
{
    struct str value = settings_profile_value(files->credentials, files->section, name);

    return value.data ? value : settings_profile_value(files->config, files->config_section, name);
}

static struct status take_profile_keys(struct arena *arena, const struct settings *settings,
                                       const struct files *files, struct keys *ret_keys)
{
    static const char *const others[] = {
        "role_arn",       "credential_process",      "sso_session",
        "sso_account_id", "web_identity_token_file", "credential_source"};
    struct str id = find_value(files, "aws_access_key_id");

    for (size_t i = 0; !id.data && i < sizeof(others) / sizeof(others[0]); i++)
        if (find_value(files, others[i]).data)
            return status_printf(
                arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                "the profile \"%s\" gets its credentials by `%s`, which this program cannot do; "
                "give it aws_access_key_id and aws_secret_access_key, or let the container or the "
                "machine have a role",
                settings->profile, others[i]);
    if (!id.data) return status_make(STATUS_NOT_FOUND, 0, "the profile has no credentials");
    if (!keys_set(ret_keys, id, find_value(files, "aws_secret_access_key"),
                  find_value(files, "aws_session_token")))
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "the profile \"%s\" needs a whole aws_access_key_id and "
                             "aws_secret_access_key",
                             settings->profile);
    return status_ok();
}

struct status settings_read_profile(struct arena *arena, const struct settings *settings,
                                    struct keys *ret_keys)
{
    struct files files;
    struct status st = read_files(arena, settings, &files);

    return failed(st) ? st : take_profile_keys(arena, settings, &files, ret_keys);
}

/* ---- the environment ---- */

struct environment {
    struct arena *arena;
    char *(*get)(const char *name);
};

/* "" if it is not set. */
static const char *value_of(const struct environment *environment, const char *name)
{
    const char *value = environment->get(name);

    return value ? arena_strdup(environment->arena, value) : "";
}

static const char *either(const struct environment *environment, const char *name,
                          const char *other)
{
    const char *value = value_of(environment, name);

    return value[0] ? value : value_of(environment, other);
}

static bool is_true(const struct environment *environment, const char *name)
{
    return str_equal_nocase(str_of(value_of(environment, name)), STR("true"));
}

static const char *in_home(const struct environment *environment, const char *name,
                           const char *path)
{
    const char *given = value_of(environment, name), *home = value_of(environment, "HOME");

    if (given[0] || !home[0]) return given;
    return arena_printf(environment->arena, "%s/.aws/%s", home, path);
}

static void read_places(const struct environment *environment, struct settings *settings)
{
    settings->region = either(environment, "AWS_REGION", "AWS_DEFAULT_REGION");
    settings->endpoint = either(environment, "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL");
    settings->profile = either(environment, "AWS_PROFILE", "AWS_DEFAULT_PROFILE");
    settings->credentials_file = in_home(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    settings->config_file = in_home(environment, "AWS_CONFIG_FILE", "config");
    settings->container_url = value_of(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = value_of(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (relative[0])
        settings->container_url = arena_printf(environment->arena, "http://169.254.170.2%s%s",
                                               relative[0] == '/' ? "" : "/", relative);
    settings->container_token = value_of(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    settings->container_token_file = value_of(environment,
                                              "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    settings->web_token_file = value_of(environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
    settings->role = value_of(environment, "AWS_ROLE_ARN");
    settings->session = value_of(environment, "AWS_ROLE_SESSION_NAME");
    if (!settings->session[0]) settings->session = "argosy";
    const char *metadata = value_of(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    settings->metadata_url = metadata[0] ? metadata : "http://169.254.169.254";
    if (is_true(environment, "AWS_EC2_METADATA_DISABLED")) settings->metadata_url = "";
}

/* Region and endpoint of the profile, where the environment has none. */
static void read_profile_places(const struct environment *environment, const struct files *files,
                                struct settings *settings)
{
    struct str region = find_value(files, "region"), endpoint = find_value(files, "endpoint_url");

    if (!settings->region[0] && region.length > 0)
        settings->region = str_dup(environment->arena, region);
    if (is_true(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        settings->endpoint = "";
    else if (!settings->endpoint[0] && endpoint.length > 0)
        settings->endpoint = str_dup(environment->arena, endpoint);
}

static struct status read_environment_keys(const struct environment *environment,
                                           struct settings *settings)
{
    struct arena *arena = environment->arena;

    if (keys_set(&settings->keys, str_of(environment->get("AWS_ACCESS_KEY_ID")),
                 str_of(environment->get("AWS_SECRET_ACCESS_KEY")),
                 str_of(environment->get("AWS_SESSION_TOKEN"))))
        return status_ok();
    return invalid(arena, "AWS_ACCESS_KEY_ID",
                   "is set, so AWS_SECRET_ACCESS_KEY must be set too, and both, as well as "
                   "AWS_SESSION_TOKEN, must be on one line");
}

static struct status find_keys(const struct environment *environment, const struct files *files,
                               bool named, struct settings *settings)
{
    struct arena *arena = environment->arena;

    if (value_of(environment, "AWS_ACCESS_KEY_ID")[0]) {
        settings->source = KEYS_ENVIRONMENT;
        return read_environment_keys(environment, settings);
    }
    if (settings->web_token_file[0]) {
        settings->source = KEYS_WEB_IDENTITY;
        return settings->role[0] ? status_ok()
                                 : invalid(arena, "AWS_WEB_IDENTITY_TOKEN_FILE",
                                           "is set, so AWS_ROLE_ARN must be set too");
    }
    struct status st = take_profile_keys(arena, settings, files, &settings->keys);
    settings->source = KEYS_PROFILE;
    if (st.code != STATUS_NOT_FOUND) return st;
    if (named && !has_section(files->credentials, files->section) &&
        !has_section(files->config, files->config_section))
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                             "AWS_PROFILE names the profile \"%s\", which is neither in %s "
                             "nor in %s",
                             settings->profile, settings->credentials_file, settings->config_file);
    settings->source = settings->container_url[0]  ? KEYS_CONTAINER
                       : settings->metadata_url[0] ? KEYS_MACHINE
                                                   : KEYS_NOWHERE;
    return status_ok();
}

struct status settings_read(struct arena *arena, char *(*get)(const char *name),
                            struct settings *ret_settings)
{
    const struct environment environment = {arena, get};
    struct settings settings = {0};
    struct files files;

    read_places(&environment, &settings);
    bool named = settings.profile[0];
    if (!named) settings.profile = "default";
    struct status st = read_files(arena, &settings, &files);
    if (failed(st)) return st;
    read_profile_places(&environment, &files, &settings);
    st = find_keys(&environment, &files, named, &settings);
    if (!failed(st)) *ret_settings = settings;
    secret_wipe(&settings.keys, sizeof(settings.keys));
    return st;
}
