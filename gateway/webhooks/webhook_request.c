#include "gateway/webhooks/webhook_request.h"

#include "gateway/reply/idempotency_key.h"
#include "gateway/reply/query.h"
#include "shared/json/json.h"

#include <json-c/linkhash.h>
#include <string.h>

enum { LIMIT_MOST = 200, CURSOR_MAX = 256, ARENA_CHUNK_BYTES = 512 };

/* --- bodies ----------------------------------------------------------------------------------- */

static bool is_member(const char *name, bool is_change) {
    static const char *const names[] = {"url", "eventTypes", "description", NULL};
    for (const char *const *known = names; *known != NULL; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return is_change && strcmp(name, "enabled") == 0;
}

static void begin(struct json_writer *w, struct slice tenant, const struct uuid *id) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_begin_object(w);
    json_put_string(w, "tenant", tenant);
    json_put_text(w, "id", text);
}

enum status webhook_request_write(const struct webhook_body *body, struct field_errors *errors,
                                  struct buf *out, struct error *error) {
    struct json_object *root = NULL;
    enum status status = json_parse(body->text, &root, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(out);
    begin(&w, body->tenant, body->id);
    json_object_object_foreach(root, key, value) {
        if (is_member(key, body->is_change))
            json_put_raw(&w, key,
                         slice_of(json_object_to_json_string_ext(
                             value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
        else
            field_error_add(errors, arena_slice(errors->arena, field_shown(slice_of(key))),
                            "is not a member of a webhook");
    }
    json_end_object(&w);
    json_object_put(root);
    return STATUS_OK;
}

struct uuid webhook_id_of_key(struct slice tenant, struct slice key) {
    const struct slice parts[] = {SLICE_LITERAL("webhook"), tenant, key};
    uint8_t hash[32];
    idempotency_key_hash(parts, 3, hash);
    return uuid_v8(hash);
}

/* --- the query -------------------------------------------------------------------------------- */

enum { STATUS, LIMIT, CURSOR, PARAMETERS };

static bool is_status(struct slice text) {
    return slice_is(text, "PENDING") || slice_is(text, "DELIVERED") || slice_is(text, "FAILED");
}

static enum status read_page(struct slice query, struct query_parameter *parameters,
                             struct arena *arena, int64_t *limit, struct error *error) {
    enum status status = query_parse(query, parameters, PARAMETERS, arena, error);
    if (status != STATUS_OK)
        return status;
    if (parameters[STATUS].value.len > 0 && !is_status(parameters[STATUS].value))
        return error_set(error, STATUS_INVALID, "status: must be PENDING, DELIVERED or FAILED");
    if (parameters[LIMIT].value.len > 0 && !query_limit(parameters[LIMIT].value, LIMIT_MOST, limit))
        return error_set(error, STATUS_INVALID, "limit: must be an integer from 1 to %d",
                         LIMIT_MOST);
    return STATUS_OK;
}

static void write_link(const struct uuid *id, const struct query_parameter *parameters,
                       struct buf *link) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    buf_printf(link, "/api/v1/webhooks/%s/deliveries?", text);
    for (int i = 0; i < CURSOR; i++)
        if (parameters[i].value.len > 0)
            query_append(link, parameters[i].name, parameters[i].value);
}

enum status webhook_page_write(struct slice query, struct slice tenant, const struct uuid *id,
                               struct buf *link, struct buf *out, struct error *error) {
    struct query_parameter parameters[PARAMETERS] = {
        [STATUS] = {.name = "status", .most = 16},
        [LIMIT] = {.name = "limit", .most = 3},
        [CURSOR] = {.name = "cursor", .most = CURSOR_MAX},
    };
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    int64_t limit = 0;
    enum status status = read_page(query, parameters, arena, &limit, error);
    if (status == STATUS_OK) {
        struct json_writer w = json_writer(out);
        begin(&w, tenant, id);
        if (limit > 0)
            json_put_int(&w, "limit", limit);
        for (int i = 0; i < PARAMETERS; i++)
            if (i != LIMIT && parameters[i].value.len > 0)
                json_put_string(&w, parameters[i].name, parameters[i].value);
        json_end_object(&w);
        write_link(id, parameters, link);
    }
    arena_destroy(&arena);
    return status;
}
