/* SPDX-License-Identifier: Apache-2.0 */
/* One google.api.http rule of a method: how path, query and body together make its request message.
 *
 * `body: "*"` takes the whole message from the body, and then there are no query parameters; `body:
 * "field"` takes that field from it; otherwise there is no body. Query parameters name fields
 * (`a.b=1`, lists by repetition); an unknown name is refused, as is a field that is given twice.
 * Values in the path take precedence; a body with a different value is refused.
 *
 * A body that is a google.api.HttpBody is not JSON: its bytes and their media type are copied into
 * the message, or out of it, unchanged. */
#ifndef GATEWAY_BINDING_H
#define GATEWAY_BINDING_H

#include "gateway/path_template.h"
#include "gateway/transcode.h"

/* BINDING_DEPTH_MAX: messages inside messages in a parameter's name. */
enum { BINDING_DEPTH_MAX = 8, BINDING_PARAMETERS_MAX = 256 };

/* The path of a field: one entry for each name of `a.b.c`. */
struct field_path {
    const struct transcode_field *fields[BINDING_DEPTH_MAX];
    int count;
};

struct binding {
    const struct schema_method *method;
    const struct schema_http *http;
    const struct transcode_type *request, *response;
    struct path_template template;
    struct field_path variables[TEMPLATE_VARIABLES_MAX]; /* as the template's */
    const struct transcode_field *body;                  /* of `body: "field"` */
    bool body_whole;
    bool body_raw;                               /* the request's body is a google.api.HttpBody */
    const struct transcode_field *response_body; /* NULL: the whole response */
    bool response_raw;                           /* the response's body is a google.api.HttpBody */
};

/* INVALID_ARGUMENT names the method and the mistake in its rule. */
struct status binding_new(struct arena *arena, struct transcode_types *types,
                          const struct schema_method *method, const struct schema_http *http,
                          struct binding **ret_binding);

/* The parts of a request other than its body: the captures of the template's variables and the
 * query, both still encoded, and the body's media type. */
struct parameters {
    const struct str *captures;
    struct str query;
    struct str content_type;
};

/* Adds the request message to `out`. Errors are those of transcode_to_wire, each naming its field
 * or parameter. */
struct status binding_request(struct arena *arena, const struct binding *binding,
                              const struct parameters *parameters, struct str body,
                              struct output *out);

/* For a binding with `response_raw`: the body from a response message, and its media type, "" if
 * the message has none. INTERNAL when the bytes are not such a message. */
struct status binding_response_raw(struct arena *arena, const struct binding *binding,
                                   struct str message, struct str *ret_content_type,
                                   struct str *ret_data);

#endif
