/* SPDX-License-Identifier: Apache-2.0 */
/* The router: a tree of path segments, searched depth first with the most specific child first. */
#include "gateway/router.h"

#include <stdio.h>

#include "base/encode.h"

/* The target of a complete path, for one method and verb. */
struct leaf {
    const char *method;
    const struct path_template *template;
    const void *target;
    struct leaf *next;
};

struct node {
    struct str literal; /* if it is a literal child of another node */
    struct node *sibling;
    struct node *literals; /* children */
    struct node *any;      /* the child behind `*` */
    struct leaf *leaves;   /* of paths that end here */
    struct leaf *rests;    /* of paths that continue here with `**` */
};

struct router {
    struct arena *arena;
    struct node root;
    bool has_verbs;
};

struct router *router_new(struct arena *arena)
{
    struct router *router = arena_new(arena, struct router);

    router->arena = arena;
    return router;
}

/* ---- building ---- */

static struct node *literal_child(const struct node *node, struct str literal)
{
    struct node *child = node->literals;

    while (child && !str_equal(child->literal, literal)) child = child->sibling;
    return child;
}

static struct node *add_child(struct arena *arena, struct node *node,
                              const struct template_segment *segment)
{
    if (segment->kind == SEGMENT_ANY) {
        if (!node->any) node->any = arena_new(arena, struct node);
        return node->any;
    }
    struct node *child = literal_child(node, segment->literal);
    if (child) return child;
    child = arena_new(arena, struct node);
    child->literal = segment->literal;
    child->sibling = node->literals;
    node->literals = child;
    return child;
}

bool router_add(struct router *router, const char *method, const struct path_template *template,
                const void *target, const void **ret_other)
{
    struct node *node = &router->root;
    bool rest = false;

    for (int i = 0; i < template->segment_count; i++) {
        rest = template->segments[i].kind == SEGMENT_REST;
        if (!rest) node = add_child(router->arena, node, &template->segments[i]);
    }
    struct leaf **end = rest ? &node->rests : &node->leaves;
    for (; *end; end = &(*end)->next) {
        if (strcmp((*end)->method, method) != 0 ||
            !str_equal((*end)->template->verb, template->verb))
            continue;
        *ret_other = (*end)->target;
        return false;
    }
    *end = arena_new(router->arena, struct leaf);
    **end = (struct leaf){.method = method, .template = template, .target = target};
    router->has_verbs = router->has_verbs || template->verb.length > 0;
    return true;
}

/* ---- finding ---- */

struct search {
    struct str segments[ROUTER_SEGMENTS_MAX];
    int count;
    struct str method, verb;
    const struct leaf *found;
    bool path_found; /* some method has this path */
    char *allow;     /* collects methods instead of looking for one; NULL: look */
};

/* Splits the path (which starts with /) into segments; false if there are too many. "/" has
 * none. */
static bool split_path(struct str path, struct search *search)
{
    const char *next = path.data + 1, *end = path.data + path.length;

    search->count = 0;
    if (path.length == 0 || path.data[0] != '/') return false;
    while (path.length > 1) {
        const char *slash = memchr(next, '/', (size_t)(end - next));
        if (search->count == ROUTER_SEGMENTS_MAX) return false;
        search->segments[search->count++] = str_sized(next, (size_t)((slash ? slash : end) - next));
        if (!slash) break;
        next = slash + 1;
    }
    return true;
}

static void add_name(char allow[ROUTER_ALLOW_SIZE], struct str name)
{
    struct str rest = str_of(allow), part;
    size_t length = rest.length;

    while (length > 0 && str_split(&rest, ',', &part))
        if (str_equal(str_trim(part), name)) return;
    snprintf(allow + length, ROUTER_ALLOW_SIZE - length, "%s%.*s", length ? ", " : "",
             STR_ARGS(name));
}

void router_allow_add(char allow[ROUTER_ALLOW_SIZE], struct str method)
{
    add_name(allow, method);
    if (str_is(method, "GET")) add_name(allow, STR("HEAD"));
}

/* Looks for the method among the leaves; records the others. */
static bool try_leaves(struct search *search, const struct leaf *leaf)
{
    const struct leaf *get = NULL;

    for (; leaf; leaf = leaf->next) {
        if (!str_equal(leaf->template->verb, search->verb)) continue;
        search->path_found = true;
        if (search->allow) {
            router_allow_add(search->allow, str_of(leaf->method));
            continue;
        }
        if (str_is(search->method, leaf->method)) {
            search->found = leaf;
            return true;
        }
        if (strcmp(leaf->method, "GET") == 0) get = leaf;
    }
    if (!get || !str_is(search->method, "HEAD")) return false;
    search->found = get;
    return true;
}

