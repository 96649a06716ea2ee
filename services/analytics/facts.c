#include "services/analytics/facts.h"

#include <string.h>

static const struct {
    const char *name;
    enum event_type event;
} infos[] = {
#define FACT_ROW(id, name, event) [FACT_##id] = {name, EVENT_##event},
    FACT_TABLE(FACT_ROW)
#undef FACT_ROW
};

const char *fact_name(enum fact fact) {
    return infos[fact].name;
}

enum event_type fact_event(enum fact fact) {
    return infos[fact].event;
}

/* What was captured after its order had been shipped is paid as what was charged at once. */
bool fact_of_event(enum event_type type, enum fact *fact) {
    if (type == EVENT_PAYMENT_CAPTURED)
        type = EVENT_PAYMENT_SUCCEEDED;
    for (int i = 0; i < FACT_COUNT; i++) {
        if (infos[i].event == type) {
            *fact = (enum fact)i;
            return true;
        }
    }
    return false;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum status read_text(const struct json_value *data, const char *key, struct slice *text,
                             struct error *error) {
    enum status status = json_tree_get_string(data, key, text, error);
    if (status != STATUS_OK || text->len == 0 || text->len > 64)
        return error_set(error, STATUS_INVALID, "data.%s: not a short text", key);
    return STATUS_OK;
}

static enum status read_amount(const struct json_value *data, struct amount *amount,
                               struct error *error) {
    enum status status = json_tree_get_int64(data, "amountMinor", &amount->minor, error);
    if (status != STATUS_OK || amount->minor < 0 || amount->minor > ORDER_MAX_MINOR)
        return error_set(error, STATUS_INVALID, "data.amountMinor: not an amount");
    return read_text(data, "currency", &amount->currency, error);
}

/* A refund of a part says what was given back with it and before; without that it is all. */
static enum status read_refunded(const struct json_value *data, struct amount *amount,
                                 struct error *error) {
    int64_t so_far;
    enum status status = read_amount(data, amount, error);
    if (status == STATUS_OK &&
        json_tree_get_int64(data, "refundedMinor", &so_far, NULL) == STATUS_OK &&
        so_far > amount->minor && so_far <= ORDER_MAX_MINOR)
        amount->minor = so_far;
    return status;
}

enum status facts_read(const struct event *event, struct order_facts *facts, struct error *error) {
    enum fact fact;
    if (!fact_of_event(event->type, &fact))
        return error_set(error, STATUS_INVALID, "%s tells nothing of an order",
                         event_info(event->type)->type);
    if (event->time_us <= 0)
        return error_set(error, STATUS_INVALID, "time: before 1970");
    *facts = (struct order_facts){.order_id = event->order_id};
    facts->at_us[fact] = event->time_us;
    switch (fact) {
    case FACT_CREATED:
        return read_text(event->data, "flow", &facts->flow, error);
    case FACT_FAILED:
    case FACT_CANCELLED:
        return read_text(event->data, "reason", &facts->reason, error);
    case FACT_PAID:
        return read_amount(event->data, &facts->captured, error);
    case FACT_REFUNDED:
        return read_refunded(event->data, &facts->refunded, error);
    default:
        return STATUS_OK;
    }
}

/* --- joining ---------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a_us, int64_t b_us) {
    if (a_us == 0 || b_us == 0)
        return a_us + b_us;
    return a_us < b_us ? a_us : b_us;
}

static int compare_text(struct slice a, struct slice b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Whether what was said at `new_us` replaces what was said at `old_us`: it is earlier, or as early
   and `order` (new against old) says so. */
static bool wins(int64_t new_us, int64_t old_us, int order) {
    if (new_us == 0)
        return false;
    return old_us == 0 || new_us < old_us || (new_us == old_us && order < 0);
}

static bool merge_text(struct slice *text, struct slice more, int64_t old_us, int64_t new_us) {
    if (!wins(new_us, old_us, compare_text(more, *text)))
        return false;
    *text = more;
    return true;
}

static bool merge_amount(struct amount *amount, const struct amount *more, int64_t old_us,
                         int64_t new_us) {
    int order = (more->minor > amount->minor) - (more->minor < amount->minor);
    if (order == 0)
        order = compare_text(more->currency, amount->currency);
    if (!wins(new_us, old_us, order))
        return false;
    *amount = *more;
    return true;
}

/* The most that any of them said: each says what was given back so far. */
static bool merge_refunded(struct amount *amount, const struct amount *more, int64_t new_us) {
    int order = (more->minor > amount->minor) - (more->minor < amount->minor);
    if (new_us == 0 || order < 0 ||
        (order == 0 && compare_text(more->currency, amount->currency) <= 0))
        return false;
    *amount = *more;
    return true;
}

static int64_t ended_us(const struct order_facts *facts) {
    return earlier(facts->at_us[FACT_FAILED], facts->at_us[FACT_CANCELLED]);
}

static void merge_told(struct order_told *told, const struct order_told *more) {
    if (told->order == NULL)
        told->order = more->order;
    if (told->payment_id.len == 0)
        told->payment_id = more->payment_id;
    if (told->parcel_count == 0) {
        told->parcels = more->parcels;
        told->parcel_count = more->parcel_count;
    }
}

bool facts_merge(struct order_facts *facts, const struct order_facts *more) {
    bool changed = false;
    merge_told(&facts->told, &more->told);
    changed |=
        merge_text(&facts->flow, more->flow, facts->at_us[FACT_CREATED], more->at_us[FACT_CREATED]);
    changed |= merge_text(&facts->reason, more->reason, ended_us(facts), ended_us(more));
    changed |= merge_amount(&facts->captured, &more->captured, facts->at_us[FACT_PAID],
                            more->at_us[FACT_PAID]);
    changed |= merge_refunded(&facts->refunded, &more->refunded, more->at_us[FACT_REFUNDED]);
    for (int i = 0; i < FACT_COUNT; i++) {
        int64_t at_us = earlier(facts->at_us[i], more->at_us[i]);
        changed |= at_us != facts->at_us[i];
        facts->at_us[i] = at_us;
    }
    return changed;
}
