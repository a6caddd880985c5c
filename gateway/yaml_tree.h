/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML document as a tree whose values know their lines. Supports only the part of YAML that
 * Kong's declarative format needs: one document of maps, lists and text; anchors, aliases and tags
 * are refused. Bounded in size, depth and count. */
#ifndef GATEWAY_YAML_TREE_H
#define GATEWAY_YAML_TREE_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum yaml_kind { YAML_IS_TEXT, YAML_IS_LIST, YAML_IS_MAP };

struct yaml_value {
    enum yaml_kind kind;
    int line;                 /* from 1 */
    bool null;                /* empty, ~ or null without quotes */
    struct str key;           /* as a member of a map */
    struct str text;          /* of TEXT */
    struct yaml_value *first; /* of LIST and MAP */
    struct yaml_value *next;  /* after it in the same list or map */
};

enum { YAML_SIZE_MAX = 1024 * 1024, YAML_DEPTH_MAX = 16, YAML_VALUES_MAX = 100 * 1000 };

/* INVALID_ARGUMENT "FILE:LINE: message"; the tree is in the arena. */
struct status yaml_tree_read(struct arena *arena, const char *file, struct str text,
                             const struct yaml_value **ret_root);

/* "FILE:LINE: ..." as INVALID_ARGUMENT, reason SETTING_INVALID. */
struct status yaml_error(struct arena *arena, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
