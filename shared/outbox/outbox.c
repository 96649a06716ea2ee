#include "shared/outbox/outbox.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/pg/pg_param.h"

#include <stdlib.h>
#include <string.h>

struct outbox {
    struct pg_array event_ids;
    struct pg_array subjects;
    struct pg_array traceparents;
    struct pg_array payloads;
    struct buf envelope;
    size_t count;
};

/* unnest keeps the arrays' order, so ids rise in the order of outbox_add(). */
static const struct pg_statement insert_rows = {
    .name = "outbox_insert",
    .sql = "INSERT INTO outbox (event_id, subject, traceparent, payload) "
           "SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[])",
    .param_count = 4,
};

struct outbox *outbox_create(void) {
    struct outbox *outbox = mem_alloc(sizeof(*outbox));
    pg_array_init(&outbox->event_ids, PG_ARRAY_UUID);
    pg_array_init(&outbox->subjects, PG_ARRAY_TEXT);
    pg_array_init(&outbox->traceparents, PG_ARRAY_TEXT);
    pg_array_init(&outbox->payloads, PG_ARRAY_BYTES);
    return outbox;
}

void outbox_destroy(struct outbox **outbox) {
    struct outbox *o = *outbox;
    *outbox = NULL;
    if (o == NULL)
        return;
    pg_array_fini(&o->event_ids);
    pg_array_fini(&o->subjects);
    pg_array_fini(&o->traceparents);
    pg_array_fini(&o->payloads);
    buf_fini(&o->envelope);
    free(o);
}

void outbox_clear(struct outbox *outbox) {
    pg_array_clear(&outbox->event_ids);
    pg_array_clear(&outbox->subjects);
    pg_array_clear(&outbox->traceparents);
    pg_array_clear(&outbox->payloads);
    outbox->count = 0;
}

size_t outbox_count(const struct outbox *outbox) {
    return outbox->count;
}

void outbox_add(struct outbox *outbox, enum event_type type, struct slice subject,
                const struct event *cause, struct slice data) {
    struct event_head head = {
        .type = type,
        .id = uuid_v7(),
        .subject = subject,
        .cause = cause,
        .time_us = clock_now_us(),
    };
    if (cause == NULL) {
        head.trace = trace_start();
        head.correlation_id = subject;
    }
    char traceparent[TRACEPARENT_SIZE];
    buf_clear(&outbox->envelope);
    event_encode(&head, data, &outbox->envelope, traceparent);
    pg_array_add_uuid(&outbox->event_ids, &head.id);
    pg_array_add_slice(&outbox->subjects, slice_of(event_info(type)->subject));
    pg_array_add_slice(&outbox->traceparents, slice_of(traceparent));
    pg_array_add_slice(&outbox->payloads, buf_slice(&outbox->envelope));
    outbox->count++;
}

enum status outbox_write(struct outbox *outbox, struct pg *pg, struct error *error) {
    if (outbox->count == 0)
        return STATUS_OK;
    const struct pg_param params[] = {
        pg_array(&outbox->event_ids),
        pg_array(&outbox->subjects),
        pg_array(&outbox->traceparents),
        pg_array(&outbox->payloads),
    };
    return pg_queue(pg, &insert_rows, params, error);
}
