#include "bench/parts/consuming.h"

#include "bench/parts/limits.h"
#include "bench/parts/sample_event.h"
#include "shared/base/clock.h"
#include "shared/consume/consumer.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"
#include "shared/pg/pg_columns.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STREAM "ORDERS"
#define DURABLE "inventory"
#define SUBJECT "orders.evt.created"
#define POISON_CUSTOMER "POISON"
#define BATCH_MAX 256 /* the default of OM_BATCH_MAX */
#define STORE_LIMIT_MS 60000
#define END_LIMIT_MS 180000
#define REQUEST_TIMEOUT_MS 5000

static const char table_sql[] =
    "CREATE TABLE inventory.bench_effects (event_id uuid PRIMARY KEY, status int NOT NULL);"
    "GRANT ALL ON inventory.bench_effects TO om_inventory";

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

static void require_nats(natsStatus status, const char *doing) {
    if (status != NATS_OK)
        fixture_fail("%s: %s", doing, natsStatus_GetText(status));
}

/* --- events ----------------------------------------------------------------------------------- */

static bool is_poison(const struct consuming *consuming, int64_t number) {
    return consuming->poison_each > 0 && number % consuming->poison_each == 0;
}

/* Of the poison, every other one cannot be read. */
static void write_payload(const struct consuming *consuming, int64_t number, struct uuid id,
                          struct buf *payload) {
    char traceparent[TRACEPARENT_SIZE];
    bool is_bad = is_poison(consuming, number);
    if (is_bad && number / consuming->poison_each % 2 == 0)
        buf_append_text(payload, "{\"specversion\":\"1.0\",");
    else
        sample_event_write(id, slice_of(is_bad ? POISON_CUSTOMER : "C100"), payload, traceparent);
}

void consuming_fill(struct servers *servers, const struct consuming *consuming) {
    struct limit_nats nats = limit_connect(servers);
    struct buf payload = {0};
    for (int64_t i = 0; i < consuming->events; i++) {
        struct uuid id = uuid_v7();
        char text[UUID_TEXT_SIZE];
        jsPubOptions options;
        uuid_format(&id, text);
        jsPubOptions_Init(&options);
        options.MsgId = text;
        buf_clear(&payload);
        write_payload(consuming, i, id, &payload);
        require_nats(js_PublishAsync(nats.js, SUBJECT, payload.ptr, (int)payload.len, &options),
                     "publishing");
    }
    jsPubOptions wait;
    jsPubOptions_Init(&wait);
    wait.MaxWait = STORE_LIMIT_MS;
    require_nats(js_PublishAsyncComplete(nats.js, &wait), "waiting for acknowledgements");
    buf_fini(&payload);
    limit_disconnect(&nats);
}

/* --- the handler ------------------------------------------------------------------------------ */

static const struct pg_statement insert_effects = {
    "bench_effects",
    "INSERT INTO inventory.bench_effects SELECT id, 1 FROM unnest($1::uuid[]) AS id",
    1,
};

static bool take(struct batch *batch, struct delivery *delivery) {
    struct slice customer = SLICE_LITERAL("");
    struct error error = {0};
    if (json_tree_get_string(delivery->event.data, "customerId", &customer, &error) != STATUS_OK ||
        slice_is(customer, POISON_CUSTOMER)) {
        delivery_reject(delivery, STATUS_INVALID, "customerId: nobody's");
        return false;
    }
    outbox_add(batch->outbox, EVENT_INVENTORY_RELEASED, delivery->event.subject, &delivery->event,
               SLICE_LITERAL("{\"orderId\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\"}"));
    return true;
}

static enum status apply(struct batch *batch, struct error *error) {
    struct pg_columns columns;
    pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_UUID}, 1);
    for (size_t i = 0; i < batch->count; i++) {
        if (take(batch, batch->items[i]))
            pg_array_add_uuid(&columns.arrays[0], &batch->items[i]->event.id);
    }
    enum status status = pg_columns_queue(&columns, batch->pg, &insert_effects, error);
    pg_columns_fini(&columns);
    return status;
}

