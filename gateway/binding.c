/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a request message from path, query and body by one google.api.http rule, and takes the
 * body out of the response. */
#include "gateway/binding.h"

#include "base/encode.h"
#include "gateway/router.h"
#include "gateway/transcode_parts.h"
#include "reasons.pb-c.h"

/* Fields of google.api.HttpBody. */
enum { HTTP_BODY_CONTENT_TYPE = 1, HTTP_BODY_DATA = 2 };

/* ---- making ---- */

static struct status wrong(struct arena *arena, const struct schema_method *method,
                           const struct schema_http *http, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "the HTTP rule %s %s of %s cannot be used: %s", http->method,
                         http->pattern, method->path, what);
}

/* Resolves the names of a parameter through nested messages. *ret_error says why it is not
 * possible. */
static bool find_path(const struct transcode_type *type, struct str name,
                      struct field_path *ret_path, const char **ret_error)
{
    struct field_path path = {.count = 0};
    struct str part;

    while (str_split(&name, '.', &part)) {
        const struct transcode_field *field = type ? transcode_field(type, part) : NULL;
        *ret_error = "is not a field of the request";
        if (!field) return false;
        *ret_error = "goes too deep";
        if (path.count == BINDING_DEPTH_MAX) return false;
        path.fields[path.count++] = field;
        type = field->schema->repeated ? NULL : field->type;
    }
    *ret_path = path;
    return path.count > 0;
}

static struct status bind_variables(struct arena *arena, struct binding *binding)
{
    const char *error = NULL;

    for (int i = 0; i < binding->template.variable_count; i++) {
        struct str name = binding->template.variables[i].name;
        struct field_path *path = &binding->variables[i];
        bool fine = find_path(binding->request, name, path, &error);
        if (fine && path->fields[path->count - 1]->schema->repeated) {
            error = "is repeated, but a path has only one value for it";
            fine = false;
        }
        if (!fine)
            return wrong(arena, binding->method, binding->http,
                         arena_printf(arena, "its variable {%.*s} %s", STR_ARGS(name), error));
    }
    return status_ok();
}

static bool is_http_body(const struct transcode_type *type)
{
    return type && strcmp(type->schema->name, "google.api.HttpBody") == 0;
}

/* Is a body of this type, or of this field's type if there is one, raw bytes? */
static bool is_raw(const struct transcode_type *whole, const struct transcode_field *field)
{
    return field ? !field->schema->repeated && is_http_body(field->type) : is_http_body(whole);
}

static struct status bind_bodies(struct arena *arena, struct binding *binding)
{
    const struct schema_http *http = binding->http;

    binding->body_whole = strcmp(http->body, "*") == 0;
    if (http->body[0] && !binding->body_whole) {
        binding->body = transcode_field(binding->request, str_of(http->body));
        if (!binding->body)
            return wrong(arena, binding->method, http, "its body names no field of the request");
    }
    if (http->response_body[0]) {
        binding->response_body = transcode_field(binding->response, str_of(http->response_body));
        if (!binding->response_body)
            return wrong(arena, binding->method, http,
                         "its response_body names no field of the response");
    }
    binding->body_raw = http->body[0] && is_raw(binding->request, binding->body);
    binding->response_raw = is_raw(binding->response, binding->response_body);
    return status_ok();
}

struct status binding_new(struct arena *arena, struct transcode_types *types,
                          const struct schema_method *method, const struct schema_http *http,
                          struct binding **ret_binding)
{
    struct binding *binding = arena_new(arena, struct binding);
    const char *error;

    binding->method = method;
    binding->http = http;
    binding->request = transcode_type(types, method->request);
    binding->response = transcode_type(types, method->response);
    if (!path_template_parse(str_of(http->pattern), &binding->template, &error))
        return wrong(arena, method, http, error);
    struct status st = bind_variables(arena, binding);
    if (!failed(st)) st = bind_bodies(arena, binding);
    if (failed(st)) return st;
    *ret_binding = binding;
    return status_ok();
}

/* ---- a request ---- */

/* Fields that were given so far, to refuse a second value of a singular one. */
struct given {
    struct field_path *paths;
    int count, capacity;
};

struct request {
    struct arena *arena;
    const struct binding *binding;
    struct output *out;
    struct given given;
};

static struct status refuse(const struct request *request, int reason, struct str name,
                            const char *what)
{
    return status_field(request->arena, reason,
                        arena_strndup(request->arena, name.data, name.length), "%s", what);
}

