/* SPDX-License-Identifier: Apache-2.0 */
/* Reads argv by the table of commands, loads the settings, and runs the command, or prints help or
 * what is wrong. */
#include "app/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/command_nearest.h"
#include "app/shop.h"
#include "base/status.h"
#include "base/str.h"
#include "base/visible.h"
#include "base/wrap.h"

/* Where the second column of help begins. */
enum { OPTION_INDENT = 27 };

const struct command_option command_common_options[] = {
    {"set", "KEY=VALUE", "Set a setting; may be repeated. See `argosy config`."},
    {"env-file", "FILE", "Read settings from FILE instead of .env."},
    {"help", 0, "Print this help."},
    {0},
};

__attribute__((format(printf, 3, 0))) static void print_line(FILE *out, const char *before,
                                                             const char *format, va_list arguments)
{
    struct arena arena;

    arena_init(&arena, 0);
    fprintf(out, "%s%s\n", before, text_shown(&arena, arena_vprintf(&arena, format, arguments)));
    arena_release(&arena);
}

void command_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(stdout, "", format, arguments);
    va_end(arguments);
}

void command_complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(stderr, "", format, arguments);
    va_end(arguments);
}

void command_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(stderr, "argosy: ", format, arguments);
    va_end(arguments);
}

const char *command_option(const struct command_line *line, const char *name)
{
    for (int i = 0; i < COMMAND_OPTIONS_MAX && line->command->options[i].name; i++)
        if (strcmp(line->command->options[i].name, name) == 0) return line->values[i];
    invariant(!"a command asks for an option that it does not declare");
}

static void print_options(const struct command_option *options, FILE *out)
{
    for (int i = 0; i < COMMAND_OPTIONS_MAX && options[i].name; i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        int column = fprintf(out, "  %-24s ", left);
        wrap_print(out, options[i].meaning, column, OPTION_INDENT);
    }
}

static void print_usage(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: argosy %s%s%s [options]\n\n", command->name,
            command->arguments[0] ? " " : "", command->arguments);
    wrap_print(out, command->description, 0, 0);
    if (command->options[0].name) {
        fputs("\nOptions:\n", out);
        print_options(command->options, out);
    }
    fputs("\nOptions of every command:\n", out);
    print_options(command_common_options, out);
}

/* Does the command's name begin with this word and another one? */
static bool is_in_group(const struct command *command, const char *first)
{
    size_t length = strlen(first);

    return strncmp(command->name, first, length) == 0 && command->name[length] == ' ';
}

static bool is_group(const char *word)
{
    for (int i = 0; commands[i]; i++)
        if (is_in_group(commands[i], word)) return true;
    return false;
}

/* Prints all commands, or those of a group ("dlq"). */
static void print_overview(const char *group, FILE *out)
{
    fprintf(out,
            "Argosy, a shop backend in one program.\n\nUsage: argosy %s%s [options]\n\nCommands:\n",
            group ? group : "", group ? " COMMAND" : "COMMAND");
    for (int i = 0; commands[i]; i++) {
        char left[64];
        if (group && !is_in_group(commands[i], group)) continue;
        snprintf(left, sizeof(left), "%s%s%s", commands[i]->name,
                 commands[i]->arguments[0] ? " " : "", commands[i]->arguments);
        int column = fprintf(out, "  %-24s ", left);
        wrap_print(out, commands[i]->summary, column, OPTION_INDENT);
    }
    fputs("\nSee `argosy COMMAND --help` for a command, and `argosy config` for the settings.\n",
          out);
}

/* Finds the command whose words begin argv[1]; two-word names win. *ret_words says how many words
 * it took. */
static const struct command *find_command(int argc, char **argv, int *ret_words)
{
    char two[64] = "";

    if (argc > 2) snprintf(two, sizeof(two), "%s %s", argv[1], argv[2]);
    for (int i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, two) == 0) {
            *ret_words = 2;
            return commands[i];
        }
    }
    for (int i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, argv[1]) == 0) {
            *ret_words = 1;
            return commands[i];
        }
    }
    return 0;
}

struct parse {
    struct command_line *line;
    const char *env_file;
    bool help;
};

/* Stores the value of an option; false if --set refuses it. */
static bool take_option(struct parse *parse, const char *name, const char *value)
{
    const struct command *command = parse->line->command;
    const char *error;

    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++) {
        if (strcmp(command->options[i].name, name) != 0) continue;
        parse->line->values[i] = value ? value : "";
        return true;
    }
    if (strcmp(name, "help") == 0) {
        parse->help = true;
    } else if (strcmp(name, "env-file") == 0) {
        parse->env_file = value;
    } else if (strcmp(name, "set") == 0) {
        if (config_set(parse->line->config, value, &error)) return true;
        command_error("--set %s: %s", value, error);
        return false;
    } else {
        return false;
    }
    return true;
}

static const struct command_option *find_option(const struct command *command, struct str name)
{
    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        if (str_is(name, command->options[i].name)) return &command->options[i];
    for (int i = 0; command_common_options[i].name; i++)
        if (str_is(name, command_common_options[i].name)) return &command_common_options[i];
    return 0;
}

