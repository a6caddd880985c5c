/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of settings: precedence, the .env file, every kind of value, secrets in files, error
 * messages. */
#include "base/config.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/test.h"

static const struct setting table[] = {
    {"T_TEXT", SETTING_TEXT, "hello", "Some text.", 0, 0},
    {"T_NUMBER", SETTING_INTEGER, "7", "Some number.", -10, 100},
    {"T_FREE", SETTING_INTEGER, "", "A number without bounds or default.", 0, 0},
    {"T_FLAG", SETTING_BOOLEAN, "off", "Some flag.", 0, 0},
    {"T_TTL", SETTING_DURATION, "7d", "Some duration.", 1000, 30 * 86400000LL},
    {"T_SIZE", SETTING_SIZE, "64KiB", "Some size.", 0, 1 << 30},
    {"T_LISTEN", SETTING_ADDRESS, "127.0.0.1:8000", "Some address.", 0, 0},
    {"T_STORE", SETTING_URL, "sqlite:data/cart.db", "Some URL.", 0, 0},
    {"T_SECRET", SETTING_SECRET, "", "Some secret.", 0, 0},
    {0},
};

static struct config *config;
static const char *error;
static char path[] = "/tmp/argosy-config-XXXXXX";

static void begin(void)
{
    for (const struct setting *setting = table; setting->name; setting++) unsetenv(setting->name);
    unsetenv("T_SECRET_FILE");
    config_free(config);
    config = config_new();
    config_declare(config, table);
    error = "";
}

static void end(void)
{
    config_free(config);
    config = 0;
    unlink(path);
}

/* Replaces the file at `path`. */
static void write_file(const char *content, size_t size)
{
    unlink(path);
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    int file = mkstemp(path);
    CHECK(file >= 0);
    CHECK(write(file, content, size) == (ssize_t)size);
    close(file);
}

static void write_text(const char *content)
{
    write_file(content, strlen(content));
}

TEST(defaults_hold)
{
    begin();
    CHECK(config_check(config, &error));
    CHECK_STR(config_text(config, "T_TEXT"), "hello");
    CHECK_INT(config_integer(config, "T_NUMBER"), ==, 7);
    CHECK_INT(config_integer(config, "T_FREE"), ==, 0);
    CHECK(!config_boolean(config, "T_FLAG"));
    CHECK_INT(config_duration_ms(config, "T_TTL"), ==, 7 * 86400000);
    CHECK_INT(config_size(config, "T_SIZE"), ==, 65536);
    CHECK_STR(config_text(config, "T_LISTEN"), "127.0.0.1:8000");
    CHECK_STR(config_text(config, "T_STORE"), "sqlite:data/cart.db");
    CHECK_STR(config_text(config, "T_SECRET"), "");
    CHECK(!config_given(config, "T_TEXT"));
    end();
}

TEST(the_command_line_is_stronger_than_the_environment_and_that_than_a_file)
{
    begin();
    write_text("T_TEXT=file\nT_NUMBER=1\nT_FREE=1\n");
    setenv("T_TEXT", "environment", 1);
    setenv("T_NUMBER", "2", 1);
    CHECK(config_set(config, "T_TEXT=first", &error));
    CHECK(config_set(config, "T_TEXT=command=line", &error));
    CHECK(config_load_file(config, path, true, &error));
    CHECK(config_check(config, &error));
    CHECK_STR(config_text(config, "T_TEXT"), "command=line");
    CHECK_INT(config_integer(config, "T_NUMBER"), ==, 2);
    CHECK_INT(config_integer(config, "T_FREE"), ==, 1);
    CHECK(config_given(config, "T_FREE"));
    CHECK(!config_given(config, "T_TTL"));
    end();
}

TEST(a_file_has_comments_and_quotes)
{
    begin();
    write_text("# a comment\n\n  T_TEXT = \n");
    CHECK(!config_load_file(config, path, true, &error));
    CHECK(strstr(error, ":3: ") && strstr(error, path) == error);

    begin();
    write_text(
        "# a comment\n\nT_TEXT=\"two words # here \"\r\n  T_STORE='memory:'  \nT_SECRET=a\"b\n"
        "T_LISTEN=\"\"");
    CHECK(config_load_file(config, path, true, &error));
    CHECK(config_check(config, &error));
    CHECK_STR(config_text(config, "T_TEXT"), "two words # here ");
    CHECK_STR(config_text(config, "T_STORE"), "memory:");
    CHECK_STR(config_text(config, "T_SECRET"), "a\"b");
    CHECK_STR(config_text(config, "T_LISTEN"), "");
    end();
}

