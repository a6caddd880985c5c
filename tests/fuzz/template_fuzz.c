/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes path templates: the first line is a template, the rest a path. A variable's capture must
 * be a part of the path, and must decode or be refused. */
#include "base/status.h"
#include "gateway/router.h"
#include "tests/fuzz/fuzz.h"

static void find(struct arena *arena, const struct path_template *template, struct str path)
{
    struct router *router = router_new(arena);
    struct router_match match;
    const void *other;
    struct str text;

    if (!router_add(router, "GET", template, template, &other)) return;
    if (router_find(router, STR("GET"), path, &match) != ROUTER_FOUND) return;
    for (int i = 0; i < template->variable_count; i++) {
        struct str capture = match.captures[i];
        invariant(capture.data >= path.data &&
                  capture.data + capture.length <= path.data + path.length);
        (void)router_decode(arena, capture, template->variables[i].several, &text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str path = str_sized(data, size), line;
    struct path_template template;
    struct arena arena;
    const char *error;

    if (!str_split(&path, '\n', &line) || !path_template_parse(line, &template, &error)) return 0;
    invariant(template.segment_count <= TEMPLATE_SEGMENTS_MAX);
    arena_init(&arena, 0);
    if (path.length > 0 && path.data[0] == '/') find(&arena, &template, path);
    arena_release(&arena);
    return 0;
}
