/* SPDX-License-Identifier: Apache-2.0 */
/* The second step of making a schema: the fields of each message, with their types and rules, and
 * the indexes by which fields are found. */
#include <ctype.h>
#include <stdlib.h>

#include "rpc/schema_pool.h"
#include "rpc/wire.h"

/* Field numbers up to this are looked up by index in an array. */
enum { DIRECT_MAX = 255 };

/* The number of buf.validate's extensions of the options of messages, oneofs and fields. */
enum { OPTION_VALIDATE = 1159 };

struct str schema_option(const struct schema_builder *builder, const ProtobufCMessage *options,
                         uint32_t number)
{
    struct str merged = {0};
    uint64_t length;

    if (!options) return merged;
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &options->unknown_fields[i];
        struct str part = str_sized(unknown->data, unknown->len);
        char *joined;
        if (unknown->tag != number || unknown->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            continue;
        if (!wire_take_value(&part, WIRE_VARINT, &length))
            continue; /* protobuf-c keeps the length in front of the bytes */
        joined = arena_alloc(builder->scratch, merged.length + part.length);
        if (merged.length) memcpy(joined, merged.data, merged.length);
        if (part.length) memcpy(joined + merged.length, part.data, part.length);
        merged = str_sized(joined, merged.length + part.length);
    }
    return merged;
}

/* ---- fields ---- */

/* snake_case to lowerCamelCase, as protoc does it. */
static const char *json_name(struct arena *arena, const char *name)
{
    char *camel = arena_alloc(arena, strlen(name) + 1), *next = camel;
    bool capital = false;

    for (; *name; name++) {
        if (*name == '_') {
            capital = true;
            continue;
        }
        *next++ = capital ? (char)toupper((unsigned char)*name) : *name;
        capital = false;
    }
    *next = '\0';
    return camel;
}

/* Names of one word are the same in JSON, and are kept once. */
static const char *json_name_of(const struct schema_builder *builder, const ProtoField *proto,
                                const char *name)
{
    const char *json = proto->json_name ? proto->json_name : json_name(builder->scratch, name);

    return strcmp(json, name) == 0 ? name : arena_strdup(builder->arena, json);
}

static bool packable(enum schema_type type)
{
    return type != SCHEMA_STRING && type != SCHEMA_BYTES && type != SCHEMA_MESSAGE &&
           type != SCHEMA_GROUP;
}

static struct status link_type(struct schema_builder *builder, const ProtoField *proto,
                               struct schema_field *field, const char *subject)
{
    int type = proto->has_type ? (int)proto->type : 0;

    if (type < SCHEMA_DOUBLE || type > SCHEMA_SINT64)
        return schema_wrong(builder, "%s has an unknown type", subject);
    field->type = (enum schema_type)type;
    if (field->type == SCHEMA_GROUP)
        return schema_wrong(builder, "%s is a group; use a message", subject);
    if (field->type == SCHEMA_MESSAGE) {
        field->message = schema_object(builder->schema, SYMBOL_MESSAGE, proto->type_name);
        if (!field->message)
            return schema_wrong(builder, "%s is of the message type %s, which is not in the set",
                                subject, proto->type_name ? proto->type_name : "without a name");
    }
    if (field->type == SCHEMA_ENUM) {
        field->enumeration = schema_object(builder->schema, SYMBOL_ENUM, proto->type_name);
        if (!field->enumeration)
            return schema_wrong(builder, "%s is of the enum type %s, which is not in the set",
                                subject, proto->type_name ? proto->type_name : "without a name");
    }
    return status_ok();
}

static struct status link_field(struct schema_builder *builder, const struct message_draft *draft,
                                const ProtoField *proto, struct schema_field *field)
{
    const char *subject = arena_printf(builder->scratch, "field %s.%s", draft->message->name,
                                       proto->name);
    bool synthetic = proto->has_proto3_optional && proto->proto3_optional;
    struct status st;

    if (!proto->has_number || proto->number < 1 || proto->number > WIRE_NUMBER_MAX)
        return schema_wrong(builder, "%s has no valid number", subject);
    st = link_type(builder, proto, field, subject);
    if (failed(st)) return st;
    if (proto->has_oneof_index &&
        (proto->oneof_index < 0 || (size_t)proto->oneof_index >= draft->proto->n_oneof_decl))
        return schema_wrong(builder, "%s is in a oneof that does not exist", subject);

    field->name = arena_strdup(builder->arena, proto->name);
    field->json_name = json_name_of(builder, proto, field->name);
    field->number = (uint32_t)proto->number;
    field->repeated = proto->label ==
                      GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    field->oneof = proto->has_oneof_index && !synthetic ? proto->oneof_index : -1;
    field->presence = !field->repeated && (!draft->proto3 || proto->has_oneof_index || synthetic ||
                                           field->type == SCHEMA_MESSAGE);
    if (field->repeated && packable(field->type))
        field->packed = proto->options && proto->options->has_packed ? proto->options->packed
                                                                     : draft->proto3;
    return status_ok();
}