/* Why the two cannot both be given; NULL if they can. */
static const char *clash(const struct field_path *a, const struct field_path *b)
{
    int i = 0;

    while (i < a->count && i < b->count && a->fields[i] == b->fields[i]) i++;
    if (i == a->count || i == b->count) {
        bool list = a->count == b->count && a->fields[i - 1]->schema->repeated;
        return list ? NULL : "is given twice";
    }
    int oneof = a->fields[i]->schema->oneof;
    return oneof >= 0 && oneof == b->fields[i]->schema->oneof
               ? "excludes another parameter that is given"
               : NULL;
}

static struct status note_given(struct request *request, struct str name,
                                const struct field_path *path)
{
    struct given *given = &request->given;

    for (int i = 0; i < given->count; i++) {
        const char *error = clash(&given->paths[i], path);
        if (error) return refuse(request, ARGOSY__REASON__INVALID_FIELDS, name, error);
    }
    if (given->count == BINDING_PARAMETERS_MAX)
        return refuse(request, ARGOSY__REASON__INVALID_FIELDS, name,
                      "is one parameter too many; leave some out");
    if (given->count == given->capacity) {
        int capacity = given->capacity ? given->capacity * 4 : 8;
        struct field_path *paths = arena_alloc(request->arena, (size_t)capacity * sizeof(*paths));
        if (given->count > 0) memcpy(paths, given->paths, (size_t)given->count * sizeof(*paths));
        given->paths = paths;
        given->capacity = capacity;
    }
    given->paths[given->count++] = *path;
    return status_ok();
}

/* Adds one value, inside the messages that lead to its field. */
static struct status put_value(struct request *request, const struct field_path *path,
                               struct str name, struct str text)
{
    size_t marks[BINDING_DEPTH_MAX];
    int depth = path->count - 1;

    for (int i = 0; i < depth; i++) {
        varint_put(request->out, path->fields[i]->tag);
        marks[i] = length_open(request->out);
    }
    struct status st = transcode_text_to_wire(request->arena, path->fields[depth], name, text,
                                              request->out);
    for (int i = depth; !failed(st) && i-- > 0;) length_close(request->out, marks[i]);
    return st;
}

/* ---- query parameters ---- */

static struct status put_parameter(struct request *request, struct str name, struct str text)
{
    const struct binding *binding = request->binding;
    struct field_path path;
    const char *error;
    struct status st;

    if (!find_path(binding->request, name, &path, &error))
        return refuse(request, ARGOSY__REASON__UNKNOWN_FIELD, name, error);
    if (path.fields[0] == binding->body)
        return refuse(request, ARGOSY__REASON__INVALID_FIELDS, name, "is given by the body");
    st = note_given(request, name, &path);
    if (failed(st)) return st;
    return put_value(request, &path, name, text);
}

static struct status put_query(struct request *request, struct str query)
{
    struct str pair, name, text;
    struct status st;

    while (str_split(&query, '&', &pair)) {
        if (pair.length == 0) continue;
        size_t equals = str_find(pair, '=');
        struct str value = equals < pair.length
                               ? str_sized(pair.data + equals + 1, pair.length - equals - 1)
                               : STR("");
        bool fine = percent_decode(request->arena, str_sized(pair.data, equals), true, &name);
        if (!fine || !str_is_utf8(name) || memchr(name.data, 0, name.length))
            return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                               "the query has a name that is not valid UTF-8");
        if (!percent_decode(request->arena, value, true, &text))
            return refuse(request, ARGOSY__REASON__INVALID_FIELDS, name,
                          "has a malformed %-escape");
        if (request->binding->body_whole)
            return refuse(
                request, ARGOSY__REASON__UNKNOWN_FIELD, name,
                "is not accepted in the query: this method takes all fields from the body");
        st = put_parameter(request, name, text);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* ---- variables of the path ---- */

/* The last value of the field in the message, with its tag; data NULL if it is missing. */
static struct str last_value(struct str wire, const struct field_path *path)
{
    struct wire_field value;
    struct str found = {0};

