/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in the environment and in the files of AWS's profiles. */
#include "store/dynamodb/settings.h"

#include <unistd.h>

#include "base/test.h"
#include "reasons.pb-c.h"

enum { VARIABLES_MAX = 16 };

static struct arena arena;
static const char *variables[VARIABLES_MAX]; /* names and values */
static char credentials_path[64], config_path[64];

static char *get(const char *name)
{
    for (size_t i = 0; i + 1 < VARIABLES_MAX && variables[i]; i += 2)
        if (strcmp(variables[i], name) == 0) return arena_strdup(&arena, variables[i + 1]);
    return 0;
}

static void write_file(char path[64], const char *kind, const char *text)
{
    snprintf(path, 64, "/tmp/argosy-settings-%d-%s", (int)getpid(), kind);
    FILE *file = fopen(path, "we");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* An environment of names and values, ended by NULL. */
#define ENVIRONMENT(...)                                  \
    do {                                                  \
        const char *const given_[] = {__VA_ARGS__, NULL}; \
        arena_release(&arena);                            \
        arena_init(&arena, 0);                            \
        memset(variables, 0, sizeof(variables));          \
        memcpy(variables, given_, sizeof(given_));        \
    } while (0)

static const struct settings *found(void)
{
    struct settings *settings = arena_new(&arena, struct settings);

    CHECK_OK(settings_read(&arena, get, settings));
    return settings;
}

static const char *refusal(void)
{
    struct settings settings;
    struct status st = settings_read(&arena, get, &settings);

    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
    CHECK(strstr(st.message, "hidden") == NULL);
    return st.message;
}

static const char credentials_text[] = "# a comment\n"
                                       "[default]\n"
                                       "aws_access_key_id = DEFAULTID\n"
                                       "aws_secret_access_key=hidden/+default=\n"
                                       "; another\n"
                                       "[ shop ]\r\n"
                                       "aws_access_key_id=SHOPID\r\n"
                                       "aws_secret_access_key = hidden-shop\r\n"
                                       "aws_session_token = hidden-token\r\n"
                                       "[half]\n"
                                       "aws_access_key_id = HALF\n";

static const char config_text[] = "[default]\n"
                                  "region = eu-west-1\n"
                                  "[profile shop]\n"
                                  "region=eu-central-1\n"
                                  "services = local\n"
                                  "s3 =\n"
                                  "    endpoint_url = http://nested.example\n"
                                  "endpoint_url = http://127.0.0.1:8000\n"
                                  "[profile  role]\n"
                                  "role_arn = arn:aws:iam::123456789012:role/shop\n"
                                  "[profile bare]\n"
                                  "region = eu-north-1\n"
                                  "[shop]\n"
                                  "region = wrong\n";

static void write_files(void)
{
    write_file(credentials_path, "credentials", credentials_text);
    write_file(config_path, "config", config_text);
}

static void remove_files(void)
{
    unlink(credentials_path);
    unlink(config_path);
}

TEST(the_environment_goes_first)
{
    const struct settings *settings;

    write_files();
    ENVIRONMENT("AWS_ACCESS_KEY_ID", "ID", "AWS_SECRET_ACCESS_KEY", "hidden", "AWS_REGION",
                "us-east-2", "AWS_DEFAULT_REGION", "us-west-1", "AWS_SHARED_CREDENTIALS_FILE",
                credentials_path, "AWS_ENDPOINT_URL", "http://a", "AWS_ENDPOINT_URL_DYNAMODB",
                "http://b");
    settings = found();
    CHECK_INT(settings->source, ==, KEYS_ENVIRONMENT);
    CHECK_STR(settings->keys.id, "ID");
    CHECK_STR(settings->keys.secret, "hidden");
    CHECK_STR(settings->keys.token, "");
    CHECK_STR(settings->region, "us-east-2");
    CHECK_STR(settings->endpoint, "http://b");

    ENVIRONMENT("AWS_ACCESS_KEY_ID", "ID", "AWS_SECRET_ACCESS_KEY", "hidden", "AWS_SESSION_TOKEN",
                "token", "AWS_DEFAULT_REGION", "us-west-1", "AWS_ENDPOINT_URL", "http://a");
    settings = found();
    CHECK_STR(settings->keys.token, "token");
    CHECK_STR(settings->region, "us-west-1");
    CHECK_STR(settings->endpoint, "http://a");
    remove_files();
}

TEST(profiles_are_read_as_awss_tools_do)
{
    const struct settings *settings;
    struct keys keys;

    write_files();
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path);
    settings = found();
    CHECK_INT(settings->source, ==, KEYS_PROFILE);
    CHECK_STR(settings->keys.id, "DEFAULTID");
    CHECK_STR(settings->keys.secret, "hidden/+default=");
    CHECK_STR(settings->region, "eu-west-1");
    CHECK_STR(settings->endpoint, "");

    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path,
                "AWS_PROFILE", "shop");
    settings = found();
    CHECK_STR(settings->keys.id, "SHOPID");
    CHECK_STR(settings->keys.secret, "hidden-shop");
    CHECK_STR(settings->keys.token, "hidden-token");
    CHECK_STR(settings->region, "eu-central-1");
    CHECK_STR(settings->endpoint, "http://127.0.0.1:8000");
    CHECK_OK(settings_read_profile(&arena, settings, &keys));
    CHECK_STR(keys.id, "SHOPID");

    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path,
                "AWS_PROFILE", "shop", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "AWS_REGION",
                "eu-west-3");
    settings = found();
    CHECK_STR(settings->region, "eu-west-3");
    CHECK_STR(settings->endpoint, "");
    remove_files();
}

