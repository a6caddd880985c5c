/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: KEY=VALUE from `--set`, the environment, and a `.env` file, in this order of
 * precedence.
 *
 * A module declares the settings that it needs in a table, with kind, default and meaning; `argosy
 * config` prints all tables. Loading checks every value against its declaration and reports all bad
 * ones at once.
 *
 *     config = config_new();
 *     config_declare(config, cart_settings);            once per table, before loading
 *     config_set(config, "CART_TTL=3d");                --set
 *     config_load_file(config, ".env", false, &error);
 *     if (!config_check(config, &errors)) ...
 *     ttl = config_duration_ms(config, "CART_TTL");
 *
 * An empty value means "none": allowed for text, secrets, addresses and URLs; for other kinds only
 * if their default is empty too. Reading an undeclared name, or one whose value config_check has
 * not accepted, ends the process, because it is a mistake in the program. So does a table whose
 * default is not a value of its kind. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

/* A URL or a secret may also stand in the first line of a file, which NAME_FILE names. */
enum setting_kind {
    SETTING_TEXT,
    SETTING_INTEGER,  /* min..max */
    SETTING_BOOLEAN,  /* 0 1 true false yes no on off */
    SETTING_DURATION, /* 250ms 10s 5m 24h 7d; min..max in ms */
    SETTING_SIZE,     /* 512 64KiB 4MiB 1GiB; min..max in bytes */
    SETTING_ADDRESS,  /* host:port, [v6]:port */
    SETTING_URL,      /* scheme:rest; its password is never printed */
    SETTING_SECRET,   /* text that is never printed */
};

struct setting {
    const char *name; /* capitals, digits and _; NULL ends a table */
    enum setting_kind kind;
    const char *fallback; /* the default, in the syntax of a value; "" for none */
    const char *meaning;  /* one sentence for `argosy config` */
    int64_t min, max;     /* of numbers, durations, sizes; both 0: no bounds */
};

struct config;

struct config *config_new(void);
void config_free(struct config *config);

/* Adds a table, which is borrowed for the config's life. A name may be declared twice if both
 * declarations are the same. */
void config_declare(struct config *config, const struct setting *table);

/* One "KEY=VALUE" of the command line. False with a message (owned by config) if it is
 * malformed. */
bool config_set(struct config *config, const char *assignment, const char **ret_error);

/* Reads KEY=VALUE lines: # starts a comment line, values may stand in quotes. A missing file is an
 * error only when `required`. False with a message that names file and line. */
bool config_load_file(struct config *config, const char *path, bool required,
                      const char **ret_error);

/* Checks every declared setting, and that everything given by --set or file is declared. False with
 * all problems, one per line (owned by config). */
bool config_check(struct config *config, const char **ret_errors);

/* The URL with *** in the place of its password, for logs, messages and people; in the arena. */
const char *config_url_shown(struct arena *arena, const char *url);

/* The values as config_check found them, borrowed from the config. Text that is not set is "". */
const char *config_text(const struct config *config, const char *name);
int64_t config_integer(const struct config *config, const char *name);
bool config_boolean(const struct config *config, const char *name);
int64_t config_duration_ms(const struct config *config, const char *name);
int64_t config_size(const struct config *config, const char *name);

/* Was it given, rather than left to its default? */
bool config_given(const struct config *config, const char *name);

/* A config with the same tables and the same --set assignments, for reading the files again. Owned.
 */
struct config *config_new_like(const struct config *config);

/* The first setting by name whose value differs in `other`, except those named in `except` (ended
 * by NULL); NULL if all are the same. config_check must have accepted both. */
const char *config_difference(const struct config *config, const struct config *other,
                              const char *const *except);

/* The next variable of the environment, from *index on, that is no setting but resembles one; in
 * the arena. NULL: there are no more. Other programs have variables, too, so this is no error. */
const char *config_misspelt(const struct config *config, struct arena *arena, size_t *index,
                            const char **ret_setting);

/* Prints NAME=VALUE, where it came from and its meaning, sorted by name; secrets as "(set)" or
 * "(not set)". */
void config_print(const struct config *config, FILE *out);

#endif