static void refuse_option(const struct command *command, struct str name)
{
    const char *near = nearest_option(command, name);

    command_error("%s has no option --%.*s; %s%s%s`argosy %s --help` lists them", command->name,
                  STR_ARGS(name), near ? "did you mean --" : "", near ? near : "", near ? "? " : "",
                  command->name);
}

/* Reads one word of the command line that begins with "--"; advances *index if the next word is its
 * value. */
static bool parse_option(struct parse *parse, int argc, char **argv, int *index)
{
    struct str rest = str_of(argv[*index] + 2), name;
    const char *value = strchr(argv[*index], '=');

    str_split(&rest, '=', &name);
    const struct command_option *option = find_option(parse->line->command, name);
    if (!option) {
        refuse_option(parse->line->command, name);
        return false;
    }
    if (option->value && value) {
        value++;
    } else if (option->value) {
        if (*index + 1 >= argc) {
            command_error("--%s needs a value: %s", option->name, option->value);
            return false;
        }
        value = argv[++*index];
    } else if (value) {
        command_error("--%s takes no value", option->name);
        return false;
    }
    return take_option(parse, option->name, value);
}

static bool parse_words(struct parse *parse, int argc, char **argv)
{
    struct command_line *line = parse->line;
    bool options = true;

    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            if (!parse_option(parse, argc, argv, &i)) return false;
        } else if (options && strcmp(argv[i], "-h") == 0) {
            parse->help = true;
        } else if (line->argument_count >= line->command->arguments_max ||
                   line->argument_count >= COMMAND_ARGUMENTS_MAX) {
            command_error("%s does not take '%s'; see `argosy %s --help`", line->command->name,
                          argv[i], line->command->name);
            return false;
        } else {
            line->arguments[line->argument_count++] = argv[i];
        }
    }
    if (!parse->help && line->argument_count < line->command->arguments_min) {
        command_error("%s needs %s; see `argosy %s --help`", line->command->name,
                      line->command->arguments, line->command->name);
        return false;
    }
    return true;
}

static bool load_file(const struct command_line *line, struct config *config,
                      const char **ret_error)
{
    bool given = line->env_file != 0;

    return config_load_file(config, given ? line->env_file : ".env", given, ret_error);
}

bool command_read_settings(const struct command_line *line, struct config **ret_config,
                           const char **ret_error)
{
    struct config *config = config_new_like(line->config);

    if (load_file(line, config, ret_error) && config_check(config, ret_error)) {
        *ret_config = config;
        return true;
    }
    *ret_error = arena_strdup(line->arena, *ret_error);
    config_free(config);
    return false;
}

static bool load_settings(struct parse *parse)
{
    struct config *config = parse->line->config;
    const char *error;

    parse->line->env_file = parse->env_file;
    if (!load_file(parse->line, config, &error)) {
        command_error("%s", error);
        return false;
    }
    if (!config_check(config, &error)) {
        command_error("these settings are invalid:");
        fprintf(stderr, "%s\n", error);
        return false;
    }
    return true;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct arena arena;
    struct command_line line = {.command = command, .arena = &arena};
    struct parse parse = {.line = &line};
    int code = EXIT_USAGE;

    arena_init(&arena, 0);
    line.config = config_new();
    shop_declare_settings(line.config);
    if (!parse_words(&parse, argc, argv)) goto out;
    if (parse.help) {
        print_usage(command, stdout);
        code = EXIT_OK;
        goto out;
    }
    if (!load_settings(&parse) && !command->without_settings) goto out;
    code = command->run(&line);
out:
    config_free(line.config);
    arena_release(&arena);
    return code;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Says what may have been meant by words that name no command. */
static int explain(int argc, char **argv)
{
    const char *second = argc > 2 && argv[2][0] != '-' ? argv[2] : NULL;
    const char *near = nearest_command(argv[1], second);
    bool group = is_group(argv[1]);

    if (group && argc == 2) {
        print_overview(argv[1], stderr);
    } else if (group && is_help(argv[2])) {
        print_overview(argv[1], stdout);
        return EXIT_OK;
    } else if (near) {
        command_error("there is no command '%s%s%s'; did you mean `argosy %s`?", argv[1],
                      group ? " " : "", group ? argv[2] : "", near);
    } else if (group) {
        command_error("there is no command '%s %s'; `argosy %s --help` lists them", argv[1],
                      argv[2], argv[1]);
    } else {
        command_error("there is no command '%s'; `argosy --help` lists them", argv[1]);
    }
    return EXIT_USAGE;
}

/* argosy help COMMAND: the same as argosy COMMAND --help. */
static int explain_command(int argc, char **argv)
{
    int words = 0;

    const struct command *command = find_command(argc, argv, &words);
    if (command) {
        print_usage(command, stdout);
        return EXIT_OK;
    }
    if (argc == 2 && is_group(argv[1])) {
        print_overview(argv[1], stdout);
        return EXIT_OK;
    }
    return explain(argc, argv);
}

int command_main(int argc, char **argv)
{
    int words = 0;

    if (argc < 2) {
        print_overview(NULL, stdout);
        return EXIT_OK;
    }
    if (is_help(argv[1]) || (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_overview(NULL, stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "help") == 0) return explain_command(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0) argv[1] = (char[]){"version"};

    const struct command *command = find_command(argc, argv, &words);
    if (!command) return explain(argc, argv);
    return run_command(command, argc - 1 - words, argv + 1 + words);
}
