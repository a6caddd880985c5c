/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: the tables that were declared, the NAME=VALUE assignments that were given with their
 * origin, and the check that picks the strongest for each setting. */
#include "base/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/setting_value.h"
#include "base/status.h"
#include "base/word_distance.h"
#include "base/wrap.h"

enum { FILE_SIZE_MAX = 1024 * 1024, SECRET_FILE_SIZE_MAX = 64 * 1024, SHOWN_MAX = 64 };

/* In order of precedence; the last is the strongest. */
enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_COMMAND_LINE };

/* A NAME=VALUE that was given. */
struct assignment {
    struct assignment *older;
    const char *name;
    char *value;
    enum origin origin;
    const char *place; /* "--set", ".env:3" */
};

/* A declared setting, and the value found for it. */
struct entry {
    struct entry *next; /* by name */
    const struct setting *setting;
    const char *file_name; /* NAME_FILE, of secrets and of URLs, which may have a password */
    const char *value;
    char *secret; /* arena: the value that was in a file; NULL: none was */
    int64_t number;
    enum origin origin;
    const char *place;
    bool checked;
};

struct config {
    struct arena arena;
    struct entry *entries;
    struct assignment *newest;
    struct buffer complaints;
};

enum { COMPLAINTS_MAX = 64 * 1024 };

struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof(*config));

    invariant(config != NULL);
    arena_init(&config->arena, 0);
    buffer_init(&config->complaints, COMPLAINTS_MAX);
    return config;
}

void config_free(struct config *config)
{
    if (!config) return;
    for (struct assignment *given = config->newest; given; given = given->older)
        secret_wipe(given->value, strlen(given->value));
    for (struct entry *entry = config->entries; entry; entry = entry->next)
        if (entry->secret) secret_wipe(entry->secret, strlen(entry->secret));
    buffer_release(&config->complaints);
    arena_release(&config->arena);
    free(config);
}

static bool is_name(struct str text)
{
    if (text.length == 0 || (text.data[0] >= '0' && text.data[0] <= '9')) return false;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        bool good = (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_';
        if (!good) return false;
    }
    return true;
}

static struct entry *find(const struct config *config, const char *name)
{
    struct entry *entry = config->entries;

    while (entry && strcmp(entry->setting->name, name) != 0) entry = entry->next;
    return entry;
}

static bool is_declared(const struct config *config, const char *name)
{
    for (struct entry *entry = config->entries; entry; entry = entry->next) {
        if (strcmp(entry->setting->name, name) == 0) return true;
        if (entry->file_name && strcmp(entry->file_name, name) == 0) return true;
    }
    return false;
}

static bool is_alike(const struct setting *a, const struct setting *b)
{
    return a->kind == b->kind && a->min == b->min && a->max == b->max &&
           strcmp(a->fallback, b->fallback) == 0;
}

_Noreturn static void bad_declaration(const char *name, const char *what)
{
    fprintf(stderr, "argosy: the setting %s %s\n", name, what);
    abort();
}

static void declare(struct config *config, const struct setting *setting)
{
    struct entry *known = find(config, setting->name), **place = &config->entries;
    int64_t number;

    if (known && !is_alike(known->setting, setting))
        bad_declaration(setting->name, "is declared twice, and differently");
    if (known) return;
    if (!is_name(str_of(setting->name))) bad_declaration(setting->name, "has a bad name");
    if (!setting_value_parse(setting, setting->fallback, &number))
        bad_declaration(setting->name, "has a default that is not a value of its kind");

    while (*place && strcmp((*place)->setting->name, setting->name) < 0) place = &(*place)->next;
    struct entry *entry = arena_new(&config->arena, struct entry);
    entry->setting = setting;
    if (setting->kind == SETTING_SECRET || setting->kind == SETTING_URL)
        entry->file_name = arena_printf(&config->arena, "%s_FILE", setting->name);
    entry->next = *place;
    *place = entry;
}

