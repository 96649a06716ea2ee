#include "services/analytics/terms.h"

#include "services/analytics/histogram.h"
#include "services/analytics/measure.h"
#include "shared/crypto/crypto.h"

#include <stdio.h>

enum { FIRST_CAPACITY = 256, CURRENCY_MOST = 8 };

/* --- one term --------------------------------------------------------------------------------- */

int64_t term_of(enum term_kind kind, struct slice tenant, struct slice value) {
    static const char letters[] = {
#define TERM_LETTER(id, letter) [TERM_##id] = (letter),
        TERM_TABLE(TERM_LETTER)
#undef TERM_LETTER
    };
    uint8_t hash[32];
    uint64_t term = 0;
    struct buf text = {0};
    buf_printf(&text, "%c%zu.", letters[kind], tenant.len);
    buf_append_slice(&text, tenant);
    buf_append_slice(&text, value);
    sha256(text.ptr, text.len, hash);
    buf_fini(&text);
    for (int i = 0; i < 8; i++)
        term = term << 8 | hash[i];
    return (int64_t)term;
}

int amount_class_of(int64_t minor) {
    return histogram_bin(minor);
}

int64_t term_of_amount(struct slice tenant, struct slice currency, int amount_class) {
    char value[80];
    int len = snprintf(value, sizeof(value), "%.*s%d", SLICE_ARG(currency), amount_class);
    return term_of(TERM_AMOUNT, tenant, (struct slice){value, (size_t)len});
}

bool status_is_term(struct slice status) {
    return slice_is(status, order_status_name(ORDER_FAILED)) ||
           slice_is(status, order_status_name(ORDER_CANCELLED));
}

/* --- what events say -------------------------------------------------------------------------- */

static bool read_number(const struct json_value *object, const char *key, struct slice *number) {
    return json_tree_get_string(object, key, number, NULL) == STATUS_OK && number->len > 0;
}

/* An order in parts has a number for each of its parcels. */
static void read_parcels(const struct event *event, struct arena *arena,
                         struct order_facts *facts) {
    const struct json_value *list = NULL;
    struct order_told *told = &facts->told;
    bool has_list = json_tree_get_array(event->data, "shipments", &list, NULL) == STATUS_OK;
    struct slice *numbers =
        arena_alloc(arena, (1 + (has_list ? list->count : 0)) * sizeof(*numbers));
    told->parcels = numbers;
    told->parcel_count = read_number(event->data, "trackingNumber", &numbers[0]);
    for (const struct json_value *parcel = has_list ? list->first : NULL; parcel != NULL;
         parcel = parcel->next)
        told->parcel_count += read_number(parcel, "trackingNumber", &numbers[told->parcel_count]);
}

static void read_snapshot(const struct event *event, struct arena *arena,
                          struct order_facts *facts) {
    struct order_snapshot *order = arena_alloc(arena, sizeof(*order));
    if (order_snapshot_parse(event->data, arena, order, NULL) == STATUS_OK &&
        order->currency.len <= CURRENCY_MOST)
        facts->told.order = order;
}

void terms_read(const struct event *event, struct arena *arena, struct order_facts *facts) {
    enum fact fact;
    if (!fact_of_event(event->type, &fact))
        return;
    if (fact == FACT_CREATED || fact == FACT_FAILED || fact == FACT_CANCELLED)
        read_snapshot(event, arena, facts);
    else if (fact == FACT_PAID)
        (void)read_number(event->data, "chargeId", &facts->told.payment_id);
    else if (fact == FACT_SHIPPED)
        read_parcels(event, arena, facts);
}

/* --- an order's ------------------------------------------------------------------------------- */

static void add_row(struct term_rows *rows, const struct term_row *row) {
    for (size_t i = rows->count; i > 0; i--) { /* an order may have one SKU on two lines */
        const struct term_row *other = &rows->items[i - 1];
        if (uuid_compare(&other->order_id, &row->order_id) != 0)
            break;
        if (other->term == row->term && other->at_us == row->at_us)
            return;
    }
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity > 0 ? 2 * rows->capacity : FIRST_CAPACITY;
        struct term_row *items = arena_alloc(rows->arena, capacity * sizeof(*items));
        if (rows->count > 0)
            memcpy(items, rows->items, rows->count * sizeof(*items));
        rows->items = items;
        rows->capacity = capacity;
    }
    rows->items[rows->count++] = *row;
}

/* When the order was taken in, or refused at once; 0 when nothing of either is known. */
static int64_t begun_us(const struct order_facts *facts) {
    int64_t failed_us = facts->at_us[FACT_FAILED], cancelled_us = facts->at_us[FACT_CANCELLED];
    if (facts->at_us[FACT_CREATED] != 0)
        return facts->at_us[FACT_CREATED];
    return failed_us != 0 && (cancelled_us == 0 || failed_us < cancelled_us) ? failed_us
                                                                             : cancelled_us;
}

static void add_terms(const struct order_facts *facts, const struct order_snapshot *order,
                      struct term_rows *rows) {
    const char *status = order_status_name(facts_status(facts));
    struct term_row row = {0, begun_us(facts), facts->order_id, order->total_minor};
    if (row.at_us == 0)
        return;
    for (size_t i = 0; i < order->item_count; i++) {
        row.term = term_of(TERM_SKU, order->tenant, order->items[i].sku);
        add_row(rows, &row);
    }
    row.term = term_of_amount(order->tenant, order->currency, amount_class_of(order->total_minor));
    add_row(rows, &row);
    if (!status_is_term(slice_of(status)))
        return;
    row.term = term_of(TERM_STATUS, order->tenant, slice_of(status));
    add_row(rows, &row);
    row.term = term_of(TERM_REASON, order->tenant, facts->reason);
    add_row(rows, &row);
}

static void add_references(const struct order_facts *facts, struct term_rows *rows) {
    const struct order_told *told = &facts->told;
    struct term_row row = {.order_id = facts->order_id};
    for (size_t i = 0; i < told->parcel_count; i++) {
        row.term = term_of(TERM_TRACKING, slice_of(NULL), told->parcels[i]);
        add_row(rows, &row);
    }
    if (told->payment_id.len == 0)
        return;
    row.term = term_of(TERM_PAYMENT, slice_of(NULL), told->payment_id);
    add_row(rows, &row);
}

static bool has_row(const struct term_rows *rows, const struct term_row *wanted) {
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i].term == wanted->term && rows->items[i].at_us == wanted->at_us)
            return true;
    return false;
}

static void add_missing(const struct term_rows *from, const struct term_rows *there,
                        struct term_rows *to) {
    for (size_t i = 0; i < from->count; i++)
        if (!has_row(there, &from->items[i]))
            add_row(to, &from->items[i]);
}

void terms_change(const struct order_facts *before, const struct order_facts *after,
                  struct term_rows *added, struct term_rows *removed) {
    struct term_rows old = {.arena = added->arena}, now = {.arena = added->arena};
    add_references(after, added);
    if (after->told.order == NULL)
        return;
    if (before == NULL || begun_us(before) == 0) {
        add_terms(after, after->told.order, added);
        return;
    }
    add_terms(before, after->told.order, &old);
    add_terms(after, after->told.order, &now);
    add_missing(&now, &old, added);
    add_missing(&old, &now, removed);
}
