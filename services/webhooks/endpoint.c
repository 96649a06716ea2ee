#include "services/webhooks/endpoint.h"

#include "services/webhooks/delivery_log.h"
#include "services/webhooks/public_event.h"
#include "shared/contract/page_cursor.h"

#include <string.h>

enum { LIMIT_USUAL = 50, LIMIT_MOST = 200, DESCRIPTION_MOST = 200 };

/* --- reading requests ------------------------------------------------------------------------- */

/* Members are texts. Absent: empty. */
static enum status read_text(struct json_object *request, const char *name, struct slice *text,
                             struct error *error) {
    *text = slice_of(NULL);
    enum status status = json_get_string(request, name, text, NULL);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s: must be a text", name);
}

static enum status read_key(struct json_object *request, struct webhook_key *key,
                            struct error *error) {
    struct slice id;
    enum status status = read_text(request, "tenant", &key->tenant, error);
    if (status == STATUS_OK)
        status = read_text(request, "id", &id, error);
    if (status == STATUS_OK && !uuid_parse(id, &key->id))
        status = error_set(error, STATUS_NOT_FOUND, "no such webhook");
    return status;
}

static enum status invalid_types(struct error *error) {
    struct buf text = {0};
    buf_append_text(&text, "eventTypes: must be a list, without repetitions, of ");
    public_event_list(&text);
    enum status status = error_set(error, STATUS_INVALID, "%s", text.ptr);
    buf_fini(&text);
    return status;
}

static bool is_new(struct json_object *list, size_t index, struct slice name) {
    for (size_t i = 0; i < index; i++)
        if (slice_is(name, json_object_get_string(json_object_array_get_idx(list, i))))
            return false;
    return true;
}

static enum status read_types(struct json_object *request, struct pg_array *types,
                              struct error *error) {
    struct json_object *list;
    if (!json_object_object_get_ex(request, "eventTypes", &list))
        return STATUS_OK;
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        struct slice name = slice_of(json_object_get_string(item));
        if (!json_object_is_type(item, json_type_string) || !public_event_is_choice(name) ||
            !is_new(list, i, name))
            return invalid_types(error);
        pg_array_add_slice(types, name);
    }
    return count > 0 ? STATUS_OK : invalid_types(error);
}

static enum status read_description(struct json_object *request, struct webhook_wish *wish,
                                    struct error *error) {
    wish->has_description = json_object_object_get_ex(request, "description", NULL);
    enum status status = read_text(request, "description", &wish->description, error);
    if (status == STATUS_OK &&
        (wish->description.len > DESCRIPTION_MOST || !slice_is_printable(wish->description)))
        status = error_set(error, STATUS_INVALID, "description: must be one line of up to %d bytes",
                           DESCRIPTION_MOST);
    return status;
}

static enum status read_enabled(struct json_object *request, struct webhook_wish *wish,
                                struct error *error) {
    struct json_object *value;
    wish->has_enabled = json_object_object_get_ex(request, "enabled", &value);
    if (!wish->has_enabled)
        return STATUS_OK;
    if (!json_object_is_type(value, json_type_boolean))
        return error_set(error, STATUS_INVALID, "enabled: must be true or false");
    wish->is_enabled = json_object_get_boolean(value);
    return STATUS_OK;
}

static enum status read_wish(const struct webhooks *webhooks, struct json_object *request,
                             struct webhook_wish *wish, struct error *error) {
    bool has_url = json_object_object_get_ex(request, "url", NULL);
    enum status status = read_text(request, "url", &wish->url, error);
    if (status == STATUS_OK && has_url)
        status = url_policy_judge(&webhooks->policy, wish->url, error);
    if (status == STATUS_OK)
        status = read_types(request, &wish->event_types, error);
    if (status == STATUS_OK)
        status = read_description(request, wish, error);
    if (status == STATUS_OK)
        status = read_enabled(request, wish, error);
    return status;
}

/* --- the calls -------------------------------------------------------------------------------- */

typedef enum status (*answer_fn)(struct endpoint_call *call, struct json_object *request,
                                 const struct webhook_key *key, struct error *error);

static enum status serve(struct endpoint_call *call, answer_fn answer, struct error *error) {
    struct json_object *request = NULL;
    struct webhook_key key = {.tenant = slice_of(NULL)};
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = read_key(request, &key, error);
    if (status == STATUS_OK)
        status = answer(call, request, &key, error);
    json_object_put(request);
    return status;
}

static enum status create(struct endpoint_call *call, struct json_object *request,
                          const struct webhook_key *key, struct error *error) {
    const struct webhooks *webhooks = call->context;
    struct webhook_wish wish = {.description = slice_of(NULL)};
    pg_array_init(&wish.event_types, PG_ARRAY_TEXT);
    enum status status = read_wish(webhooks, request, &wish, error);
    if (status == STATUS_OK && wish.url.len == 0)
        status = error_set(error, STATUS_INVALID, "url: is required");
    if (status == STATUS_OK && wish.event_types.count == 0)
        status = error_set(error, STATUS_INVALID, "eventTypes: is required");
    if (status == STATUS_OK)
        status = subscriptions_create(webhooks, call->pg, key, &wish, call->reply, error);
    pg_array_fini(&wish.event_types);
    return status;
}

enum status webhooks_endpoint_create(struct endpoint_call *call, struct error *error) {
    return serve(call, create, error);
}