void config_declare(struct config *config, const struct setting *table)
{
    for (; table->name; table++) declare(config, table);
}

/* Records one NAME=VALUE; returns what is wrong with it, or NULL. */
static const char *assign(struct config *config, struct str text, enum origin origin,
                          const char *place)
{
    struct str rest = text, name;

    if (str_find(text, 0) < text.length) return "there is a NUL byte in it";
    if (str_find(text, '=') == text.length) return "it is not of the form NAME=VALUE";
    str_split(&rest, '=', &name);
    if (!is_name(name))
        return "the name before = may have capitals, digits and _ only, and no spaces around it";

    struct assignment *given = arena_new(&config->arena, struct assignment);
    *given = (struct assignment){
        .older = config->newest,
        .name = str_dup(&config->arena, name),
        .value = str_dup(&config->arena, rest),
        .origin = origin,
        .place = place,
    };
    config->newest = given;
    return NULL;
}

bool config_set(struct config *config, const char *assignment, const char **ret_error)
{
    const char *error = assign(config, str_of(assignment), ORIGIN_COMMAND_LINE, "--set");

    if (error) *ret_error = error;
    return !error;
}

/* Removes the quotes around a value; returns what is wrong with it, or NULL. */
static const char *unquote(struct str line, struct str *ret_name, struct str *ret_value)
{
    size_t equals = str_find(line, '=');
    struct str value = str_sized(line.data + equals, line.length - equals);

    if (value.length) value = str_sized(value.data + 1, value.length - 1);
    *ret_name = str_sized(line.data, equals);
    *ret_value = value;
    if (value.length == 0 || (value.data[0] != '"' && value.data[0] != '\'')) return NULL;
    if (value.length < 2 || value.data[value.length - 1] != value.data[0])
        return "its value begins with a quote and does not end with one";
    *ret_value = str_sized(value.data + 1, value.length - 2);
    return NULL;
}

static const char *assign_line(struct config *config, struct str line, const char *place)
{
    struct str name, value;

    line = str_trim(line);
    if (line.length == 0 || line.data[0] == '#') return NULL;
    if (str_find(line, '=') == line.length) return "it is not of the form NAME=VALUE";
    const char *error = unquote(line, &name, &value);
    if (error) return error;

    size_t size = name.length + 1 + value.length;
    char *text = arena_alloc(&config->arena, size);
    memcpy(text, name.data, name.length);
    text[name.length] = '=';
    if (value.length) memcpy(text + name.length + 1, value.data, value.length);
    error = assign(config, str_sized(text, size), ORIGIN_FILE, place);
    secret_wipe(text, size);
    return error;
}

/* Reads the whole file into the buffer, whose maximum is the file's. Returns what went wrong, or
 * NULL. */
static const char *read_file(const char *path, struct buffer *buffer)
{
    struct stat info;
    size_t got = 0;
    FILE *file = fopen(path, "re");

    if (!file) return strerror(errno);
    if (fstat(fileno(file), &info) != 0 || S_ISDIR(info.st_mode)) {
        fclose(file);
        return "it is a directory";
    }
    /* Without stdio's buffer, and with room for the whole file reserved at once, no copies of
     * secrets are left behind in freed memory. */
    setvbuf(file, 0, _IONBF, 0);
    if (info.st_size > 0 && (size_t)info.st_size < buffer->max - 1024)
        buffer_reserve(buffer, (size_t)info.st_size + 1024);
    do {
        char *room = buffer_reserve(buffer, 1024);
        if (!room) break;
        got = fread(room, 1, 1024, file);
        buffer->length += got;
    } while (got > 0);
    bool broken = ferror(file);
    fclose(file);
    return broken ? "it cannot be read" : buffer->overflow ? "it is too large" : NULL;
}

