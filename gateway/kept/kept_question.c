#include "gateway/kept/kept_question.h"

/* --- what has taken effect -------------------------------------------------------------------- */

static void put_orders(struct json_writer *w, const char *key, enum event_type type,
                       const struct kept_item *items, size_t count) {
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        if (items[i].command.type == type)
            json_string(w, items[i].command.order_id);
    }
    json_end_array(w);
}

void kept_ask_missing(const struct kept_item *items, size_t count, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    put_orders(&w, "submit", EVENT_ORDER_SUBMIT, items, count);
    put_orders(&w, "cancel", EVENT_ORDER_CANCEL, items, count);
    json_end_object(&w);
}

static bool has_text(struct json_object *list, struct slice text) {
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (slice_equal(slice_of(json_object_get_string(json_object_array_get_idx(list, i))), text))
            return true;
    return false;
}

static enum status mark_missing(struct json_object *root, const char *key, enum event_type type,
                                struct kept_item *items, size_t count, struct error *error) {
    struct json_object *list;
    enum status status = json_get_array(root, key, &list, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (items[i].command.type == type && has_text(list, items[i].command.order_id))
            items[i].state = KEPT_WAITING;
    return status;
}

enum status kept_take_missing(struct slice answer, struct kept_item *items, size_t count,
                              struct error *error) {
    struct json_object *root = NULL;
    enum status status = json_parse(answer, &root, error);
    for (size_t i = 0; i < count; i++)
        items[i].state = KEPT_KNOWN;
    if (status == STATUS_OK)
        status = mark_missing(root, "submit", EVENT_ORDER_SUBMIT, items, count, error);
    if (status == STATUS_OK)
        status = mark_missing(root, "cancel", EVENT_ORDER_CANCEL, items, count, error);
    json_object_put(root);
    return status;
}

/* --- what is dead ----------------------------------------------------------------------------- */

/* Where a command may have died: a gateway before COMMANDS sent it into ORDERS. */
static const char *const graveyards[] = {"COMMANDS", "ORDERS"};
enum { GRAVEYARDS = sizeof(graveyards) / sizeof(graveyards[0]) };

/* As services/dlq/index/entry.h names it. */
static struct slice entry_id(const struct kept_item *item, const char *stream, struct buf *out) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&item->event.id, id);
    buf_clear(out);
    buf_printf(out, "%s.order.%s", stream, id);
    return buf_slice(out);
}

void kept_ask_fate(const struct kept_item *items, size_t count, struct buf *out) {
    struct buf id = {0};
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_key(&w, "ids");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < GRAVEYARDS && items[i].state == KEPT_LOST; j++)
            json_string(&w, entry_id(&items[i], graveyards[j], &id));
    }
    json_end_array(&w);
    json_end_object(&w);
    buf_fini(&id);
}

static enum status mark_fate(struct json_object *root, const char *key, enum kept_state state,
                             struct kept_item *items, size_t count, struct error *error) {
    struct json_object *list;
    struct buf id = {0};
    enum status status = json_get_array(root, key, &list, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        for (size_t j = 0; j < GRAVEYARDS && items[i].state == KEPT_LOST; j++)
            if (has_text(list, entry_id(&items[i], graveyards[j], &id)))
                items[i].state = state;
    }
    buf_fini(&id);
    return status;
}

enum status kept_take_fate(struct slice answer, struct kept_item *items, size_t count,
                           struct error *error) {
    struct json_object *root = NULL;
    enum status status = json_parse(answer, &root, error);
    if (status == STATUS_OK)
        status = mark_fate(root, "dead", KEPT_KNOWN, items, count, error);
    if (status == STATUS_OK)
        status = mark_fate(root, "open", KEPT_WAITING, items, count, error);
    json_object_put(root);
    return status;
}

/* --- how far the stream is -------------------------------------------------------------------- */

static bool read_last(struct json_object *stream, uint64_t *sequence) {
    struct json_object *config, *state;
    struct slice name;
    int64_t last;
    if (json_get_object(stream, "config", &config, NULL) != STATUS_OK ||
        json_get_string(config, "name", &name, NULL) != STATUS_OK ||
        !slice_is(name, event_info(EVENT_ORDER_SUBMIT)->stream) ||
        json_get_object(stream, "state", &state, NULL) != STATUS_OK ||
        json_get_int64(state, "last_seq", &last, NULL) != STATUS_OK)
        return false;
    *sequence = (uint64_t)last;
    return true;
}

enum status kept_take_last(struct slice answer, uint64_t *sequence, struct error *error) {
    struct json_object *root = NULL, *streams;
    enum status status = json_parse(answer, &root, error);
    bool is_found = false;
    if (status == STATUS_OK && json_get_array(root, "streams", &streams, NULL) == STATUS_OK)
        for (size_t i = 0; i < json_object_array_length(streams) && !is_found; i++)
            is_found = read_last(json_object_array_get_idx(streams, i), sequence);
    if (status == STATUS_OK && !is_found)
        status = error_set(error, STATUS_NOT_FOUND, "the stream %s is missing",
                           event_info(EVENT_ORDER_SUBMIT)->stream);
    json_object_put(root);
    return status;
}