static bool is_map_entry(const ProtoMessage *proto)
{
    return proto->options && proto->options->has_map_entry && proto->options->map_entry;
}

static struct status refuse_other_rules(struct schema_builder *builder,
                                        const struct message_draft *draft)
{
    const ProtoMessage *proto = draft->proto;

    if (proto->options && schema_option(builder, &proto->options->base, OPTION_VALIDATE).data)
        return schema_wrong(
            builder, "message %s has rules of its own, which are not supported; use field rules",
            draft->message->name);
    for (size_t i = 0; i < proto->n_oneof_decl; i++) {
        const Google__Protobuf__OneofDescriptorProto *oneof = proto->oneof_decl[i];
        if (oneof->options && schema_option(builder, &oneof->options->base, OPTION_VALIDATE).data)
            return schema_wrong(
                builder,
                "oneof %s.%s has rules of its own, which are not supported; use field rules",
                draft->message->name, oneof->name);
    }
    return status_ok();
}

/* The synthetic oneofs of proto3's `optional` come last and are dropped. */
static void link_oneofs(struct schema_builder *builder, struct message_draft *draft)
{
    size_t count = draft->proto->n_oneof_decl;
    const char **names = arena_array(builder->arena, const char *, count);

    for (size_t i = 0; i < draft->proto->n_field; i++) {
        const ProtoField *field = draft->proto->field[i];
        if (field->has_proto3_optional && field->proto3_optional && count > 0) count--;
    }
    for (size_t i = 0; i < count; i++)
        names[i] = arena_strdup(builder->arena, draft->proto->oneof_decl[i]->name);
    draft->message->oneofs = names;
    draft->message->oneof_count = count;
}

static struct status link_fields(struct schema_builder *builder, struct message_draft *draft)
{
    const ProtoMessage *proto = draft->proto;
    struct schema_message *message = draft->message;
    struct status st = status_ok();

    if (proto->n_field + proto->n_oneof_decl >= SLOT_NONE)
        return schema_wrong(builder, "message %s has too many fields", message->name);
    draft->fields = arena_array(builder->arena, struct schema_field, proto->n_field);
    message->fields = draft->fields;
    message->field_count = proto->n_field;
    link_oneofs(builder, draft);
    for (size_t i = 0; i < proto->n_field && !failed(st); i++)
        st = link_field(builder, draft, proto->field[i], &draft->fields[i]);
    if (!failed(st)) st = refuse_other_rules(builder, draft);
    return st;
}

/* ---- maps and rules: when every message has its fields ---- */

/* Marks the fields whose type is a map's entry. protoc makes entries of exactly a key and a value.
 */
static struct status link_maps(struct schema_builder *builder, struct message_draft *entry)
{
    const struct schema_message *message = entry->message;

    if (!is_map_entry(entry->proto)) return status_ok();
    if (message->field_count != 2 || message->fields[0].number != 1 ||
        message->fields[1].number != 2)
        return schema_wrong(builder, "the map entry %s does not consist of a key and a value",
                            message->name);
    for (struct message_draft *draft = builder->drafts; draft; draft = draft->next)
        for (size_t i = 0; i < draft->message->field_count; i++)
            if (draft->fields[i].message == message && draft->fields[i].repeated) {
                draft->fields[i].map = true;
                entry->map = &draft->fields[i];
            }
    /* An entry without key or value has the zero value there, in proto2 as well. */
    for (size_t i = 0; i < 2; i++)
        entry->fields[i].presence = entry->fields[i].type == SCHEMA_MESSAGE;
    return status_ok();
}

static struct status link_rules(struct schema_builder *builder, struct message_draft *draft)
{
    struct status st = status_ok();

    for (size_t i = 0; i < draft->proto->n_field && !failed(st); i++) {
        const ProtoField *proto = draft->proto->field[i];
        struct str encoded = schema_option(builder, proto->options ? &proto->options->base : NULL,
                                           OPTION_VALIDATE);
        if (!encoded.data) continue;
        st = schema_rules_read(
            builder,
            arena_printf(builder->scratch, "field %s.%s", draft->message->name, proto->name),
            &draft->fields[i], encoded, &draft->fields[i].rules);
        if (!failed(st) && draft->fields[i].rules) draft->message->has_rules = true;
    }
    return st;
}