bool config_load_file(struct config *config, const char *path, bool required,
                      const char **ret_error)
{
    struct buffer content;
    struct str rest, line;
    const char *error;

    buffer_init(&content, FILE_SIZE_MAX);
    errno = 0;
    error = read_file(path, &content);
    if (error && errno == ENOENT && !required) error = NULL;
    if (error)
        *ret_error = arena_printf(&config->arena, "cannot read the settings file %s: %s", path,
                                  error);

    rest = buffer_str(&content);
    for (int number = 1; !error && str_split(&rest, '\n', &line); number++) {
        const char *place = arena_printf(&config->arena, "%s:%d", path, number);
        error = assign_line(config, line, place);
        if (error) *ret_error = arena_printf(&config->arena, "%s: %s", place, error);
    }
    if (content.data) secret_wipe(content.data, content.length);
    buffer_release(&content);
    return !error;
}

/* The value given for a name by the strongest origin; the latest if that gave several. False if
 * there is none. */
static bool look_up(const struct config *config, const char *name, struct assignment *ret_given)
{
    const struct assignment *best = NULL;

    for (const struct assignment *given = config->newest; given; given = given->older)
        if (strcmp(given->name, name) == 0 && (!best || given->origin > best->origin)) best = given;
    char *value = getenv(name);
    if (value && (!best || best->origin < ORIGIN_ENVIRONMENT)) {
        *ret_given = (struct assignment){
            .value = value, .origin = ORIGIN_ENVIRONMENT, .place = "environment"};
        return true;
    }
    if (best) *ret_given = *best;
    return best != NULL;
}

__attribute__((format(printf, 2, 3))) static void complain(struct config *config,
                                                           const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    const char *line = arena_vprintf(&config->arena, format, arguments);
    va_end(arguments);
    if (config->complaints.length) buffer_append_byte(&config->complaints, '\n');
    buffer_append_str(&config->complaints, str_of(line));
}

/* Reads the value from the first line of the file that NAME_FILE names. */
static void read_value_file(struct config *config, struct entry *entry, struct assignment *file)
{
    struct buffer content;

    buffer_init(&content, SECRET_FILE_SIZE_MAX);
    const char *error = read_file(file->value, &content);
    if (!error && str_find(buffer_str(&content), 0) < content.length)
        error = "there is a NUL byte in it";
    if (!error && content.length == 0) error = "it is empty";
    if (error) {
        complain(config, "%s=%s (%s): %s", entry->file_name, file->value, file->place, error);
    } else {
        struct str line = str_sized(content.data, str_find(buffer_str(&content), '\n'));
        entry->secret = str_dup(&config->arena, str_trim(line));
        entry->value = entry->secret;
        entry->origin = file->origin;
        entry->place = arena_printf(&config->arena, "%s, %s", entry->file_name, file->place);
    }
    if (content.data) secret_wipe(content.data, content.length);
    buffer_release(&content);
}

static void resolve(struct config *config, struct entry *entry)
{
    struct assignment given, file;
    bool has_value = look_up(config, entry->setting->name, &given);
    bool has_file = entry->file_name && look_up(config, entry->file_name, &file);

    entry->value = entry->setting->fallback;
    entry->origin = ORIGIN_DEFAULT;
    entry->place = "default";
    if (has_value && has_file && given.origin == file.origin)
        complain(config, "%s and %s are both given (%s): keep one of them", entry->setting->name,
                 entry->file_name, given.place);
    if (has_file && (!has_value || file.origin > given.origin)) {
        read_value_file(config, entry, &file);
    } else if (has_value) {
        entry->value = given.value;
        entry->origin = given.origin;
        entry->place = given.place;
    }
}

static void check(struct config *config, struct entry *entry)
{
    const struct setting *setting = entry->setting;

    resolve(config, entry);
    entry->checked = setting_value_parse(setting, entry->value, &entry->number);
    if (entry->checked) return;

    const char *wanted = setting_value_wanted(&config->arena, setting);
    if (setting->kind == SETTING_SECRET || entry->secret)
        complain(config, "%s (%s): must be %s", setting->name, entry->place, wanted);
    else {
        const char *value = config_url_shown(&config->arena, entry->value);
        complain(config, "%s=%.*s%s (%s): must be %s", setting->name, SHOWN_MAX, value,
                 strlen(value) > SHOWN_MAX ? "..." : "", entry->place, wanted);
    }
}

