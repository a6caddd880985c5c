/* SPDX-License-Identifier: Apache-2.0 */
/* Region, endpoint and credentials, found as AWS's own tools find them: in the environment and in
 * the files of profiles. Private to store/dynamodb, and for its tests.
 *
 *     AWS_REGION, AWS_DEFAULT_REGION              else `region` of the profile
 *     AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL else `endpoint_url` of the profile, unless
 *                                                 AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true
 *     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
 *     AWS_PROFILE, AWS_DEFAULT_PROFILE            a profile of AWS_SHARED_CREDENTIALS_FILE
 *                                                 (~/.aws/credentials) and AWS_CONFIG_FILE
 *                                                 (~/.aws/config)
 *     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI, with
 *     AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
 *     the metadata service of EC2, unless AWS_EC2_METADATA_DISABLED is true;
 *     AWS_EC2_METADATA_SERVICE_ENDPOINT
 *
 * The first of these that gives credentials is used. Profiles that assume roles, log in (SSO) or
 * run programs for their credentials are refused. */
#ifndef STORE_DYNAMODB_SETTINGS_H
#define STORE_DYNAMODB_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum {
    KEYS_ID_SIZE = 129,
    KEYS_SECRET_SIZE = 257,
    KEYS_TOKEN_SIZE = 8193,
    SETTINGS_FILE_SIZE_MAX = 256 * 1024,
};

/* Credentials. */
struct keys {
    char id[KEYS_ID_SIZE], secret[KEYS_SECRET_SIZE];
    char token[KEYS_TOKEN_SIZE]; /* "": they are permanent */
    int64_t expires_us;          /* INT64_MAX: not known */
};

/* Where they come from. */
enum keys_source {
    KEYS_ENVIRONMENT,
    KEYS_WEB_IDENTITY,
    KEYS_PROFILE,
    KEYS_CONTAINER,
    KEYS_MACHINE, /* the metadata service of EC2 */
    KEYS_NOWHERE,
};

struct settings {
    const char *region, *endpoint; /* ""; none */
    enum keys_source source;
    struct keys keys; /* of KEYS_ENVIRONMENT and KEYS_PROFILE */
    const char *profile, *credentials_file, *config_file;
    const char *container_url, *container_token, *container_token_file;
    const char *metadata_url;
    const char *web_token_file, *role, *session;
};

/* Reads the environment by `get`, which is getenv. Blocks, as it reads files. FAILED_PRECONDITION
 * (SETTING_INVALID), which names the variable or the file and never contains a secret. The texts
 * are in the arena. */
struct status settings_read(struct arena *arena, char *(*get)(const char *name),
                            struct settings *ret_settings);

/* The credentials of the profile, read anew. Blocks. NOT_FOUND if it has none. */
struct status settings_read_profile(struct arena *arena, const struct settings *settings,
                                    struct keys *ret_keys);

/* Sets the keys; false if one is missing, too long, or has characters that can't be in a header. */
bool keys_set(struct keys *keys, struct str id, struct str secret, struct str token);

/* The content of a small file. Blocks. FAILED_PRECONDITION (SETTING_INVALID), or NOT_FOUND. */
struct status settings_read_file(struct arena *arena, const char *path, struct str *ret_text);

/* The value of `name` in a section of the text of a profile file; data NULL if there is none.
 * Pure. */
struct str settings_profile_value(struct str text, const char *section, const char *name);

#endif
