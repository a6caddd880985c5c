/* SPDX-License-Identifier: Apache-2.0 */
/* One google.api.http rule of a method: how path, query and body together make its request message.
 *
 * `body: "*"` takes the whole message from the body, and then there are no query parameters; `body:
 * "field"` takes that field from it; otherwise there is no body. Query parameters name fields
 * (`a.b=1`, lists by repetition); one that names none is refused, as is a field that is given
 * twice. What the path says counts; a body that says otherwise is refused.
 *
 * Where the body is a google.api.HttpBody it is no JSON: its bytes and their media type go into the
 * message, or come out of it, as they are. */
#ifndef GATEWAY_BINDING_H
#define GATEWAY_BINDING_H

#include "gateway/path_template.h"
#include "gateway/transcode.h"

/* BINDING_DEPTH_MAX: messages inside messages in a parameter's name. */
enum { BINDING_DEPTH_MAX = 8, BINDING_PARAMETERS_MAX = 256 };

/* The way to a field: one for each name of `a.b.c`. */
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
    bool body_raw; /* what the body is read into is a google.api.HttpBody */
    const struct transcode_field *response_body; /* NULL: the whole response */
    bool response_raw; /* what the answer's body is made of is a google.api.HttpBody */
};

/* INVALID_ARGUMENT names the method and what is wrong with its rule. */
struct status binding_new(struct arena *arena, struct transcode_types *types,
                          const struct schema_method *method, const struct schema_http *http,
                          struct binding **ret_binding);

/* What a request gives besides its body: what the template's variables captured, and its query,
 * both still encoded; and the body's media type. */
struct parameters {
    const struct str *captures;
    struct str query;
    struct str content_type;
};

/* Adds the request message to `out`. Errors as transcode_to_wire, each naming its field or
 * parameter. */
struct status binding_request(struct arena *arena, const struct binding *binding,
                              const struct parameters *parameters, struct str body,
                              struct output *out);

/* Of a binding with `response_raw`: the body in a response message, and its media type, "" if the
 * message names none. INTERNAL when the bytes are no such message. */
struct status binding_response_raw(struct arena *arena, const struct binding *binding,
                                   struct str message, struct str *ret_content_type,
                                   struct str *ret_data);

#endif