/* The setting that a name resembles: all but one or, of longer names, two letters are the same.
 * NULL if there is none. */
static const char *find_similar(const struct config *config, const char *name)
{
    const char *nearest = NULL;
    int least = strlen(name) < 8 ? 2 : 3;

    for (const struct entry *entry = config->entries; entry; entry = entry->next) {
        int distance = word_distance(str_of(name), str_of(entry->setting->name));
        if (distance >= least) continue;
        least = distance;
        nearest = entry->setting->name;
    }
    return nearest;
}

static void complain_unknown(struct config *config, const struct assignment *given)
{
    const char *similar = find_similar(config, given->name);

    complain(config, "%s (%s): there is no such setting; %s%s%s`argosy config` names all",
             given->name, given->place, similar ? "did you mean " : "", similar ? similar : "",
             similar ? "? " : "");
}

/* Does some setting begin like this? Few variables of an environment do. */
static bool is_prefix_known(const struct config *config, const char *name)
{
    for (const struct entry *entry = config->entries; entry; entry = entry->next)
        if (strncmp(entry->setting->name, name, 3) == 0) return true;
    return false;
}

const char *config_misspelt(const struct config *config, struct arena *arena, size_t *index,
                            const char **ret_setting)
{
    while (environ && environ[*index]) {
        const char *variable = environ[(*index)++];
        size_t length = strcspn(variable, "=");
        if (length > WORD_DISTANCE_MAX || !is_prefix_known(config, variable)) continue;
        const char *name = arena_printf(arena, "%.*s", (int)length, variable);
        if (is_declared(config, name)) continue;
        *ret_setting = find_similar(config, name);
        if (*ret_setting) return name;
    }
    return NULL;
}

bool config_check(struct config *config, const char **ret_errors)
{
    buffer_clear(&config->complaints);
    for (struct assignment *given = config->newest; given; given = given->older)
        if (!is_declared(config, given->name)) complain_unknown(config, given);
    for (struct entry *entry = config->entries; entry; entry = entry->next) check(config, entry);

    if (config->complaints.length == 0 && !config->complaints.overflow) return true;
    *ret_errors = str_dup(&config->arena, buffer_str(&config->complaints));
    return false;
}

static const struct entry *get(const struct config *config, const char *name)
{
    const struct entry *entry = find(config, name);

    if (!entry) bad_declaration(name, "is read but was not declared");
    if (!entry->checked) bad_declaration(name, "is read before config_check has accepted it");
    return entry;
}

static int64_t get_number(const struct config *config, const char *name, enum setting_kind kind)
{
    const struct entry *entry = get(config, name);

    if (entry->setting->kind != kind) bad_declaration(name, "is read as a different kind");
    return entry->number;
}

const char *config_text(const struct config *config, const char *name)
{
    return get(config, name)->value;
}

int64_t config_integer(const struct config *config, const char *name)
{
    return get_number(config, name, SETTING_INTEGER);
}

bool config_boolean(const struct config *config, const char *name)
{
    return get_number(config, name, SETTING_BOOLEAN) != 0;
}

int64_t config_duration_ms(const struct config *config, const char *name)
{
    return get_number(config, name, SETTING_DURATION);
}

int64_t config_size(const struct config *config, const char *name)
{
    return get_number(config, name, SETTING_SIZE);
}

bool config_given(const struct config *config, const char *name)
{
    return get(config, name)->origin != ORIGIN_DEFAULT;
}

