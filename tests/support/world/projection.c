#include "tests/support/world/projection.h"

#include "shared/base/memory.h"
#include "tests/support/base/test.h"

/* libpq has a type of the same name as a function of shared/pg/pg.h. */
#define pg_int64 libpq_int64
#include <libpq-fe.h>
#undef pg_int64

#define ROWS_MOST 8

static const char *const streams[PROJECTION_STREAMS] = {"ORDERS", "INVENTORY", "PAYMENTS",
                                                        "SHIPPING", "NOTIFICATIONS"};
static struct handler_row rows[PROJECTION_STREAMS][ROWS_MOST];
static struct consumer_spec specs[PROJECTION_STREAMS];

static size_t stream_of(enum event_type type) {
    size_t stream = 0;
    while (strcmp(streams[stream], event_info(type)->stream) != 0)
        stream++;
    return stream;
}

static void list_types(const struct handler *handler) {
    static const enum event_type types[] = {
        EVENT_ORDER_CREATED,      EVENT_ORDER_CONFIRMED,    EVENT_ORDER_COMPLETED,
        EVENT_ORDER_FAILED,       EVENT_ORDER_CANCELLED,    EVENT_INVENTORY_RESERVED,
        EVENT_INVENTORY_REJECTED, EVENT_INVENTORY_RELEASED, EVENT_PAYMENT_SUCCEEDED,
        EVENT_PAYMENT_FAILED,     EVENT_PAYMENT_REFUNDED,   EVENT_SHIPPING_SHIPPED,
        EVENT_SHIPPING_FAILED,    EVENT_NOTIFICATION_SENT,  EVENT_NOTIFICATION_FAILED,
    };
    for (size_t i = 0; i < PROJECTION_STREAMS; i++)
        specs[i] = (struct consumer_spec){streams[i], "analytics", rows[i], 0};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t stream = stream_of(types[i]);
        rows[stream][specs[stream].row_count++] = (struct handler_row){types[i], handler};
    }
}

void projection_open(struct projection *projection, struct servers *servers,
                     const struct handler *handler) {
    list_types(handler);
    projection->conn = PQconnectdb(servers_postgres_url(servers));
    assert_int_equal(PQstatus(projection->conn), CONNECTION_OK);
    for (size_t i = 0; i < PROJECTION_STREAMS; i++)
        projection->drives[i] =
            drive_create(servers_role_url(servers, "om_analytics"), &specs[i], NULL);
}

void projection_close(struct projection *projection) {
    for (size_t i = 0; i < PROJECTION_STREAMS; i++)
        drive_destroy(&projection->drives[i]);
    PQfinish(projection->conn);
    projection->conn = NULL;
}

void projection_clear(struct projection *projection) {
    projection_execute(projection,
                       "TRUNCATE analytics.order_facts, analytics.counts, analytics.order_terms,"
                       " analytics.inbox");
}

/* --- driving --- */

static size_t drive_part(struct projection *projection, size_t stream,
                         const struct made_event *items, size_t count) {
    struct drive_message *messages = mem_alloc(count * sizeof(*messages));
    struct error error;
    size_t wanted = 0, dropped = 0;
    for (size_t i = 0; i < count; i++) {
        if (stream_of(items[i].type) == stream)
            messages[wanted++].payload = buf_slice(&items[i].payload);
    }
    if (wanted > 0 &&
        drive_batch(projection->drives[stream], messages, wanted, &error) != STATUS_OK)
        fail_msg("%s: %s %s", streams[stream], error.sqlstate, error.text);
    for (size_t i = 0; i < wanted; i++) {
        assert_int_equal(messages[i].outcome, OUTCOME_DONE);
        dropped += messages[i].is_duplicate;
    }
    free(messages);
    return dropped;
}

size_t projection_drive(struct projection *projection, const struct order_events *events,
                        size_t from, size_t to, size_t batch) {
    size_t dropped = 0;
    for (; from < to; from += batch) {
        size_t count = to - from < batch ? to - from : batch;
        for (size_t stream = 0; stream < PROJECTION_STREAMS; stream++)
            dropped += drive_part(projection, stream, events->items + from, count);
    }
    return dropped;
}

/* --- asking --- */

char *projection_query_text(struct projection *projection, const char *sql) {
    PGresult *result = PQexec(projection->conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    char *text = mem_copy(slice_of(PQgetvalue(result, 0, 0)));
    PQclear(result);
    return text;
}

char *projection_digest(struct projection *projection) {
    return projection_query_text(
        projection, "SELECT (SELECT md5(string_agg(f::text, ';' ORDER BY f.order_id))"
                    "        FROM analytics.order_facts f)"
                    "    || (SELECT md5(string_agg(c::text, ';' ORDER BY c::text))"
                    "        FROM analytics.counts c WHERE value <> 0)"
                    "    || (SELECT coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '')"
                    "        FROM analytics.order_terms t)");
}

int64_t projection_query(struct projection *projection, const char *sql) {
    char *text = projection_query_text(projection, sql);
    int64_t value = strtoll(text, NULL, 10);
    free(text);
    return value;
}

void projection_execute(struct projection *projection, const char *sql) {
    PGresult *result = PQexec(projection->conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
}
