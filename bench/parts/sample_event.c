#include "bench/parts/sample_event.h"

#include "shared/base/clock.h"
#include "shared/contract/event.h"
#include "shared/contract/order_snapshot.h"

/* As long as a sealed e-mail address is. */
#define SEALED                                                                                     \
    "1."                                                                                           \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

void sample_event_write(struct uuid id, struct slice customer_id, struct buf *payload,
                        char *traceparent) {
    struct order_item items[] = {
        {SLICE_LITERAL("TSHIRT-BLK-M"), 1, 1999},
        {SLICE_LITERAL("PROD-101"), 2, 4999},
    };
    const struct order_snapshot snapshot = {
        .order_id = uuid_v7(),
        .tenant = SLICE_LITERAL("default"),
        .customer_id = customer_id,
        .currency = SLICE_LITERAL("USD"),
        .payment_method = SLICE_LITERAL("pm_card_visa"),
        .total_minor = 11997,
        .items = items,
        .item_count = 2,
        .sealed = SLICE_LITERAL(SEALED),
    };
    struct buf data = {0};
    struct json_writer w = json_writer(&data);
    json_begin_object(&w);
    order_snapshot_write(&snapshot, &w);
    json_end_object(&w);
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&snapshot.order_id, order_id);
    const struct event_head head = {
        .type = EVENT_ORDER_CREATED,
        .id = id,
        .subject = slice_of(order_id),
        .trace = trace_start(),
        .correlation_id = slice_of(order_id),
        .time_us = clock_now_us(),
    };
    event_encode(&head, buf_slice(&data), payload, traceparent);
    buf_fini(&data);
}