static enum status change(struct endpoint_call *call, struct json_object *request,
                          const struct webhook_key *key, struct error *error) {
    struct webhooks *webhooks = call->context;
    struct webhook_wish wish = {.description = slice_of(NULL)};
    pg_array_init(&wish.event_types, PG_ARRAY_TEXT);
    enum status status = read_wish(webhooks, request, &wish, error);
    if (status == STATUS_OK)
        status = subscriptions_change(call->pg, key, &wish, call->reply, error);
    atomic_fetch_add(&webhooks->stirs, 1);
    pg_array_fini(&wish.event_types);
    return status;
}

enum status webhooks_endpoint_change(struct endpoint_call *call, struct error *error) {
    return serve(call, change, error);
}

enum status webhooks_endpoint_list(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    struct slice tenant;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = read_text(request, "tenant", &tenant, error);
    if (status == STATUS_OK)
        status = subscriptions_list(call->pg, tenant, call->reply, error);
    json_object_put(request);
    return status;
}

static enum status get(struct endpoint_call *call, struct json_object *request,
                       const struct webhook_key *key, struct error *error) {
    (void)request;
    return subscriptions_get(call->pg, key, call->reply, error);
}

enum status webhooks_endpoint_get(struct endpoint_call *call, struct error *error) {
    return serve(call, get, error);
}

static enum status delete_one(struct endpoint_call *call, struct json_object *request,
                              const struct webhook_key *key, struct error *error) {
    (void)request;
    enum status status = subscriptions_delete(call->pg, key, error);
    if (status == STATUS_OK)
        buf_append_text(call->reply, "{}");
    return status;
}

enum status webhooks_endpoint_delete(struct endpoint_call *call, struct error *error) {
    return serve(call, delete_one, error);
}

static enum status ping(struct endpoint_call *call, struct json_object *request,
                        const struct webhook_key *key, struct error *error) {
    struct webhooks *webhooks = call->context;
    (void)request;
    enum status status = delivery_log_ping(call->pg, key, call->reply, error);
    atomic_fetch_add(&webhooks->stirs, 1);
    return status;
}

enum status webhooks_endpoint_ping(struct endpoint_call *call, struct error *error) {
    return serve(call, ping, error);
}

static enum status resend(struct endpoint_call *call, struct json_object *request,
                          const struct webhook_key *key, struct error *error) {
    struct webhooks *webhooks = call->context;
    struct slice text;
    struct uuid id;
    enum status status = read_text(request, "deliveryId", &text, error);
    if (status == STATUS_OK && !uuid_parse(text, &id))
        status = error_set(error, STATUS_NOT_FOUND, "no such delivery");
    if (status == STATUS_OK)
        status = delivery_log_resend(call->pg, key, &id, call->reply, error);
    atomic_fetch_add(&webhooks->stirs, 1);
    return status;
}

enum status webhooks_endpoint_resend(struct endpoint_call *call, struct error *error) {
    return serve(call, resend, error);
}

/* --- pages of the log ------------------------------------------------------------------------- */

/* The list's name: its filter, but not the size of its pages. */
static void write_scope(const struct webhook_key *key, struct slice status, struct buf *out) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&key->id, id);
    struct json_writer w = json_writer(out);
    json_begin_array(&w);
    json_string(&w, SLICE_LITERAL("webhook-deliveries"));
    json_string(&w, key->tenant);
    json_string(&w, slice_of(id));
    json_string(&w, status);
    json_end_array(&w);
}

static enum status read_page(struct json_object *request, struct slice scope,
                             struct delivery_page *page, struct error *error) {
    struct slice cursor;
    struct buf position = {0};
    page->limit = LIMIT_USUAL;
    memset(&page->before, 0xff, sizeof(page->before));
    enum status status = json_get_int64(request, "limit", &page->limit, error);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    if (status == STATUS_OK && (page->limit < 1 || page->limit > LIMIT_MOST))
        status = error_set(error, STATUS_INVALID, "limit: not within 1 to %d", LIMIT_MOST);
    if (status == STATUS_OK)
        status = read_text(request, "cursor", &cursor, error);
    if (status != STATUS_OK || cursor.len == 0)
        return status;
    if (cursor_open(scope, cursor, &position) && position.len == sizeof(page->before))
        memcpy(&page->before, position.ptr, sizeof(page->before));
    else
        status = error_set(error, STATUS_INVALID, "cursor: not of this list");
    buf_fini(&position);
    return status;
}

static enum status write_page(struct endpoint_call *call, const struct webhook_key *key,
                              const struct delivery_page *page, struct slice scope,
                              struct error *error) {
    struct buf cursor = {0};
    struct uuid end;
    bool goes_on = false;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    enum status status = delivery_log_page(call->pg, key, page, &w, &goes_on, &end, error);
    if (status == STATUS_OK && goes_on) {
        cursor_seal(scope, (struct slice){(const char *)&end, sizeof(end)}, &cursor);
        json_put_string(&w, "nextCursor", buf_slice(&cursor));
    }
    json_end_object(&w);
    buf_fini(&cursor);
    return status;
}

static enum status list_deliveries(struct endpoint_call *call, struct json_object *request,
                                   const struct webhook_key *key, struct error *error) {
    struct delivery_page page;
    struct buf scope = {0};
    enum status status = read_text(request, "status", &page.status, error);
    if (status == STATUS_OK) {
        write_scope(key, page.status, &scope);
        status = read_page(request, buf_slice(&scope), &page, error);
    }
    if (status == STATUS_OK)
        status = write_page(call, key, &page, buf_slice(&scope), error);
    buf_fini(&scope);
    return status;
}

enum status webhooks_endpoint_deliveries(struct endpoint_call *call, struct error *error) {
    return serve(call, list_deliveries, error);
}