/* Each node of the tree is visited at most once, so the time is bounded by the templates, not by
 * the path. */
static bool walk(struct search *search, const struct node *node, int at)
{
    if (at == search->count && try_leaves(search, node->leaves)) return true;
    if (at < search->count && search->segments[at].length > 0) {
        const struct node *child = literal_child(node, search->segments[at]);
        if (child && walk(search, child, at + 1)) return true;
        if (node->any && walk(search, node->any, at + 1)) return true;
    }
    return node->rests && try_leaves(search, node->rests);
}

/* First with a ":verb" split off the last segment, then with the segment as a whole. */
static bool search_tree(const struct router *router, struct search *search)
{
    struct str *last = search->count > 0 ? &search->segments[search->count - 1] : NULL;
    size_t colon = 0;

    if (router->has_verbs && last && memchr(last->data, ':', last->length)) {
        for (colon = last->length; last->data[colon - 1] != ':';) colon--;
        struct str whole = *last;
        search->verb = str_sized(last->data + colon, last->length - colon);
        *last = str_sized(last->data, colon - 1);
        bool found = walk(search, &router->root, 0);
        if (found) return true;
        *last = whole;
        search->verb = (struct str){0};
    }
    return walk(search, &router->root, 0);
}

/* A variable whose `**` matches no segment captures the empty end of the path. */
static void capture(const struct search *search, struct str path, struct router_match *match)
{
    const struct path_template *template = search->found->template;

    match->target = search->found->target;
    match->template = template;
    for (int i = 0; i < template->variable_count; i++) {
        const struct template_variable *variable = &template->variables[i];
        bool rest = template->segments[variable->end - 1].kind == SEGMENT_REST;
        int end = rest ? search->count : variable->end;
        match->captures[i] = str_sized(path.data + path.length, 0);
        if (end <= variable->first) continue;
        struct str first = search->segments[variable->first], last = search->segments[end - 1];
        match->captures[i] = str_sized(first.data, (size_t)(last.data + last.length - first.data));
    }
}

enum router_result router_find(const struct router *router, struct str method, struct str path,
                               struct router_match *ret_match)
{
    struct search search;

    search.method = method;
    search.verb = (struct str){0};
    search.path_found = false;
    search.allow = NULL;
    if (!split_path(path, &search)) return ROUTER_NO_PATH;
    if (!search_tree(router, &search)) return search.path_found ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
    capture(&search, path, ret_match);
    return ROUTER_FOUND;
}

void router_allow(const struct router *router, struct str path, char ret_allow[ROUTER_ALLOW_SIZE])
{
    struct search search;

    ret_allow[0] = '\0';
    search.verb = (struct str){0};
    search.allow = ret_allow;
    if (split_path(path, &search)) (void)search_tree(router, &search);
}

bool router_decode(struct arena *arena, struct str capture_text, bool several, struct str *ret_text)
{
    struct str rest = capture_text, part, decoded;
    char *text, *next;

    if (!memchr(capture_text.data, '%', capture_text.length)) {
        *ret_text = capture_text;
        return true;
    }
    if (!several) return percent_decode(arena, capture_text, false, ret_text);

    /* The parts between two %2F are decoded separately; decoding never makes text longer. */
    text = next = arena_alloc(arena, capture_text.length);
    for (size_t i = 0; i <= rest.length;) {
        bool slash = i + 2 < rest.length && rest.data[i] == '%' && rest.data[i + 1] == '2' &&
                     (rest.data[i + 2] | 0x20) == 'f';
        if (!slash && i < rest.length) {
            i++;
            continue;
        }
        part = str_sized(rest.data, i);
        if (!percent_decode(arena, part, false, &decoded)) return false;
        memcpy(next, decoded.data, decoded.length);
        next += decoded.length;
        if (!slash) break;
        memcpy(next, rest.data + i, 3);
        next += 3;
        rest = str_sized(rest.data + i + 3, rest.length - i - 3);
        i = 0;
    }
    *ret_text = str_sized(text, (size_t)(next - text));
    return true;
}
