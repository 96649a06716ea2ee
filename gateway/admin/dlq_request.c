#include "gateway/admin/dlq_request.h"

#include "gateway/reply/query.h"

#include <json-c/linkhash.h>
#include <string.h>

enum { VALUE_MOST = 200, LIMIT_DIGITS = 3 };

/* --- the query -------------------------------------------------------------------------------- */

/* The filter's members, and behind them: */
enum { PARAMETER_LIMIT = DLQ_FILTER_COUNT, PARAMETER_CURSOR, PARAMETERS };

static enum status read_limit(struct slice text, int64_t *limit, struct error *error) {
    *limit = 0;
    if (text.len > 0 && !query_limit(text, DLQ_LIMIT_MOST, limit))
        return error_set(error, STATUS_INVALID, "limit: must be an integer from 1 to %d",
                         DLQ_LIMIT_MOST);
    return STATUS_OK;
}

/* `count` of the parameters are known. */
static enum status make_query_request(struct slice query, size_t count, struct arena *arena,
                                      struct buf *out, struct error *error) {
    struct query_parameter parameters[PARAMETERS] = {
        [PARAMETER_LIMIT] = {.name = "limit", .most = LIMIT_DIGITS},
        [PARAMETER_CURSOR] = {.name = "cursor", .most = DLQ_CURSOR_MOST},
    };
    struct dlq_filter filter = {0};
    int64_t limit = 0;
    for (int i = 0; i < DLQ_FILTER_COUNT; i++)
        parameters[i] = (struct query_parameter){.name = dlq_filter_name((enum dlq_filter_member)i),
                                                 .most = VALUE_MOST};
    enum status status = query_parse(query, parameters, count, arena, error);
    for (int i = 0; i < DLQ_FILTER_COUNT && status == STATUS_OK; i++)
        if (parameters[i].value.len > 0)
            status = dlq_filter_set(&filter, (enum dlq_filter_member)i, parameters[i].value, error);
    if (status == STATUS_OK)
        status = read_limit(parameters[PARAMETER_LIMIT].value, &limit, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    dlq_filter_write(&filter, &w);
    if (limit > 0)
        json_put_int(&w, "limit", limit);
    if (parameters[PARAMETER_CURSOR].value.len > 0)
        json_put_string(&w, "cursor", parameters[PARAMETER_CURSOR].value);
    json_end_object(&w);
    return STATUS_OK;
}

enum status dlq_list_request(struct slice query, struct arena *arena, struct buf *out,
                             struct error *error) {
    return make_query_request(query, PARAMETERS, arena, out, error);
}

enum status dlq_groups_request(struct slice query, struct arena *arena, struct buf *out,
                               struct error *error) {
    return make_query_request(query, DLQ_FILTER_COUNT, arena, out, error);
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* `known` tells the members that may be there. */
static void refuse_others(struct json_object *root, bool (*is_known)(const char *name),
                          struct field_errors *errors) {
    json_object_object_foreach(root, key, unused) {
        (void)unused;
        if (!is_known(key))
            field_error_add(errors, arena_slice(errors->arena, field_shown(slice_of(key))),
                            "is not known here");
    }
}

static bool knows_nothing(const char *name) {
    (void)name;
    return false;
}

/* Why something is discarded, as member `name`. */
static void take_why(struct json_object *root, const char *name, bool is_required,
                     struct field_errors *errors, struct json_writer *w) {
    struct slice why = {"", 0};
    enum status status = json_get_string(root, name, &why, NULL);
    if (status == STATUS_NOT_FOUND && !is_required)
        return;
    if (status == STATUS_NOT_FOUND)
        field_error_add(errors, slice_of(name), "is required");
    else if (status != STATUS_OK || !dlq_text_is_valid(why, DLQ_REASON_MOST))
        field_error_add(errors, slice_of(name),
                        "must be one line of 1 to 500 bytes " PRINTABLE_RULE);
    json_put_string(w, name, why);
}

static bool is_reason(const char *name) {
    return strcmp(name, "reason") == 0;
}

static bool is_of_edit(const char *name) {
    const char *const *member = dlq_edit_members;
    while (*member != NULL && strcmp(*member, name) != 0)
        member++;
    return *member != NULL;
}

static bool is_of_replay_all(const char *name) {
    enum dlq_filter_member member;
    if (dlq_filter_find(slice_of(name), &member))
        return member != DLQ_FILTER_STATUS;
    return strcmp(name, "ratePerSecond") == 0 || strcmp(name, "dryRun") == 0 ||
           strcmp(name, "ids") == 0;
}

static bool is_of_discard_all(const char *name) {
    return is_of_replay_all(name) || strcmp(name, "because") == 0;
}

/* A fault of the filter as one of its field: without the name before it. */
static void add_fault(struct field_errors *errors, const char *name, const char *text) {
    const char *message = strstr(text, ": ");
    message = message == NULL ? text : message + 2;
    field_error_add(errors, slice_of(name), arena_copy(errors->arena, slice_of(message)));
}

/* `text` is "<field>: what is wrong with it". */
static void add_named_fault(struct field_errors *errors, const char *text) {
    struct slice rest = slice_of(text);
    struct slice field = arena_slice(errors->arena, slice_take_until(&rest, ':'));
    field_error_add(errors, field, arena_copy(errors->arena, slice_trim(rest)));
}

static void take_filter(struct json_object *root, struct field_errors *errors,
                        struct json_writer *w) {
    struct dlq_filter filter = {0};
    for (int i = 0; i < DLQ_FILTER_COUNT; i++) {
        const char *name = dlq_filter_name((enum dlq_filter_member)i);
        struct slice value;
        struct error error;
        enum status status = json_get_string(root, name, &value, &error);
        if (status == STATUS_NOT_FOUND || i == DLQ_FILTER_STATUS)
            continue;
        if (status != STATUS_OK)
            field_error_add(errors, slice_of(name), "must be a text");
        else if (dlq_filter_set(&filter, (enum dlq_filter_member)i, value, &error) != STATUS_OK)
            add_fault(errors, name, error.text);
    }
    dlq_filter_write(&filter, w);
}

static void take_rate(struct json_object *root, struct field_errors *errors,
                      struct json_writer *w) {
    int64_t rate = 0;
    enum status status = json_get_int64(root, "ratePerSecond", &rate, NULL);
    if (status == STATUS_NOT_FOUND)
        return;
    if (status != STATUS_OK || rate < 1 || rate > DLQ_RATE_MOST)
        field_error_add(errors, SLICE_LITERAL("ratePerSecond"),
                        "must be an integer from 1 to 10000");
    json_put_int(w, "ratePerSecond", rate);
}

static void take_dry_run(struct json_object *root, struct field_errors *errors,
                         struct json_writer *w) {
    struct json_object *value;
    if (!json_object_object_get_ex(root, "dryRun", &value))
        return;
    if (!json_object_is_type(value, json_type_boolean))
        field_error_add(errors, SLICE_LITERAL("dryRun"), "must be true or false");
    json_put_bool(w, "dryRun", json_object_get_boolean(value));
}

static bool has_filter(struct json_object *root) {
    enum dlq_filter_member member;
    json_object_object_foreach(root, key, unused) {
        (void)unused;
        if (dlq_filter_find(slice_of(key), &member))
            return true;
    }
    return false;
}

/* Entries that were chosen one by one. */
static void take_ids(struct json_object *root, struct field_errors *errors, struct json_writer *w) {
    static const char fault[] = "must be a list of 1 to 2000 ids of dead letters";
    struct json_object *ids;
    if (!json_object_object_get_ex(root, "ids", &ids))
        return;
    size_t count = json_object_is_type(ids, json_type_array) ? json_object_array_length(ids) : 0;
    bool is_valid = count > 0 && count <= DLQ_CHOSEN_MOST;
    json_key(w, "ids");
    json_begin_array(w);
    for (size_t i = 0; i < count && is_valid; i++) {
        struct json_object *id = json_object_array_get_idx(ids, i);
        struct slice text = slice_of(json_object_get_string(id));
        is_valid = json_object_is_type(id, json_type_string) && dlq_id_is_valid(text);
        json_string(w, text);
    }
    json_end_array(w);
    if (!is_valid)
        field_error_add(errors, SLICE_LITERAL("ids"), fault);
    else if (has_filter(root))
        field_error_add(errors, SLICE_LITERAL("ids"), "cannot stand beside a filter");
}

static void take_job(struct json_object *root, struct field_errors *errors, struct json_writer *w) {
    take_filter(root, errors, w);
    take_ids(root, errors, w);
    take_rate(root, errors, w);
    take_dry_run(root, errors, w);
}

/* --- the requests ----------------------------------------------------------------------------- */

typedef void (*take_fn)(struct json_object *root, struct field_errors *errors,
                        struct json_writer *w);

/* *root is the body's object, to be put by the caller, and `w` the request as far as all have it.
 */
static enum status begin_request(const struct dlq_body *body, struct json_object **root,
                                 struct buf *out, struct json_writer *w, struct error *error) {
    struct slice text = body->text.len > 0 ? body->text : SLICE_LITERAL("{}");
    enum status status = json_parse(text, root, error);
    if (status != STATUS_OK)
        return status;
    *w = json_writer(out);
    json_begin_object(w);
    if (body->id.len > 0)
        json_put_string(w, "id", body->id);
    json_put_string(w, "actor", body->actor);
    return STATUS_OK;
}

static enum status make_request(const struct dlq_body *body, take_fn take,
                                struct field_errors *errors, struct buf *out, struct error *error) {
    struct json_object *root = NULL;
    struct json_writer w;
    enum status status = begin_request(body, &root, out, &w, error);
    if (status != STATUS_OK)
        return status;
    take(root, errors, &w);
    json_end_object(&w);
    json_object_put(root);
    return STATUS_OK;
}

static void take_nothing(struct json_object *root, struct field_errors *errors,
                         struct json_writer *w) {
    (void)w;
    refuse_others(root, knows_nothing, errors);
}

enum status dlq_plain_request(const struct dlq_body *body, struct field_errors *errors,
                              struct buf *out, struct error *error) {
    return make_request(body, take_nothing, errors, out, error);
}

enum status dlq_replay_request(const struct dlq_body *body, struct field_errors *errors,
                               struct buf *out, struct error *error) {
    struct json_object *root = NULL;
    struct json_writer w;
    struct dlq_edit edit = {0};
    struct error fault;
    enum status status = begin_request(body, &root, out, &w, error);
    if (status != STATUS_OK)
        return status;
    refuse_others(root, is_of_edit, errors);
    if (dlq_edit_read(root, body->id, &edit, &fault) != STATUS_OK)
        add_named_fault(errors, fault.text);
    dlq_edit_write(&edit, &w);
    json_end_object(&w);
    json_object_put(root);
    return STATUS_OK;
}

static void take_reason(struct json_object *root, struct field_errors *errors,
                        struct json_writer *w) {
    refuse_others(root, is_reason, errors);
    take_why(root, "reason", true, errors, w);
}

enum status dlq_discard_request(const struct dlq_body *body, struct field_errors *errors,
                                struct buf *out, struct error *error) {
    return make_request(body, take_reason, errors, out, error);
}

static void take_replay_all(struct json_object *root, struct field_errors *errors,
                            struct json_writer *w) {
    take_job(root, errors, w);
    refuse_others(root, is_of_replay_all, errors);
}

enum status dlq_replay_all_request(const struct dlq_body *body, struct field_errors *errors,
                                   struct buf *out, struct error *error) {
    return make_request(body, take_replay_all, errors, out, error);
}

static void take_discard_all(struct json_object *root, struct field_errors *errors,
                             struct json_writer *w) {
    struct json_object *dry;
    bool is_dry = json_object_object_get_ex(root, "dryRun", &dry) && json_object_get_boolean(dry);
    take_job(root, errors, w);
    take_why(root, "because", !is_dry, errors, w);
    refuse_others(root, is_of_discard_all, errors);
}

enum status dlq_discard_all_request(const struct dlq_body *body, struct field_errors *errors,
                                    struct buf *out, struct error *error) {
    return make_request(body, take_discard_all, errors, out, error);
}
