#include "shared/query/order_filter.h"

#include "shared/base/clock.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/page_cursor.h"
#include "shared/query/report.h"

#include <string.h>

enum { LIMIT_USUAL = 50 };

/* Behind every time that RFC 3339 can tell. */
#define END_OF_TIME_US INT64_C(253402300800000000)

/* --- reading ---------------------------------------------------------------------------------- */

static enum status read_text(struct json_object *question, const char *key, struct slice *text,
                             struct error *error) {
    *text = slice_of(NULL);
    enum status status = json_get_string(question, key, text, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_texts(struct json_object *question, struct order_filter *filter,
                              struct error *error) {
    const struct {
        const char *key;
        struct slice *text;
    } texts[] = {
        {"customerId", &filter->customer},  {"status", &filter->status},
        {"reason", &filter->reason},        {"search", &filter->search},
        {"idPrefix", &filter->id_prefix},   {"sku", &filter->sku},
        {"currency", &filter->currency},    {"trackingNumber", &filter->tracking_number},
        {"paymentId", &filter->payment_id},
    };
    enum status status = json_get_string(question, "tenant", &filter->tenant, error);
    if (status == STATUS_NOT_FOUND)
        status = error_set(error, STATUS_INVALID, "tenant: missing");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && status == STATUS_OK; i++)
        status = read_text(question, texts[i].key, texts[i].text, error);
    return status;
}

static enum status read_time(struct json_object *question, const char *key, int64_t fallback_us,
                             int64_t *time_us, struct error *error) {
    struct slice text;
    enum status status = read_text(question, key, &text, error);
    *time_us = fallback_us;
    if (status == STATUS_OK && text.len > 0 && !clock_parse(text, time_us))
        status = error_set(error, STATUS_INVALID, "%s: not an RFC 3339 time", key);
    return status;
}

static enum status read_number(struct json_object *question, const char *key, int64_t least,
                               int64_t most, int64_t *number, struct error *error) {
    enum status status = json_get_int64(question, key, number, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK && (*number < least || *number > most))
        status = error_set(error, STATUS_INVALID, "%s: not within %lld to %lld", key,
                           (long long)least, (long long)most);
    return status;
}

static enum status read_numbers(struct json_object *question, struct order_filter *filter,
                                struct error *error) {
    filter->limit = LIMIT_USUAL;
    filter->least_minor = 0;
    filter->most_minor = ORDER_MAX_MINOR;
    enum status status = read_number(question, "limit", 1, ORDER_PAGE_MOST, &filter->limit, error);
    if (status == STATUS_OK)
        status =
            read_number(question, "minTotalMinor", 0, ORDER_MAX_MINOR, &filter->least_minor, error);
    if (status == STATUS_OK)
        status =
            read_number(question, "maxTotalMinor", 0, ORDER_MAX_MINOR, &filter->most_minor, error);
    return status;
}

static enum status read_sort(struct json_object *question, bool *is_oldest_first,
                             struct error *error) {
    struct slice sort;
    enum status status = read_text(question, "sort", &sort, error);
    *is_oldest_first = slice_is(sort, "createdAt");
    if (status == STATUS_OK && sort.len > 0 && !*is_oldest_first && !slice_is(sort, "-createdAt"))
        status = error_set(error, STATUS_INVALID, "sort: neither createdAt nor -createdAt");
    return status;
}

static void start_at_first(struct order_filter *filter) {
    filter->after = (struct order_place){.at_us = INT64_C(-1)};
    if (filter->is_oldest_first)
        return;
    filter->after.at_us = END_OF_TIME_US;
    memset(&filter->after.id, 0xff, sizeof(filter->after.id));
}

enum status order_filter_read(struct json_object *question, struct order_filter *filter,
                              struct error *error) {
    enum status status = read_texts(question, filter, error);
    struct uuid least, most;
    if (status == STATUS_OK && filter->id_prefix.len > 0 &&
        !order_id_prefix_parse(filter->id_prefix, &least, &most))
        status = error_set(error, STATUS_INVALID, "idPrefix: not the beginning of an id");
    if (status == STATUS_OK)
        status = read_time(question, "from", 0, &filter->from_us, error);
    if (status == STATUS_OK)
        status = read_time(question, "to", END_OF_TIME_US, &filter->to_us, error);
    if (status == STATUS_OK)
        status = read_numbers(question, filter, error);
    if (status == STATUS_OK)
        status = read_sort(question, &filter->is_oldest_first, error);
    start_at_first(filter);
    return status;
}

bool order_filter_has_amount(const struct order_filter *filter) {
    return filter->least_minor > 0 || filter->most_minor < ORDER_MAX_MINOR;
}

bool order_id_prefix_parse(struct slice text, struct uuid *least, struct uuid *most) {
    char low[UUID_TEXT_SIZE] = "00000000-0000-0000-0000-000000000000";
    char high[UUID_TEXT_SIZE] = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    if (text.len < ORDER_ID_PREFIX_LEAST || text.len > UUID_TEXT_LEN)
        return false;
    memcpy(low, text.ptr, text.len);
    memcpy(high, text.ptr, text.len);
    return uuid_parse((struct slice){low, UUID_TEXT_LEN}, least) &&
           uuid_parse((struct slice){high, UUID_TEXT_LEN}, most);
}

struct order_place order_filter_begin(const struct order_filter *filter) {
    struct order_place begin = filter->after;
    if (filter->is_oldest_first && begin.at_us < filter->from_us) {
        begin.at_us = filter->from_us - 1;
        memset(&begin.id, 0xff, sizeof(begin.id));
    } else if (!filter->is_oldest_first && begin.at_us >= filter->to_us) {
        begin.at_us = filter->to_us;
        memset(&begin.id, 0, sizeof(begin.id));
    }
    return begin;
}

/* --- cursors ---------------------------------------------------------------------------------- */

void order_filter_scope(const struct order_filter *filter, const char *kind, struct buf *scope) {
    const struct slice texts[] = {
        slice_of(kind),   filter->tenant,          filter->customer,   filter->status,
        filter->reason,   filter->search,          filter->id_prefix,  filter->sku,
        filter->currency, filter->tracking_number, filter->payment_id,
    };
    struct json_writer w = json_writer(scope);
    json_begin_array(&w);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        json_string(&w, texts[i]);
    json_int(&w, filter->least_minor);
    json_int(&w, filter->most_minor);
    json_int(&w, filter->from_us);
    json_int(&w, filter->to_us);
    json_boolean(&w, filter->is_oldest_first);
    json_end_array(&w);
}

/* The place as people know it. */
static enum status open_after(struct json_object *question, struct order_filter *filter,
                              struct error *error) {
    struct slice text, id;
    enum status status = read_text(question, "after", &text, error);
    if (status == STATUS_OK && text.len > 0 &&
        (!report_place_parse(text, &filter->after.at_us, &id) ||
         !uuid_parse(id, &filter->after.id)))
        status = error_set(error, STATUS_INVALID, "after: not the place of an order");
    return status;
}

enum status order_filter_open(struct json_object *question, struct slice scope,
                              struct order_filter *filter, struct error *error) {
    struct slice cursor;
    struct buf position = {0};
    enum status status = read_text(question, "cursor", &cursor, error);
    if (status != STATUS_OK || cursor.len == 0)
        return status == STATUS_OK ? open_after(question, filter, error) : status;
    if (cursor_open(scope, cursor, &position) && position.len == sizeof(filter->after))
        memcpy(&filter->after, position.ptr, sizeof(filter->after));
    else
        status = error_set(error, STATUS_INVALID, "cursor: not of this list");
    buf_fini(&position);
    return status;
}

void order_filter_put_next(struct json_writer *w, struct slice scope,
                           const struct order_place *end) {
    struct buf cursor = {0};
    cursor_seal(scope, (struct slice){(const char *)end, sizeof(*end)}, &cursor);
    json_put_string(w, "nextCursor", buf_slice(&cursor));
    buf_fini(&cursor);
}
