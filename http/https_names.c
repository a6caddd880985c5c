/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers addresses for a few seconds. */
#include "http/https_names.h"

#include <stdio.h>
#include <string.h>

static int place_of(const struct https_names *names, const struct https_target *target)
{
    for (int i = 0; i < HTTPS_NAMES_MAX; i++)
        if (names->items[i].port == target->port && strcmp(names->items[i].host, target->host) == 0)
            return i;
    return -1;
}

const char *https_names_find(const struct https_names *names, const struct https_target *target,
                             int64_t now_us)
{
    int place = place_of(names, target);

    return place >= 0 && now_us < names->items[place].until_us ? names->items[place].resolved
                                                               : NULL;
}

void https_names_keep(struct https_names *names, const struct https_target *target,
                      const char *resolved, int64_t now_us)
{
    int place = place_of(names, target);

    if (strlen(resolved) >= HTTPS_NAMES_TEXT_SIZE) return;
    for (int i = 0; place < 0 && i < HTTPS_NAMES_MAX; i++) {
        bool is_oldest = true;
        for (int j = 0; j < HTTPS_NAMES_MAX; j++)
            is_oldest = is_oldest && names->items[i].until_us <= names->items[j].until_us;
        if (is_oldest) place = i;
    }
    struct https_name *name = &names->items[place];
    snprintf(name->host, sizeof(name->host), "%s", target->host);
    name->port = target->port;
    snprintf(name->resolved, sizeof(name->resolved), "%s", resolved);
    name->until_us = now_us + HTTPS_NAMES_AGE_US;
}

void https_names_forget(struct https_names *names, const struct https_target *target)
{
    int place = place_of(names, target);

    if (place >= 0) names->items[place] = (struct https_name){0};
}