/* The rules for a map's keys and values are those of its entries' fields. */
static void link_entry_rules(struct message_draft *entry)
{
    if (!entry->map || !entry->map->rules) return;
    entry->fields[0].rules = entry->map->rules->keys;
    entry->fields[1].rules = entry->map->rules->items;
    if (entry->fields[0].rules || entry->fields[1].rules) entry->message->has_rules = true;
}

/* A message has rules if a message in it has, and messages may contain each other: repeat until
 * nothing changes. */
static void spread_has_rules(struct schema_builder *builder)
{
    bool changed;

    do {
        changed = false;
        for (struct message_draft *draft = builder->drafts; draft; draft = draft->next) {
            for (size_t i = 0; i < draft->message->field_count && !draft->message->has_rules; i++) {
                const struct schema_message *inner = draft->fields[i].message;
                if (inner && inner->has_rules) changed = draft->message->has_rules = true;
            }
        }
    } while (changed);
}

/* ---- indexes ---- */

static int compare_fields(const void *a, const void *b)
{
    const struct schema_field *left = *(const struct schema_field *const *)a;
    const struct schema_field *right = *(const struct schema_field *const *)b;

    return left->number < right->number ? -1 : left->number > right->number;
}

static struct status index_numbers(struct schema_builder *builder,
                                   const struct schema_message *message,
                                   struct message_index *index)
{
    size_t count = message->field_count;
    const struct schema_field **sorted = arena_array(builder->arena, const struct schema_field *,
                                                     count);
    const struct schema_field **direct;

    for (size_t i = 0; i < count; i++) sorted[i] = &message->fields[i];
    qsort(sorted, count, sizeof(*sorted), compare_fields);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && sorted[i]->number == sorted[i - 1]->number)
            return schema_wrong(builder, "message %s has two fields of the number %u",
                                message->name, sorted[i]->number);
        if (sorted[i]->number <= DIRECT_MAX) index->direct_max = sorted[i]->number;
    }
    direct = arena_array(builder->arena, const struct schema_field *, index->direct_max + 1);
    for (size_t i = 0; i < count && sorted[i]->number <= DIRECT_MAX; i++)
        direct[sorted[i]->number] = sorted[i];
    index->sorted = sorted;
    index->direct = direct;
    return status_ok();
}

static void index_names(struct schema_builder *builder, const struct schema_message *message,
                        struct message_index *index)
{
    size_t count = message->field_count;

    for (size_t i = 0; i < message->field_count; i++)
        count += message->fields[i].json_name != message->fields[i].name;
    name_table_init(builder->arena, &index->by_name, count);
    for (size_t i = 0; i < message->field_count; i++)
        name_table_add(&index->by_name, str_of(message->fields[i].name), &message->fields[i]);
    for (size_t i = 0; i < message->field_count;
         i++) /* a proto name takes precedence over another field's JSON name */
        name_table_add(&index->by_name, str_of(message->fields[i].json_name), &message->fields[i]);
}

static void index_slots(struct schema_builder *builder, const struct schema_message *message,
                        struct message_index *index)
{
    uint16_t *slots = arena_array(builder->arena, uint16_t, message->field_count);
    const struct schema_field **fields = arena_array(builder->arena, const struct schema_field *,
                                                     message->field_count);
    size_t count = 0;

    for (size_t i = 0; i < message->field_count; i++) {
        const struct schema_field *field = &message->fields[i];
        bool slotted = field->rules ||
                       (field->message && field->message->has_rules && !field->repeated);
        slots[i] = slotted ? (uint16_t)count : SLOT_NONE;
        if (slotted) fields[count++] = field;
    }
    index->slots = slots;
    index->slot_fields = fields;
    index->slot_field_count = count;
}

static struct status index_message(struct schema_builder *builder, struct schema_message *message)
{
    struct message_index *index = arena_new(builder->arena, struct message_index);
    struct status st = index_numbers(builder, message, index);

    if (failed(st)) return st;
    index_names(builder, message, index);
    index_slots(builder, message, index);
    message->index = index;
    return status_ok();
}

struct status schema_link(struct schema_builder *builder)
{
    struct message_draft *draft;
    struct status st = status_ok();

    for (draft = builder->drafts; draft && !failed(st); draft = draft->next)
        st = link_fields(builder, draft);
    for (draft = builder->drafts; draft && !failed(st); draft = draft->next)
        st = link_maps(builder, draft);
    for (draft = builder->drafts; draft && !failed(st); draft = draft->next)
        st = link_rules(builder, draft);
    for (draft = builder->drafts; draft && !failed(st); draft = draft->next)
        link_entry_rules(draft);
    spread_has_rules(builder);
    for (draft = builder->drafts; draft && !failed(st); draft = draft->next)
        st = index_message(builder, draft->message);
    return st;
}
