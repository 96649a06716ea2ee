/*
 * Relays between a real PostgreSQL and a real NATS: who writes events, and which the stream has.
 */
#ifndef OM_TESTS_INTEGRATION_SHARED_OUTBOX_RELAY_FIXTURE_H
#define OM_TESTS_INTEGRATION_SHARED_OUTBOX_RELAY_FIXTURE_H

#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/nats/nats_client.h"
#include "shared/outbox/outbox.h"
#include "shared/outbox/relay.h"
#include "shared/outbox/relay_pass.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"
#include "tests/support/servers/stream_change.h"

#define WAIT_MS 30000
#define ROLE "om_orders"
#define STREAM "ORDERS"

static jsCtx *js;

/* --- event ids: those written, and those found in the stream --- */

struct id_list {
    struct buf bytes; /* of struct uuid */
};

static inline size_t id_count(const struct id_list *list) {
    return list->bytes.len / sizeof(struct uuid);
}

static inline struct uuid *id_at(const struct id_list *list, size_t i) {
    return (struct uuid *)(void *)list->bytes.ptr + i;
}

static inline void id_add(struct id_list *list, const struct uuid *id) {
    buf_append(&list->bytes, id, sizeof(*id));
}

static inline int compare_ids(const void *a, const void *b) {
    return uuid_compare(a, b);
}

static inline void id_sort(struct id_list *list) {
    if (id_count(list) > 0)
        qsort(list->bytes.ptr, id_count(list), sizeof(struct uuid), compare_ids);
}

static inline bool id_lists_equal(const struct id_list *a, const struct id_list *b) {
    return a->bytes.len == b->bytes.len &&
           (a->bytes.len == 0 || memcmp(a->bytes.ptr, b->bytes.ptr, a->bytes.len) == 0);
}

static struct id_list published; /* in the stream's order */
static uint64_t read_sequence;   /* the stream's messages up to it are in `published` or older */

static inline uint64_t last_sequence(void) {
    jsStreamInfo *info = NULL;
    if (js_GetStreamInfo(&info, js, STREAM, NULL, NULL) != NATS_OK)
        return read_sequence; /* the broker is away: nothing new */
    uint64_t last = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    return last;
}

static inline bool read_message(uint64_t sequence) {
    natsMsg *message = NULL;
    const char *text = NULL;
    struct uuid id;
    if (js_GetMsg(&message, js, STREAM, sequence, NULL, NULL) != NATS_OK)
        return false;
    bool has_id = natsMsgHeader_Get(message, "Nats-Msg-Id", &text) == NATS_OK &&
                  uuid_parse(slice_of(text), &id);
    natsMsg_Destroy(message);
    if (!has_id)
        fixture_fail("a message without an event id");
    id_add(&published, &id);
    return true;
}

static inline bool has_published(void *closure) {
    const size_t *count = closure;
    uint64_t last = last_sequence();
    while (read_sequence < last && read_message(read_sequence + 1))
        read_sequence++;
    return id_count(&published) >= *count;
}

static inline bool are_published(size_t count, int64_t timeout_ms) {
    return wait_until(has_published, &count, timeout_ms);
}

/* The stream has exactly these events, each once. */
static inline void assert_published(struct id_list *expected) {
    if (!are_published(id_count(expected), WAIT_MS))
        fail_msg("%zu of %zu events are published", id_count(&published), id_count(expected));
    id_sort(expected);
    id_sort(&published);
    assert_true(id_lists_equal(&published, expected));
}

/* --- writing --- */

struct writer {
    struct pg *pg;
    struct outbox *outbox;
    struct id_list committed;
    struct relay *relay; /* that its rows are handed over to; NULL: they are only written */
};

static const struct pg_statement own_ids = {
    "test.own_ids", "SELECT event_id FROM outbox WHERE xid = pg_current_xact_id() ORDER BY id", 0};

static inline void writer_open(struct writer *writer) {
    *writer = (struct writer){.pg = pg_create(servers_role_url(servers, ROLE), "writer"),
                              .outbox = outbox_create()};
}

static inline void writer_close(struct writer *writer) {
    pg_destroy(&writer->pg);
    outbox_destroy(&writer->outbox);
    buf_fini(&writer->committed.bytes);
}

/* Leaves a transaction with `count` events open, and their ids in *ids. */
static inline void write_open(struct writer *writer, int count, struct id_list *ids) {
    static const char subject[] = "01890a5d-ac96-774b-bcce-b302099a8057";
    struct error error = {0};
    struct pg_result *result = NULL;
    outbox_clear(writer->outbox);
    for (int i = 0; i < count; i++)
        outbox_add(writer->outbox, EVENT_ORDER_CREATED, slice_of(subject), NULL,
                   SLICE_LITERAL("{}"));
    require_ok(pg_begin(writer->pg, &error), &error);
    if (writer->relay != NULL)
        require_ok(outbox_write_numbered(writer->outbox, writer->pg, &error), &error);
    else
        require_ok(outbox_write(writer->outbox, writer->pg, &error), &error);
    require_ok(pg_query(writer->pg, &own_ids, NULL, &result, &error), &error);
    for (int i = 0; i < pg_rows(result); i++) {
        struct uuid id = pg_get_uuid(result, i, 0);
        id_add(ids, &id);
    }
    pg_result_free(&result);
}

static inline void commit(struct writer *writer) {
    struct error error = {0};
    require_ok(pg_commit(writer->pg, &error), &error);
    if (writer->relay != NULL)
        relay_take(writer->relay, writer->outbox);
}

static inline void write_committed(struct writer *writer, int count) {
    write_open(writer, count, &writer->committed);
    commit(writer);
}

/* Takes over rows with the columns of relay_read_sql. */
static inline struct relay_pass pass_of(struct pg_result *result) {
    struct relay_pass pass = {.result = result};
    pass.rows = mem_alloc((size_t)pg_rows(result) * sizeof(*pass.rows));
    for (int i = 0; i < pg_rows(result); i++)
        pass.rows[pass.row_count++] = relay_row_of(result, i);
    return pass;
}

/* --- relays --- */

static inline struct relay *start_relay_over(struct nats_client *connection, int64_t batch_max) {
    struct error error = {0};
    struct relay *relay = relay_create(&(struct relay_options){
        .nats = connection,
        .database_url = servers_role_url(servers, ROLE),
        .schema = "orders",
        .batch_max = batch_max,
        .poll_ms = 20,
    });
    require_ok(relay_start(relay, &error), &error);
    return relay;
}

static inline struct relay *start_relay(int64_t batch_max) {
    return start_relay_over(nats, batch_max);
}

static inline bool is_ready(void *closure) {
    return relay_is_ready(closure, NULL);
}

static inline bool is_stopped(void *closure) {
    return relay_is_stopped(closure);
}

static inline void stop_relay(struct relay **relay) {
    relay_drain(*relay);
    assert_true(wait_until(is_stopped, *relay, WAIT_MS));
    relay_destroy(relay);
}

/* --- the program --- */

static inline int each_setup(void **state) {
    (void)state;
    buf_clear(&published.bytes);
    read_sequence = last_sequence();
    return 0;
}

static inline int setup(void **state) {
    system_setup(state);
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(nats), NULL), NATS_OK);
    return 0;
}

static inline int teardown(void **state) {
    buf_fini(&published.bytes);
    jsCtx_Destroy(js);
    return servers_teardown(state);
}

#endif