    for (int i = 0; i < path->count; i++) {
        bool leaf = i + 1 == path->count;
        const char *start;
        found = (struct str){0};
        while (start = wire.data, wire_next(&wire, &value) == WIRE_FIELD) {
            if (value.number != path->fields[i]->schema->number) continue;
            found = leaf ? str_sized(start, (size_t)(wire.data - start)) : value.bytes;
        }
        if (!found.data) break;
        wire = found;
    }
    return found;
}

static struct status put_variable(struct request *request, int index, struct str captured)
{
    const struct template_variable *variable = &request->binding->template.variables[index];
    const struct field_path *path = &request->binding->variables[index];
    struct str text, before;
    struct status st;

    if (!router_decode(request->arena, captured, variable->several, &text))
        return refuse(request, ARGOSY__REASON__INVALID_FIELDS, variable->name,
                      "has a malformed %-escape in the path");
    /* Only the body can have set it already: for a query parameter that was refused. */
    before = last_value(output_view(request->out), path);
    size_t start = request->out->length;
    st = put_value(request, path, variable->name, text);
    if (failed(st) || !before.data) return st;
    struct str added = str_sized(request->out->data + start, request->out->length - start);
    if (str_equal(last_value(added, path), before)) return st;
    return refuse(request, ARGOSY__REASON__INVALID_FIELDS, variable->name,
                  "has different values in the path and in the body");
}

static void put_bytes(struct output *out, uint32_t number, struct str bytes)
{
    if (bytes.length == 0) return;
    varint_put(out, number << 3 | WIRE_BYTES);
    varint_put(out, bytes.length);
    output_str(out, bytes);
}

static struct status put_body_raw(struct request *request, struct str content_type, struct str body)
{
    const struct transcode_field *field = request->binding->body;
    size_t mark = 0;

    if (!str_is_utf8(content_type))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MEDIA_TYPE_UNSUPPORTED,
                           "the body's media type is not valid UTF-8");
    if (field) {
        varint_put(request->out, field->tag);
        mark = length_open(request->out);
    }
    put_bytes(request->out, HTTP_BODY_CONTENT_TYPE, content_type);
    put_bytes(request->out, HTTP_BODY_DATA, body);
    if (field) length_close(request->out, mark);
    return status_ok();
}

static struct status put_body(struct request *request, struct str content_type, struct str body)
{
    const struct binding *binding = request->binding;

    if (binding->body_raw) return put_body_raw(request, content_type, body);
    if (str_trim(body).length == 0) return status_ok();
    if (binding->body_whole)
        return transcode_to_wire(request->arena, binding->request, body, request->out);
    if (binding->body)
        return transcode_field_to_wire(request->arena, binding->body, body, request->out);
    if (str_is(str_trim(body), "{}")) return status_ok();
    return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_JSON,
                       "this route does not take a body");
}

struct status binding_request(struct arena *arena, const struct binding *binding,
                              const struct parameters *parameters, struct str body,
                              struct output *out)
{
    struct request request = {.arena = arena, .binding = binding, .out = out};
    int variables = binding->template.variable_count;
    struct status st = put_body(&request, parameters->content_type, body);

    for (int i = 0; i < variables && !failed(st) && parameters->query.length > 0; i++)
        st = note_given(&request, binding->template.variables[i].name, &binding->variables[i]);
    if (!failed(st)) st = put_query(&request, parameters->query);
    for (int i = 0; i < variables && !failed(st); i++)
        st = put_variable(&request, i, parameters->captures[i]);
    return st;
}

/* ---- a response ---- */

static bool is_well_formed(struct str message)
{
    enum wire_result result;
    struct wire_field value;

    while ((result = wire_next(&message, &value)) == WIRE_FIELD) continue;
    return result == WIRE_END;
}

struct status binding_response_raw(struct arena *arena, const struct binding *binding,
                                   struct str message, struct str *ret_content_type,
                                   struct str *ret_data)
{
    struct str content_type = STR(""), data = STR("");
    enum wire_result result;
    struct wire_field value;

    if (binding->response_body && is_well_formed(message))
        message = wire_merge(arena, message, binding->response_body->schema->number);
    while ((result = wire_next(&message, &value)) == WIRE_FIELD) {
        if (value.type != WIRE_BYTES) continue;
        if (value.number == HTTP_BODY_CONTENT_TYPE) content_type = value.bytes;
        if (value.number == HTTP_BODY_DATA) data = value.bytes;
    }
    if (result == WIRE_BROKEN)
        return status_printf(arena, STATUS_INTERNAL, 0,
                             "%s did not answer with a google.api.HttpBody", binding->method->path);
    *ret_content_type = content_type;
    *ret_data = data;
    return status_ok();
}