TEST(a_broken_file_is_refused)
{
    static const char *const broken[] = {"T_TEXT", "=x",         "t_text=x", "T-TEXT=x",
                                         "1T=x",   "T_TEXT=\"x", "T_TEXT='", "T_TEXT=\"a\" b"};

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        begin();
        write_text(broken[i]);
        CHECK(!config_load_file(config, path, true, &error));
        CHECK(strstr(error, ":1: ") != 0);
        unlink(path);
    }
    begin();
    write_file("T_TEXT=a\0b", 10);
    CHECK(!config_load_file(config, path, true, &error));
    end();
}

TEST(a_file_may_be_missing_unless_it_is_required)
{
    begin();
    CHECK(config_load_file(config, "/nowhere/.env", false, &error));
    CHECK(!config_load_file(config, "/nowhere/.env", true, &error));
    CHECK_STR(error, "cannot read the settings file /nowhere/.env: No such file or directory");
    CHECK(!config_load_file(config, "/tmp", false, &error));
    end();
}

TEST(a_file_may_not_be_endless)
{
    begin();
    CHECK(!config_load_file(config, "/dev/zero", true, &error));
    CHECK_STR(error, "cannot read the settings file /dev/zero: it is too large");
    end();
}

static bool takes(const char *assignment)
{
    begin();
    CHECK(config_set(config, assignment, &error));
    return config_check(config, &error);
}

TEST(numbers_have_bounds)
{
    CHECK(takes("T_NUMBER=-10") && config_integer(config, "T_NUMBER") == -10);
    CHECK(takes("T_NUMBER=100") && config_integer(config, "T_NUMBER") == 100);
    CHECK(takes("T_FREE=-9223372036854775808") && config_integer(config, "T_FREE") == INT64_MIN);
    CHECK(!takes("T_NUMBER=101"));
    CHECK_STR(error, "T_NUMBER=101 (--set): must be a whole number, from -10 to 100");
    CHECK(!takes("T_NUMBER=1.5"));
    CHECK(!takes("T_NUMBER= 1"));
    CHECK(!takes("T_NUMBER="));
    CHECK(!takes("T_FREE=9223372036854775808"));
    end();
}

TEST(booleans_have_many_spellings)
{
    static const char *const yes[] = {"1", "true", "YES", "On"};
    static const char *const no[] = {"0", "False", "no", "off"};
    char text[32];

    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof(text), "T_FLAG=%s", yes[i]);
        CHECK(takes(text) && config_boolean(config, "T_FLAG"));
        snprintf(text, sizeof(text), "T_FLAG=%s", no[i]);
        CHECK(takes(text) && !config_boolean(config, "T_FLAG"));
    }
    CHECK(!takes("T_FLAG=2"));
    CHECK(!takes("T_FLAG=tru"));
    end();
}

TEST(durations_and_sizes_have_units)
{
    CHECK(takes("T_TTL=1000ms") && config_duration_ms(config, "T_TTL") == 1000);
    CHECK(takes("T_TTL=90s") && config_duration_ms(config, "T_TTL") == 90000);
    CHECK(takes("T_TTL=5m") && config_duration_ms(config, "T_TTL") == 300000);
    CHECK(takes("T_TTL=24h") && config_duration_ms(config, "T_TTL") == 86400000);
    CHECK(!takes("T_TTL=10"));
    CHECK_STR(error, "T_TTL=10 (--set): must be a duration such as 250ms, 10s, 5m, 24h or 7d, "
                     "from 1s to 30d");
    CHECK(!takes("T_TTL=999ms"));
    CHECK(!takes("T_TTL=31d"));
    CHECK(!takes("T_TTL=1.5h"));
    CHECK(!takes("T_TTL=-5s"));
    CHECK(!takes("T_TTL=s"));
    CHECK(!takes("T_TTL=99999999999999999d"));

    CHECK(takes("T_SIZE=512") && config_size(config, "T_SIZE") == 512);
    CHECK(takes("T_SIZE=4MiB") && config_size(config, "T_SIZE") == 4 << 20);
    CHECK(takes("T_SIZE=1GiB") && config_size(config, "T_SIZE") == 1 << 30);
    CHECK(!takes("T_SIZE=2GiB"));
    CHECK(!takes("T_SIZE=4MB"));
    end();
}

