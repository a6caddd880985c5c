/* SPDX-License-Identifier: Apache-2.0 */
/* argosy man and argosy completion: the man page and the shell completion, which are made from the
 * table of commands. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"

/* ---- man ---- */

/* Prints text as roff: escapes a leading dot or quote, which would be a request, and backslashes;
 * an empty line begins a paragraph. */
static void print_roff(const char *text)
{
    bool line_start = true;

    for (const char *c = text; *c; c++) {
        if (line_start && *c == '\n') {
            fputs(".PP", stdout);
        } else if (line_start && (*c == '.' || *c == '\'')) {
            fputs("\\&", stdout);
        }
        if (*c == '\\')
            fputs("\\e", stdout);
        else if (*c == '-')
            fputs("\\-", stdout);
        else
            putchar(*c);
        line_start = *c == '\n';
    }
    putchar('\n');
}

static void print_roff_options(const struct command_option *options)
{
    for (int i = 0; i < COMMAND_OPTIONS_MAX && options[i].name; i++) {
        printf(".TP\n.B \\-\\-%s", options[i].name);
        if (options[i].value) printf(" \\fI%s\\fR", options[i].value);
        putchar('\n');
        print_roff(options[i].meaning);
    }
}

static int print_man(const struct command_line *line)
{
    printf(".TH ARGOSY 1 \"\" \"argosy %s\" \"User Commands\"\n", ARGOSY_VERSION);
    fputs(".SH NAME\nargosy \\- a shop backend in one program\n.SH SYNOPSIS\n.B "
          "argosy\n\\fICOMMAND\\fR [options]\n",
          stdout);
    fputs(".SH COMMANDS\n", stdout);
    for (int i = 0; commands[i]; i++) {
        printf(".SS %s %s\n", commands[i]->name, commands[i]->arguments);
        print_roff(commands[i]->description);
        print_roff_options(commands[i]->options);
    }
    fputs(".SH OPTIONS OF EVERY COMMAND\n", stdout);
    print_roff_options(command_common_options);
    fputs(".SH SETTINGS\n", stdout);
    print_roff("`argosy config` prints every setting with its meaning. --set takes precedence over "
               "the environment, and the environment over .env.");
    fputs(".SH EXIT STATUS\n0 success; 1 failure; 2 the command line or a setting is invalid\n",
          stdout);
    return EXIT_OK;
}

const struct command command_man = {
    .name = "man",
    .arguments = "",
    .summary = "Print the man page.",
    .description =
        "Prints the man page, made from the same tables as this help: `argosy man | man -l -`.",
    .without_settings = true,
    .run = print_man,
};

/* ---- completion ---- */

static size_t first_word(int index)
{
    return strcspn(commands[index]->name, " ");
}

/* In the table, commands that begin with the same word are adjacent, and a command of that word
 * alone comes after the others. */
static bool begins_as_before(int index)
{
    size_t length = first_word(index);

    return index > 0 && first_word(index - 1) == length &&
           strncmp(commands[index]->name, commands[index - 1]->name, length) == 0;
}

static void print_first_words(void)
{
    for (int i = 0; commands[i]; i++)
        if (!begins_as_before(i)) printf("%.*s ", (int)first_word(i), commands[i]->name);
}

/* Prints, for each first word of two-word commands, the words that may follow it. */
static void print_second_words(void)
{
    for (int i = 0; commands[i]; i++) {
        int length = (int)first_word(i);
        if (commands[i]->name[length] == '\0') continue;
        if (!begins_as_before(i))
            printf("\n  elif [ \"$COMP_CWORD\" -eq 2 ] && [ \"${COMP_WORDS[1]}\" = %.*s ] && "
                   "[ \"${word#-}\" = \"$word\" ]; then\n"
                   "    words=\"",
                   length, commands[i]->name);
        printf("%s ", commands[i]->name + length + 1);
        bool more = commands[i + 1] && begins_as_before(i + 1) && commands[i + 1]->name[length];
        if (!more) putchar('"');
    }
}

static void print_option_names(const struct command_option *options)
{
    for (int i = 0; i < COMMAND_OPTIONS_MAX && options[i].name; i++)
        printf("--%s ", options[i].name);
}

static void print_cases(void)
{
    for (int i = 0; commands[i]; i++) {
        printf("    \"%s\"*) words=\"", commands[i]->name);
        print_option_names(commands[i]->options);
        print_option_names(command_common_options);
        fputs("\" ;;\n", stdout);
    }
}

static int print_completion(const struct command_line *line)
{
    const char *shell = line->arguments[0];

    if (strcmp(shell, "zsh") == 0) {
        fputs("autoload -U +X bashcompinit && bashcompinit\n", stdout);
    } else if (strcmp(shell, "bash") != 0) {
        command_error("there is completion for bash and zsh, not for '%s'", shell);
        return EXIT_USAGE;
    }
    fputs("_argosy() {\n  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
          "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"",
          stdout);
    print_first_words();
    putchar('"');
    print_second_words();
    fputs("\n  else\n    case \"${COMP_WORDS[*]:1:2}\" in\n", stdout);
    print_cases();
    fputs("    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n}\n"
          "complete -F _argosy argosy\n",
          stdout);
    return EXIT_OK;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .summary = "Print the shell completion for bash or zsh.",
    .description =
        "Prints a script that completes commands and options: `source <(argosy completion bash)`.",
    .arguments_min = 1,
    .arguments_max = 1,
    .without_settings = true,
    .run = print_completion,
};