/* Replays the assignments oldest first, in the order in which they were given. */
static void replay_assignments(struct config *config, const struct assignment *given)
{
    if (!given) return;
    replay_assignments(config, given->older);
    if (given->origin != ORIGIN_COMMAND_LINE) return;
    struct assignment *copy = arena_new(&config->arena, struct assignment);
    *copy = *given;
    copy->older = config->newest;
    copy->name = arena_strdup(&config->arena, given->name);
    copy->value = arena_strdup(&config->arena, given->value);
    config->newest = copy;
}

struct config *config_new_like(const struct config *config)
{
    struct config *like = config_new();

    for (const struct entry *entry = config->entries; entry; entry = entry->next)
        declare(like, entry->setting);
    replay_assignments(like, config->newest);
    return like;
}

static const char *value_of(const struct entry *entry)
{
    return entry->value ? entry->value : entry->setting->fallback;
}

const char *config_difference(const struct config *config, const struct config *other,
                              const char *const *except)
{
    for (const struct entry *entry = config->entries; entry; entry = entry->next) {
        const char *const *named = except;
        while (*named && strcmp(*named, entry->setting->name) != 0) named++;
        if (*named) continue;
        if (strcmp(value_of(entry), value_of(get(other, entry->setting->name))) != 0)
            return entry->setting->name;
    }
    return NULL;
}

/* Does the user's part of a URL, "ann:secret@db", end later than at the first /, ? or #? So it does
 * with a password that should have been percent-encoded. What follows a host is a port. */
static bool is_unencoded(const char *start, size_t length)
{
    const char *colon = memchr(start, ':', length);

    if (!colon || *start == '[' || memchr(start, '@', length)) return false;
    size_t digits = strspn(colon + 1, "0123456789");
    return colon + 1 + digits < start + length || digits == 0;
}

static const char *hide_in_authority(struct arena *arena, const char *url)
{
    const char *start = strstr(url, "://") + strlen("://");
    size_t length = strcspn(start, "/?#");
    if (is_unencoded(start, length)) length = strlen(start);
    const char *at = memrchr(start, '@', length);
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;

    if (!colon) return url;
    return arena_printf(arena, "%.*s:***%s", (int)(colon - url), url, at);
}

/* Options of an engine's URL may be passwords too: password=, sslpassword=,
 * tlsCertificateKeyFilePassword=. */
static bool is_password(struct str option)
{
    const struct str word = STR("password=");
    size_t end = str_find(option, '=') + 1;

    return end >= word.length && end <= option.length &&
           str_equal_nocase(str_sized(option.data + end - word.length, word.length), word);
}

static const char *hide_in_options(struct arena *arena, const char *url)
{
    size_t length = strcspn(url, "?");
    const char *shown = arena_printf(arena, "%.*s", (int)length, url), *separator = "?";
    struct str rest = str_of(url + length), option;

    if (rest.length == 0) return url;
    rest = str_sized(rest.data + 1, rest.length - 1);
    while (str_split(&rest, '&', &option)) {
        size_t kept = is_password(option) ? str_find(option, '=') + 1 : option.length;
        shown = arena_printf(arena, "%s%s%.*s%s", shown, separator, (int)kept, option.data,
                             kept < option.length ? "***" : "");
        separator = "&";
    }
    return shown;
}

const char *config_url_shown(struct arena *arena, const char *url)
{
    if (!strstr(url, "://")) return url;
    return hide_in_options(arena, hide_in_authority(arena, url));
}

void config_print(const struct config *config, FILE *out)
{
    struct arena arena = {0};

    for (const struct entry *entry = config->entries; entry; entry = entry->next) {
        const char *value = entry->value ? entry->value : entry->setting->fallback;
        const char *place = entry->place ? entry->place : "default";
        if (entry->setting->kind == SETTING_SECRET) value = value[0] ? "(set)" : "(not set)";
        if (entry->setting->kind == SETTING_URL) value = config_url_shown(&arena, value);
        fprintf(out, "%s=%s\n", entry->setting->name, value);
        int column = fprintf(out, "    %s. ", place);
        wrap_print(out, entry->setting->meaning, column, 4);
    }
    arena_release(&arena);
}