TEST(profiles_that_cannot_be_used_are_named)
{
    write_files();
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path,
                "AWS_PROFILE", "nobody");
    CHECK(strstr(refusal(), "\"nobody\"") != NULL);
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path,
                "AWS_PROFILE", "half");
    CHECK(strstr(refusal(), "\"half\"") != NULL);
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path,
                "AWS_PROFILE", "role");
    CHECK(strstr(refusal(), "`role_arn`") != NULL);
    ENVIRONMENT("AWS_ACCESS_KEY_ID", "ID");
    CHECK(strstr(refusal(), "AWS_SECRET_ACCESS_KEY") != NULL);
    ENVIRONMENT("AWS_ACCESS_KEY_ID", "ID", "AWS_SECRET_ACCESS_KEY", "hidden\nx");
    CHECK(strstr(refusal(), "one line") != NULL);
    ENVIRONMENT("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    CHECK(strstr(refusal(), "AWS_ROLE_ARN") != NULL);
    remove_files();
}

TEST(containers_and_machines_come_last)
{
    const struct settings *settings;

    write_files();
    ENVIRONMENT("AWS_SHARED_CREDENTIALS_FILE", credentials_path, "AWS_CONFIG_FILE", config_path,
                "AWS_PROFILE", "bare", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c");
    settings = found();
    CHECK_INT(settings->source, ==, KEYS_CONTAINER);
    CHECK_STR(settings->container_url, "http://169.254.170.2/v2/c");
    CHECK_STR(settings->region, "eu-north-1");

    ENVIRONMENT("HOME", "/nowhere");
    settings = found();
    CHECK_INT(settings->source, ==, KEYS_MACHINE);
    CHECK_STR(settings->metadata_url, "http://169.254.169.254");
    CHECK_STR(settings->credentials_file, "/nowhere/.aws/credentials");

    ENVIRONMENT("AWS_EC2_METADATA_DISABLED", "TRUE");
    CHECK_INT(found()->source, ==, KEYS_NOWHERE);

    ENVIRONMENT("AWS_WEB_IDENTITY_TOKEN_FILE", "/token", "AWS_ROLE_ARN", "arn");
    settings = found();
    CHECK_INT(settings->source, ==, KEYS_WEB_IDENTITY);
    CHECK_STR(settings->session, "argosy");
    remove_files();
}