static const struct handler handler = {.apply = apply};
static const struct handler_row rows[] = {{EVENT_ORDER_CREATED, &handler}};
static const struct consumer_spec spec = {STREAM, DURABLE, rows, 1};

/* --- the run ---------------------------------------------------------------------------------- */

static int64_t figure(struct json_object *info, const char *key) {
    int64_t value = -1;
    (void)!json_get_int64(info, key, &value, NULL);
    return value;
}

/* Nothing is left to be delivered, nor to be acknowledged. */
static bool is_finished(void *closure) {
    struct nats_client *nats = closure;
    struct json_object *info = NULL;
    struct error error = {0};
    natsMsg *reply = NULL;
    require_nats(natsConnection_RequestString(&reply, nats_client_fast(nats),
                                              "$JS.API.CONSUMER.INFO." STREAM "." DURABLE, "",
                                              REQUEST_TIMEOUT_MS),
                 "asking for the consumer");
    require_ok(
        json_parse((struct slice){natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)},
                   &info, &error),
        &error);
    bool is_over = figure(info, "num_pending") == 0 && figure(info, "num_ack_pending") == 0;
    json_object_put(info);
    natsMsg_Destroy(reply);
    return is_over;
}

static struct nats_client *connect_as_operator(struct servers *servers) {
    struct nats_client *nats = NULL;
    struct error error = {0};
    const struct nats_client_options options = {
        .url = servers_nats_url(servers),
        .user = "operator",
        .password_file = servers_nats_password_file(servers, "operator"),
        .name = "bench-consume",
    };
    require_ok(nats_client_create(&options, &nats, &error), &error);
    return nats;
}

static double consume(struct servers *servers, struct nats_client *nats, int64_t events) {
    struct error error = {0};
    const struct consumer_options options = {
        .nats = nats,
        .database_url = servers_role_url(servers, "om_inventory"),
        .service = "inventory",
        .instance = "bench",
        .batch_max = BATCH_MAX,
    };
    struct consumer *consumer = consumer_create(&spec, &options);
    int64_t started_us = clock_monotonic_us();
    require_ok(consumer_start(consumer, &error), &error);
    if (!wait_until(is_finished, nats, END_LIMIT_MS))
        fixture_fail("the consumer did not finish");
    double seconds = (double)(clock_monotonic_us() - started_us) / 1e6;
    consumer_destroy(&consumer);
    return (double)events / seconds;
}

static const struct pg_statement count_effects = {
    "bench_count",
    "SELECT (SELECT count(*) FROM inventory.bench_effects),"
    " (SELECT count(*) FROM inventory.outbox WHERE subject = 'inventory.evt.released')",
    0,
};

static void require_effects(struct pg *pg, const struct consuming *consuming) {
    struct error error = {0};
    struct pg_result *result = NULL;
    int64_t healthy = consuming->events;
    if (consuming->poison_each > 0)
        healthy -= (consuming->events + consuming->poison_each - 1) / consuming->poison_each;
    require_ok(pg_query(pg, &count_effects, NULL, &result, &error), &error);
    if (pg_get_int64(result, 0, 0) != healthy || pg_get_int64(result, 0, 1) != healthy)
        fixture_fail("%" PRId64 " healthy events had %" PRId64 " effects and %" PRId64
                     " outbox rows",
                     healthy, pg_get_int64(result, 0, 0), pg_get_int64(result, 0, 1));
    pg_result_free(&result);
}

double consuming_run(struct servers *servers, const struct consuming *consuming) {
    struct error error = {0};
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    struct nats_client *nats = connect_as_operator(servers);
    require_ok(pg_connect(pg, &error), &error);
    require_ok(pg_script(pg, table_sql, &error), &error);
    double rate = consume(servers, nats, consuming->events);
    require_effects(pg, consuming);
    nats_client_destroy(&nats);
    pg_destroy(&pg);
    return rate;
}
