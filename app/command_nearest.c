/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what was typed with all names by edit distance. */
#include "app/command_nearest.h"

#include <stdio.h>
#include <string.h>

#include "base/word_distance.h"

struct nearest {
    struct str typed;
    const char *name; /* NULL: none yet */
    int distance;
};

/* Near enough is one edit, and one more for every four letters. Of equally near names the shortest
 * counts: `backup`, not `backup verify`. */
static void consider(struct nearest *nearest, struct str candidate, const char *name)
{
    int distance = word_distance(nearest->typed, candidate);

    if (distance > 1 + (int)nearest->typed.length / 4) return;
    if (nearest->name && distance > nearest->distance) return;
    if (nearest->name && distance == nearest->distance && strlen(name) >= strlen(nearest->name))
        return;
    nearest->name = name;
    nearest->distance = distance;
}

const char *nearest_command(const char *first, const char *second)
{
    char both[2 * WORD_DISTANCE_MAX + 2];
    struct nearest nearest = {0};

    snprintf(both, sizeof(both), "%s %s", first, second ? second : "");
    nearest.typed = str_of(both);
    for (int i = 0; second && commands[i]; i++)
        consider(&nearest, str_of(commands[i]->name), commands[i]->name);
    if (nearest.name) return nearest.name;

    /* Otherwise compare the first word alone, which may belong to several commands. */
    nearest.typed = str_of(first);
    for (int i = 0; commands[i]; i++) {
        struct str word = str_of(commands[i]->name);
        word.length = str_find(word, ' ');
        if (!str_is(word, first)) consider(&nearest, word, commands[i]->name);
    }
    return nearest.name;
}

const char *nearest_option(const struct command *command, struct str typed)
{
    struct nearest nearest = {.typed = typed};

    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        consider(&nearest, str_of(command->options[i].name), command->options[i].name);
    for (int i = 0; command_common_options[i].name; i++)
        consider(&nearest, str_of(command_common_options[i].name), command_common_options[i].name);
    return nearest.name;
}
