#include "shared/contract/dlq_filter.h"

#include "shared/base/clock.h"
#include "shared/base/utf8.h"
#include "shared/crypto/uuid.h"

#include <json-c/linkhash.h>

#define VALUE_MOST 200

static const char *const names[DLQ_FILTER_COUNT] = {
#define DLQ_FILTER_NAME(id, name) name,
    DLQ_FILTER_TABLE(DLQ_FILTER_NAME)
#undef DLQ_FILTER_NAME
};

static const char *const reasons[] = {"rejected", "max_deliveries", "no_report", NULL};
static const char *const statuses[] = {"dead",      "replaying", "replayed", "resolved",
                                       "discarded", "any",       NULL};

const char *dlq_filter_name(enum dlq_filter_member member) {
    return names[member];
}

bool dlq_filter_find(struct slice name, enum dlq_filter_member *member) {
    for (int i = 0; i < DLQ_FILTER_COUNT; i++) {
        if (!slice_is(name, names[i]))
            continue;
        *member = (enum dlq_filter_member)i;
        return true;
    }
    return false;
}

bool dlq_text_is_valid(struct slice text, size_t most) {
    return text.len > 0 && text.len <= most && slice_is_printable(text) && utf8_is_valid(text);
}

bool dlq_id_is_valid(struct slice id) {
    struct slice rest = id;
    slice_take_until(&rest, '.');
    slice_take_until(&rest, '.');
    bool has_two_dots = rest.ptr != NULL;
    return has_two_dots && id.len <= DLQ_ID_MOST && slice_has_only(id, ".-_");
}

static bool is_one_of(struct slice value, const char *const *words) {
    while (*words != NULL && !slice_is(value, *words))
        words++;
    return *words != NULL;
}

static enum status check(struct dlq_filter *filter, enum dlq_filter_member member,
                         struct slice value, struct error *error) {
    if (!dlq_text_is_valid(value, VALUE_MOST))
        return error_set(error, STATUS_INVALID, "%s: not a text of 1 to %d bytes", names[member],
                         VALUE_MOST);
    struct uuid order_id;
    switch (member) {
    case DLQ_FILTER_REASON:
        if (!is_one_of(value, reasons))
            return error_set(error, STATUS_INVALID,
                             "reason: not one of rejected, max_deliveries, no_report");
        break;
    case DLQ_FILTER_ORDER:
        if (!uuid_parse(value, &order_id))
            return error_set(error, STATUS_INVALID, "orderId: not the whole id of an order");
        break;
    case DLQ_FILTER_STATUS:
        if (!is_one_of(value, statuses))
            return error_set(error, STATUS_INVALID,
                             "status: not one of dead, replaying, replayed, resolved, discarded, "
                             "any");
        break;
    case DLQ_FILTER_FROM:
    case DLQ_FILTER_TO:
        if (!clock_parse(value, member == DLQ_FILTER_FROM ? &filter->from_us : &filter->to_us))
            return error_set(error, STATUS_INVALID, "%s: not a time such as 2026-01-31T12:00:00Z",
                             names[member]);
        break;
    default:
        break;
    }
    return STATUS_OK;
}

enum status dlq_filter_set(struct dlq_filter *filter, enum dlq_filter_member member,
                           struct slice value, struct error *error) {
    enum status status = check(filter, member, value, error);
    if (status == STATUS_OK)
        filter->text[member] = value;
    return status;
}

static enum status refuse_others(struct json_object *root, const char *const *others,
                                 struct error *error) {
    json_object_object_foreach(root, key, unused) {
        (void)unused;
        enum dlq_filter_member member;
        if (!dlq_filter_find(slice_of(key), &member) && !is_one_of(slice_of(key), others))
            return error_set(error, STATUS_INVALID, "%.64s: not known here", key);
    }
    return STATUS_OK;
}

enum status dlq_filter_read(struct json_object *root, const char *const *others,
                            struct dlq_filter *filter, struct error *error) {
    struct dlq_filter read = {0};
    enum status status = refuse_others(root, others, error);
    for (int i = 0; i < DLQ_FILTER_COUNT && status == STATUS_OK; i++) {
        struct slice value;
        status = json_get_string(root, names[i], &value, error);
        if (status == STATUS_OK)
            status = dlq_filter_set(&read, (enum dlq_filter_member)i, value, error);
        else if (status == STATUS_NOT_FOUND)
            status = STATUS_OK;
        else
            status = error_set(error, STATUS_INVALID, "%s: not a text", names[i]);
    }
    if (status == STATUS_OK)
        *filter = read;
    return status;
}

void dlq_filter_write(const struct dlq_filter *filter, struct json_writer *w) {
    for (int i = 0; i < DLQ_FILTER_COUNT; i++)
        if (filter->text[i].ptr != NULL)
            json_put_string(w, names[i], filter->text[i]);
}
