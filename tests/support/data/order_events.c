#include "tests/support/data/order_events.h"

#include "shared/base/memory.h"
#include "shared/contract/order_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MOST 8
#define STEP_US 10000

enum outcome_made { MADE_COMPLETED, MADE_PENDING, MADE_SHORT, MADE_DECLINED, MADE_CANCELLED, MADE };

static const enum event_type lives[MADE][LIFE_MOST] = {
    [MADE_COMPLETED] = {EVENT_ORDER_CREATED, EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_SUCCEEDED,
                        EVENT_ORDER_CONFIRMED, EVENT_NOTIFICATION_SENT, EVENT_SHIPPING_SHIPPED,
                        EVENT_ORDER_COMPLETED},
    [MADE_PENDING] = {EVENT_ORDER_CREATED, EVENT_INVENTORY_RESERVED},
    [MADE_SHORT] = {EVENT_ORDER_CREATED, EVENT_INVENTORY_REJECTED, EVENT_ORDER_FAILED,
                    EVENT_NOTIFICATION_FAILED},
    [MADE_DECLINED] = {EVENT_ORDER_CREATED, EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_FAILED,
                       EVENT_ORDER_FAILED, EVENT_INVENTORY_RELEASED},
    [MADE_CANCELLED] = {EVENT_ORDER_CREATED, EVENT_INVENTORY_RESERVED, EVENT_PAYMENT_SUCCEEDED,
                        EVENT_ORDER_CONFIRMED, EVENT_ORDER_CANCELLED, EVENT_INVENTORY_RELEASED,
                        EVENT_PAYMENT_REFUNDED},
};

static const char *const reasons[MADE] = {
    [MADE_SHORT] = "out_of_stock",
    [MADE_DECLINED] = "payment_declined",
    [MADE_CANCELLED] = "cancelled_by_customer",
};

int64_t order_events_total_minor(size_t order) {
    return 1000 + 10 * (int64_t)order;
}

static void put_number(struct json_writer *w, const char *key, const char *prefix, size_t number) {
    char text[40];
    snprintf(text, sizeof(text), "%s%zu", prefix, number);
    json_put_text(w, key, text);
}

static void write_snapshot(struct json_writer *w, const char *order_id, size_t order) {
    char sku[40];
    struct order_item item = {.quantity = 1, .unit_price_minor = ORDER_EVENTS_PRICE_MINOR};
    struct order_snapshot snapshot = {
        .tenant = SLICE_LITERAL("default"),
        .customer_id = SLICE_LITERAL("C100"),
        .currency = SLICE_LITERAL("USD"),
        .flow = (enum order_flow)(order % 3),
        .payment_method = SLICE_LITERAL("pm_card_visa"),
        .total_minor = order_events_total_minor(order),
        .items = &item,
        .item_count = 1,
    };
    snprintf(sku, sizeof(sku), "MADE-%zu", order % ORDER_EVENTS_SKUS);
    item.sku = slice_of(sku);
    uuid_parse(slice_of(order_id), &snapshot.order_id);
    order_snapshot_write(&snapshot, w);
}

static void write_data(struct buf *out, const char *order_id, size_t order) {
    const char *reason = reasons[order % MADE];
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    write_snapshot(&w, order_id, order);
    json_put_int(&w, "amountMinor", ORDER_EVENTS_PRICE_MINOR);
    put_number(&w, "chargeId", "ch_", order);
    put_number(&w, "trackingNumber", "TRACK-", order);
    if (reason != NULL)
        json_put_text(&w, "reason", reason);
    json_end_object(&w);
}

static struct made_event *new_event(struct order_events *events) {
    if (events->count == events->capacity) {
        size_t capacity = events->capacity > 0 ? events->capacity * 2 : 256;
        struct made_event *items = mem_alloc(capacity * sizeof(*items));
        if (events->count > 0)
            memcpy(items, events->items, events->count * sizeof(*items));
        free(events->items);
        events->items = items;
        events->capacity = capacity;
    }
    return &events->items[events->count++];
}

/* Envelopes name their cause, which is the event before. */
static void add_life(struct order_events *events, size_t order, int64_t at_us) {
    const enum event_type *life = lives[order % MADE];
    struct uuid order_id = uuid_v7();
    struct event cause = {0};
    struct buf data = {0};
    char subject[UUID_TEXT_SIZE];
    uuid_format(&order_id, subject);
    write_data(&data, subject, order);
    for (size_t i = 0; i < LIFE_MOST && (i == 0 || life[i] != EVENT_ORDER_SUBMIT); i++) {
        struct made_event *made = new_event(events);
        bool is_payment = life[i] == EVENT_PAYMENT_SUCCEEDED;
        at_us += is_payment ? ORDER_EVENTS_PAYMENT_MS * 1000 : STEP_US;
        *made = (struct made_event){.type = life[i], .id = uuid_v7(), .order_id = order_id};
        const struct event_head head = {
            .type = life[i],
            .id = made->id,
            .subject = slice_of(subject),
            .cause = i > 0 ? &cause : NULL,
            .trace = trace_start(),
            .correlation_id = slice_of(subject),
            .time_us = at_us,
        };
        event_encode(&head, buf_slice(&data), &made->payload, NULL);
        cause = (struct event){.id = made->id, .correlation_id = slice_of(subject)};
    }
    buf_fini(&data);
}

void order_events_add(struct order_events *events, size_t orders, int64_t start_us) {
    for (size_t i = 0; i < orders; i++)
        add_life(events, i, start_us + (int64_t)i * 1000000);
}

void order_events_fini(struct order_events *events) {
    for (size_t i = 0; i < events->count; i++)
        buf_fini(&events->items[i].payload);
    free(events->items);
    *events = (struct order_events){0};
}

void order_events_shuffle(struct order_events *events, unsigned seed) {
    for (size_t i = events->count; i > 1; i--) {
        size_t other = (size_t)rand_r(&seed) % i;
        struct made_event event = events->items[i - 1];
        events->items[i - 1] = events->items[other];
        events->items[other] = event;
    }
}
