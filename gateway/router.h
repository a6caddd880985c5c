/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the target of a path: templates are stored in a tree of segments. At each segment from the
 * left a literal is preferred to a variable, and a variable to `**`; if the preferred branch does
 * not have the path and method, the others are tried. A HEAD request uses the target of GET.
 *
 *     router = router_new(arena);  router_add(router, ...)...        at start
 *     router_find(router, method, path, &match)                      any thread; allocates nothing
 */
#ifndef GATEWAY_ROUTER_H
#define GATEWAY_ROUTER_H

#include "gateway/path_template.h"

struct router;

enum { ROUTER_SEGMENTS_MAX = 64, ROUTER_ALLOW_SIZE = 128 };

/* In the arena. */
struct router *router_new(struct arena *arena);

/* Both `method` and `template` are borrowed for the router's life. False if the same method and
 * path have a target already, which is then *ret_other. */
bool router_add(struct router *router, const char *method, const struct path_template *template,
                const void *target, const void **ret_other);

struct router_match {
    const void *target;
    const struct path_template *template;
    struct str captures[TEMPLATE_VARIABLES_MAX]; /* as its variables; views of the path, still
                                                    percent-encoded */
};

enum router_result { ROUTER_FOUND, ROUTER_NO_PATH, ROUTER_NO_METHOD };

enum router_result router_find(const struct router *router, struct str method, struct str path,
                               struct router_match *ret_match);

/* Adds a method to such a list if it is missing; GET also adds HEAD. */
void router_allow_add(char allow[ROUTER_ALLOW_SIZE], struct str method);

/* The methods of the path, for an Allow header: "GET, HEAD, POST"; empty if there are none.
 */
void router_allow(const struct router *router, struct str path, char ret_allow[ROUTER_ALLOW_SIZE]);

/* Percent-decodes the capture of a variable into the arena: all of it, or with `several` segments
 * all but %2F. False on a malformed escape. */
bool router_decode(struct arena *arena, struct str capture, bool several, struct str *ret_text);

#endif