TEST(addresses_and_urls_have_forms)
{
    static const char *const good[] = {"T_LISTEN=0.0.0.0:0",
                                       "T_LISTEN=[::1]:8000",
                                       "T_LISTEN=my_host-1.x:65535",
                                       "T_LISTEN=[fe80::1%eth0]:1",
                                       "T_LISTEN=",
                                       "T_STORE=inproc:",
                                       "T_STORE=grpc://a:1,b:2",
                                       "T_STORE=redis+tls://h/0"};
    static const char *const bad[] = {
        "T_LISTEN=8000",     "T_LISTEN=:8000",  "T_LISTEN=h:",    "T_LISTEN=h:65536",
        "T_LISTEN=h:+1",     "T_LISTEN=::1:80", "T_LISTEN=[::1]", "T_LISTEN=[::1]8000",
        "T_LISTEN=[h]:1",    "T_LISTEN=[",      "T_LISTEN=a b:1", "T_LISTEN=[]:1",
        "T_STORE=data/x.db", "T_STORE=:x",      "T_STORE=1a:x",   "T_STORE=sqlite:a b",
        "T_STORE=a_b:c"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) CHECK(takes(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!takes(bad[i]));
    CHECK(!takes("T_TEXT=a\nb"));
    CHECK(!takes("T_TEXT=\xff"));
    end();
}

TEST(all_bad_settings_are_named_at_once)
{
    begin();
    write_text("T_NUMBER=many\nT_UNKNOWN=1\n");
    setenv("T_TTL", "long", 1);
    setenv("T_UNKNOWN_TOO", "1", 1); /* unknown names in the environment are not errors */
    CHECK(config_load_file(config, path, true, &error));
    CHECK(config_set(config, "T_SECRET=hid\tden\x01", &error));
    CHECK(!config_check(config, &error));
    CHECK(strstr(error, "T_NUMBER=many (/tmp/argosy-config-") != 0);
    CHECK(strstr(error, "T_UNKNOWN (/tmp/argosy-config-") != 0);
    CHECK(strstr(error, "T_TTL=long (environment): must be a duration") != 0);
    CHECK(strstr(error, "T_SECRET (--set): must be text") != 0);
    CHECK(!strstr(error, "hid"));
    CHECK(!strstr(error, "T_UNKNOWN_TOO"));
    int lines = 1;
    for (const char *at = error; *at; at++) lines += *at == '\n';
    CHECK_INT(lines, ==, 4);
    end();
}

TEST(broken_assignments_are_refused)
{
    begin();
    CHECK(!config_set(config, "T_TEXT", &error));
    CHECK(!config_set(config, "", &error));
    CHECK(!config_set(config, "=x", &error));
    CHECK(!config_set(config, "t=x", &error));
    CHECK(config_check(config, &error));
    end();
}

static bool takes_file(const char *name, const char *content)
{
    char assignment[100];

    begin();
    write_text(content);
    snprintf(assignment, sizeof(assignment), "%s_FILE=%s", name, path);
    CHECK(config_set(config, assignment, &error));
    bool good = config_check(config, &error);
    unlink(path);
    return good;
}

static bool takes_secret_file(const char *content)
{
    return takes_file("T_SECRET", content);
}

TEST(a_url_with_its_password_may_stand_in_a_file)
{
    CHECK(takes_file("T_STORE", "postgres://shop:sesame@db/shop\n"));
    CHECK_STR(config_text(config, "T_STORE"), "postgres://shop:sesame@db/shop");
    CHECK(!takes_file("T_STORE", "//shop:sesame@db\n"));
    CHECK(!strstr(error, "sesame"));
    end();
}

TEST(a_secret_may_stand_in_a_file)
{
    CHECK(takes_secret_file("open sesame\r\n"));
    CHECK_STR(config_text(config, "T_SECRET"), "open sesame");
    CHECK(config_given(config, "T_SECRET"));
    CHECK(takes_secret_file("no newline"));
    CHECK_STR(config_text(config, "T_SECRET"), "no newline");
    CHECK(!takes_secret_file(""));
    CHECK(!takes_secret_file("bell\a"));
    CHECK(!strstr(error, "bell"));
    end();
}

TEST(a_secret_file_must_be_there_and_alone)
{
    CHECK(!takes("T_SECRET_FILE=/nowhere/secret"));
    CHECK_STR(error, "T_SECRET_FILE=/nowhere/secret (--set): No such file or directory");
    CHECK(!takes("T_SECRET_FILE=/dev/zero"));

    begin();
    CHECK(config_set(config, "T_SECRET=a", &error));
    CHECK(config_set(config, "T_SECRET_FILE=/dev/null", &error));
    CHECK(!config_check(config, &error));

    /* Of two given by different origins the stronger one counts. */
    begin();
    setenv("T_SECRET_FILE", "/nowhere/secret", 1);
    CHECK(config_set(config, "T_SECRET=a", &error));
    CHECK(config_check(config, &error));
    CHECK_STR(config_text(config, "T_SECRET"), "a");
    end();
}

TEST(printing_hides_secrets)
{
    char *text = 0;
    size_t size;

    begin();
    CHECK(config_set(config, "T_SECRET=hidden", &error));
    CHECK(config_set(config, "T_NUMBER=8", &error));
    CHECK(config_check(config, &error));
    FILE *out = open_memstream(&text, &size);
    config_print(config, out);
    fclose(out);
    CHECK(strstr(text, "T_SECRET=(set)\n") != 0);
    CHECK(!strstr(text, "hidden"));
    CHECK(strstr(text, "T_NUMBER=8\n    --set. Some number.\n") != 0);
    CHECK(strstr(text, "T_TEXT=hello\n    default. Some text.\n") != 0);
    CHECK(strstr(text, "T_FLAG") < strstr(text, "T_FREE"));
    CHECK(strstr(text, "T_STORE") < strstr(text, "T_TEXT"));
    free(text);
    end();
}

TEST(printing_hides_the_password_of_a_url)
{
    char *text = 0;
    size_t size;

    begin();
    CHECK(
        config_set(config, "T_STORE=postgres://shop:hid@den@db:5432/shop?sslmode=require", &error));
    CHECK(config_check(config, &error));
    FILE *out = open_memstream(&text, &size);
    config_print(config, out);
    fclose(out);
    CHECK(strstr(text, "T_STORE=postgres://shop:***@db:5432/shop?sslmode=require\n") != 0);
    CHECK(!strstr(text, "hid") && !strstr(text, "den@"));
    free(text);
    end();
}

TEST(only_the_password_of_a_url_is_hidden)
{
    static const char *const shown[][2] = {
        {"redis://:secret@cache:6379/0", "redis://:***@cache:6379/0"},
        {"mongodb://ann:secret@a:1,b:2/shop", "mongodb://ann:***@a:1,b:2/shop"},
        {"redis://cache:6379/0", "redis://cache:6379/0"},
        {"grpc://ann@127.0.0.1:5001", "grpc://ann@127.0.0.1:5001"},
        {"http://a:1/b:c@d", "http://a:1/b:c@d"},
        {"grpc://[::1]:5001/a@b", "grpc://[::1]:5001/a@b"},
        {"redis://:se/cret@cache:6379/0", "redis://:***@cache:6379/0"},
        {"postgres://ann:a#b?c@d@db/shop", "postgres://ann:***@db/shop"},
        {"sqlite:data/a:b@c.db", "sqlite:data/a:b@c.db"},
        {"postgres://ann@db/shop?password=secret&sslmode=require",
         "postgres://ann@db/shop?password=***&sslmode=require"},
        {"postgres://db/shop?user=ann&sslPassword=se=cret",
         "postgres://db/shop?user=ann&sslPassword=***"},
        {"mongodb://ann:a@db/?tls=true&tlsCertificateKeyFilePassword=b",
         "mongodb://ann:***@db/?tls=true&tlsCertificateKeyFilePassword=***"},
        {"postgres://db/?password=&passwords=a&passfile=b",
         "postgres://db/?password=&passwords=a&passfile=b"},
    };
    struct arena arena = {0};

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        CHECK_STR(config_url_shown(&arena, shown[i][0]), shown[i][1]);
    arena_release(&arena);
}

static void declare_alike(void)
{
    config_declare(config, table);
}

static void declare_otherwise(void)
{
    static const struct setting other[] = {{"T_TEXT", SETTING_TEXT, "bye", "", 0, 0}, {0}};

    config_declare(config, other);
}

static void declare_nonsense(void)
{
    static const struct setting other[] = {{"T_NEW", SETTING_DURATION, "soon", "", 0, 0}, {0}};

    config_declare(config, other);
}

static void read_undeclared(void)
{
    config_text(config, "T_NEW");
}

static void read_as_another_kind(void)
{
    config_size(config, "T_NUMBER");
}

static bool dies(void (*fn)(void))
{
    int result;
    pid_t child = fork();

    if (child == 0) {
        fclose(stderr);
        fn();
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    return !WIFEXITED(result) || WEXITSTATUS(result) != 0;
}

TEST(programming_errors_end_the_process)
{
    begin();
    CHECK(config_check(config, &error));
    CHECK(!dies(declare_alike));
    CHECK(dies(declare_otherwise));
    CHECK(dies(declare_nonsense));
    CHECK(dies(read_undeclared));
    CHECK(dies(read_as_another_kind));
    end();
}

TEST(random_files_are_never_read_out_of_bounds)
{
    static const char bytes[] = "T_EX=\"'#\n \\ab1\0\xff";
    char content[60];

    for (int i = 0; i < 300; i++) {
        size_t size = random_below(sizeof(content));
        for (size_t k = 0; k < size; k++) content[k] = bytes[random_below(sizeof(bytes) - 1)];
        begin();
        write_file(content, size);
        if (config_load_file(config, path, true, &error)) config_check(config, &error);
        unlink(path);
    }
    end();
}

TEST(a_config_like_another_keeps_the_command_line_and_reads_files_anew)
{
    static const char *const none[] = {NULL}, *const but_one[] = {"T_NUMBER", NULL};

    begin();
    write_text("T_TEXT=file\nT_NUMBER=1\nT_FLAG=on\n");
    CHECK(config_set(config, "T_TEXT=first", &error));
    CHECK(config_set(config, "T_TEXT=second", &error));
    CHECK(config_load_file(config, path, true, &error));
    CHECK(config_check(config, &error));

    struct config *like = config_new_like(config);
    CHECK(config_load_file(like, path, true, &error));
    CHECK(config_check(like, &error));
    CHECK(!config_difference(config, like, none));
    CHECK_STR(config_text(like, "T_TEXT"), "second");
    config_free(like);

    unlink(path);
    write_text("T_TEXT=other\nT_NUMBER=2\nT_FLAG=on\n");
    like = config_new_like(config);
    CHECK(config_load_file(like, path, true, &error));
    CHECK(config_check(like, &error));
    CHECK_STR(config_difference(config, like, none), "T_NUMBER");
    CHECK(!config_difference(config, like, but_one));
    CHECK_INT(config_integer(config, "T_NUMBER"), ==, 1);
    config_free(like);
    end();
}

TEST(a_misspelt_setting_is_recognized)
{
    struct arena arena = {0};
    const char *setting = NULL;
    size_t index = 0;

    begin();
    CHECK(config_set(config, "T_NUMBRE=8", &error));
    CHECK(!config_check(config, &error));
    CHECK_STR(error, "T_NUMBRE (--set): there is no such setting; did you mean T_NUMBER? `argosy "
                     "config` names all");
    end();

    begin();
    CHECK(config_set(config, "T_OTHER_THING=8", &error));
    CHECK(!config_check(config, &error));
    CHECK_STR(error, "T_OTHER_THING (--set): there is no such setting; `argosy config` names all");
    end();

    begin();
    setenv("T_SECRT", "1", 1);     /* one letter is missing */
    setenv("T_SECRET", "1", 1);    /* a setting */
    setenv("T_UNRELATED", "1", 1); /* another program's */
    setenv("OTHER_SECRT", "1", 1); /* likewise */
    CHECK_STR(config_misspelt(config, &arena, &index, &setting), "T_SECRT");
    CHECK_STR(setting, "T_SECRET");
    CHECK(!config_misspelt(config, &arena, &index, &setting));
    unsetenv("T_SECRT");
    unsetenv("T_SECRET");
    unsetenv("T_UNRELATED");
    unsetenv("OTHER_SECRT");
    end();
    arena_release(&arena);
}
