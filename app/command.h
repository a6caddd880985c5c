/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: each command is one table entry, from which its --help, the shell completion
 * and the man page are made. */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/config.h"

enum { COMMAND_OPTIONS_MAX = 12, COMMAND_ARGUMENTS_MAX = 16 };

/* Exit codes. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command_option {
    const char *name;  /* "only"; NULL ends the list */
    const char *value; /* "SERVICES": the option takes a value of this kind; NULL: it takes none */
    const char *meaning;
};

/* A command as it was typed. */
struct command_line {
    const struct command *command;
    struct config *config; /* settings: declared, read and checked */
    const char *env_file;  /* the value of --env-file; NULL: not given */
    struct arena *arena;
    const char *values[COMMAND_OPTIONS_MAX]; /* by option: its value, "" for one without a value,
                                                NULL: not given */
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    int argument_count;
};

struct command {
    const char *name;        /* "serve", or "user create" */
    const char *arguments;   /* "FILE..."; "" for none */
    const char *summary;     /* one line */
    const char *description; /* paragraphs with "\n\n" between them, for --help and the man page */
    int arguments_min, arguments_max;
    bool without_settings; /* runs even when the settings are wrong */
    struct command_option options[COMMAND_OPTIONS_MAX];
    int (*run)(const struct command_line *line);
};

/* All commands, ended by NULL. */
extern const struct command *const commands[];

/* The value of an option ("" for a given flag), or NULL when it was not given. The option must
 * exist. */
const char *command_option(const struct command_line *line, const char *name);

/* The options of every command, ended by a NULL name. */
extern const struct command_option command_common_options[];

/* Reads the settings file again and checks all settings, with the same --set options. On failure
 * false with a message in the line's arena. Owned. */
bool command_read_settings(const struct command_line *line, struct config **ret_config,
                           const char **ret_error);

/* Reads argv, loads the settings and runs the command; the answer is the exit code. */
int command_main(int argc, char **argv);

/* Prints one line to standard output and adds the line feed. The text is escaped as by text_shown,
 * so that values from outside (a name, an address, a message) can't end the line, move the cursor
 * or hide text. Every command prints such values with this. */
void command_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same to standard error. */
void command_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "argosy: ..." to standard error, in the same way. */
void command_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
