/* om-test-dump: every message of the streams (stream_dump.h), for whoever checks them against their
   schemas. Exit code: 0 done, 1 failed.

   Of the server that OM_NATS_URL names (with user and password); without it, of a mesh of its own
   in which orders have gone every way there is. */
#include "shared/base/clock.h"
#include "shared/contract/event.h"
#include "tests/support/mesh/mesh_client.h"
#include "tests/support/mesh/stream_dump.h"
#include "tests/support/network/smtp_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_TIMEOUT_MS 20000
#define SETTLE_MS 60000

/* --- the story --- */

struct story {
    struct smtp_server *mail; /* refuses all mail in the beginning */
    struct mesh *mesh;
    struct clients *clients;
    jsCtx *js;
};

#define SPREAD_SKU "SPREAD" /* two in main, and two in another warehouse */

static const struct told_order {
    const char *flow;
    const char *sku;
    int quantity;
    const char *payment_method;
    const char *cancelled_when; /* NULL: never */
    const char *end;
    bool is_paid_on_shipment;
} told_orders[] = {
    {"inventory-first", "TSHIRT-BLK-M", 2, "pm_card_visa", NULL, "COMPLETED", false},
    {"payment-first", "TSHIRT-BLK-M", 1, "pm_card_visa", NULL, "COMPLETED", false},
    {"parallel", "TSHIRT-BLK-M", 1, "pm_card_visa", NULL, "COMPLETED", false},
    {"inventory-first", "TSHIRT-GRY-S", 999, "pm_card_visa", NULL, "FAILED", false},
    {"payment-first", "TSHIRT-GRY-S", 999, "pm_card_visa", NULL, "FAILED", false},
    {"parallel", "SKU-123", 1, "pm_card_chargeDeclined", NULL, "FAILED", false},
    {"inventory-first", "NO-SUCH-THING", 1, "pm_card_visa", NULL, "FAILED", false},
    {"inventory-first", MESH_UNSHIPPABLE_SKU, 1, "pm_card_visa", NULL, "FAILED", false},
    {"payment-first", "SKU-123", 1, "pm_card_visa", NULL, "COMPLETED", true},
    {"inventory-first", "SKU-123", 1, "pm_sim_expired", NULL, "COMPLETED", true},
    {"inventory-first", MESH_UNSHIPPABLE_SKU, 1, "pm_card_visa", NULL, "FAILED", true},
    {"inventory-first", "SKU-123", 1, "pm_sim_delay_500", "PENDING", "CANCELLED", false},
    {"payment-first", "SKU-123", 1, "pm_sim_action_500", NULL, "COMPLETED", false},
    {"inventory-first", SPREAD_SKU, 3, "pm_card_visa", NULL, "COMPLETED", false},
};
#define TOLD_ORDERS (sizeof(told_orders) / sizeof(told_orders[0]))

/* Cancelled after it was confirmed, and before it was shipped. */
static const struct told_order stopped_order = {
    "inventory-first", "SKU-123", 1, "pm_card_visa", "CONFIRMED", "CANCELLED", false};

/* A piece of it is cancelled then. */
static const struct told_order cut_order = {"inventory-first", "SKU-123", 2, "pm_card_visa", NULL,
                                            "COMPLETED",       false};

/* `body` NULL: none. Ends the program unless the answer, which is the caller's, is a good one. */
static void ask_for(struct story *story, const char *method, const char *path, const char *body,
                    struct buf *answer) {
    struct http_client *http = http_client_create();
    struct http_response response;
    char url[300];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/v1/%s", (int)mesh_http_port(story->mesh),
             path);
    const char *const headers[] = {"Idempotency-Key: dump", NULL};
    const struct http_request request = {
        .method = method, .url = url, .body = body, .headers = answer != NULL ? headers : NULL};
    if (http_send(http, &request, &response) / 100 != 2)
        fixture_fail("%s %s: %ld %s", method, path, response.status, response.body.ptr);
    if (answer != NULL)
        buf_append_slice(answer, buf_slice(&response.body));
    http_response_fini(&response);
    http_client_destroy(&http);
}

static void ask(struct story *story, const char *method, const char *path, const char *body) {
    ask_for(story, method, path, body, NULL);
}

/* A piece of a completed order. */
static void send_back(struct story *story, const char *id) {
    static const char member[] = "\"returnId\":\"";
    char path[200];
    struct buf made = {0};
    snprintf(path, sizeof(path), "orders/%s/returns", id);
    ask_for(story, "POST", path,
            "{\"items\":[{\"line\":1,\"quantity\":1}],\"reason\":\"too small\"}", &made);
    const char *found = strstr(made.ptr, member);
    if (found == NULL)
        fixture_fail("no return: %s", made.ptr);
    snprintf(path, sizeof(path), "orders/%s/returns/%.36s/receive", id, found + strlen(member));
    ask(story, "POST", path,
        "{\"items\":[{\"line\":1,\"quantity\":1,\"disposition\":\"restock\"}]}");
    buf_fini(&made);
}

static void cancel_a_piece(struct story *story, const char *id) {
    char path[100];
    struct buf made = {0};
    snprintf(path, sizeof(path), "orders/%s/cancel", id);
    ask_for(story, "POST", path,
            "{\"items\":[{\"line\":1,\"quantity\":1}],\"reason\":\"one will do\"}", &made);
    buf_fini(&made);
}

static void cancel(struct story *story, const char *id) {
    char path[100];
    snprintf(path, sizeof(path), "orders/%s/cancel", id);
    ask(story, "POST", path, NULL);
}

static void offer_unshippable(struct story *story) {
    ask(story, "PUT", "products/" MESH_UNSHIPPABLE_SKU,
        "{\"name\":\"An anvil\",\"priceMinor\":100,\"currency\":\"USD\"}");
    ask(story, "POST", "products/" MESH_UNSHIPPABLE_SKU "/stock-adjustments",
        "{\"delta\":10,\"reason\":\"delivery\","
        "\"adjustmentId\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\"}");
}

static void offer_spread(struct story *story) {
    ask(story, "PUT", "products/" SPREAD_SKU,
        "{\"name\":\"A pair\",\"priceMinor\":100,\"currency\":\"USD\"}");
    ask(story, "POST", "products/" SPREAD_SKU "/stock-adjustments",
        "{\"delta\":2,\"reason\":\"delivery\","
        "\"adjustmentId\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2c\"}");
    ask(story, "POST", "products/" SPREAD_SKU "/stock-adjustments",
        "{\"delta\":2,\"reason\":\"delivery\",\"warehouse\":\"north\","
        "\"adjustmentId\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2d\"}");
}

static void place(struct story *story, const struct told_order *told, int number, char *id) {
    struct placed_order order;
    struct buf body = {0};
    char key[32];
    snprintf(key, sizeof(key), "dump-%d", number);
    buf_printf(&body,
               "{\"customerId\":\"C100\",\"email\":\"c100@example.com\",\"currency\":\"USD\","
               "\"flow\":\"%s\",\"capture\":\"%s\",\"items\":[{\"sku\":\"%s\",\"quantity\":%d}],"
               "\"paymentMethod\":\"%s\"}",
               told->flow, told->is_paid_on_shipment ? "on_shipment" : "automatic", told->sku,
               told->quantity, told->payment_method);
    clients_place(story->clients, key, body.ptr, &order);
    if (order.status != 202)
        fixture_fail("%s: %ld %s", body.ptr, order.status, order.body.ptr);
    snprintf(id, sizeof(order.id), "%s", order.id);
    placed_order_fini(&order);
    buf_fini(&body);
}

static void await_status(struct story *story, const char *id, const char *status) {
    struct buf last = {0};
    if (!clients_await_status(story->clients, id, status, END_TIMEOUT_MS, &last))
        fixture_fail("order %s is not %s: %s", id, status, last.ptr);
    buf_fini(&last);
}

static void begin(struct story *story, const struct told_order *told, int number, char *id) {
    place(story, told, number, id);
    if (told->cancelled_when == NULL)
        return;
    await_status(story, id, told->cancelled_when);
    cancel(story, id);
}

/* Shipping dies over the confirmation, which comes again after a while only: the wish to stop
   overtakes it. It is ready before, or it could die over the wish, and ship. */
static void let_shipping_die(struct story *story) {
    mesh_kill(story->mesh, MESH_SHIPPING);
    mesh_launch(story->mesh, MESH_SHIPPING, "consumer.before_inbox:1");
    if (!mesh_await_ready(story->mesh, END_TIMEOUT_MS))
        fixture_fail("shipping does not get ready");
}

static void stop_an_order(struct story *story) {
    char id[64];
    let_shipping_die(story);
    begin(story, &stopped_order, TOLD_ORDERS, id);
    await_status(story, id, stopped_order.end);
}

static void stop_a_piece(struct story *story) {
    char id[64];
    let_shipping_die(story);
    begin(story, &cut_order, TOLD_ORDERS + 3, id);
    await_status(story, id, "CONFIRMED");
    cancel_a_piece(story, id);
    await_status(story, id, cut_order.end);
}

struct wanted_messages {
    jsCtx *js;
    const char *stream;
    uint64_t count;
};

static bool has_messages(void *closure) {
    const struct wanted_messages *wanted = closure;
    return stream_dump_count(wanted->js, wanted->stream) >= wanted->count;
}

static void await_messages(struct story *story, const char *stream, uint64_t count) {
    struct wanted_messages wanted = {story->js, stream, count};
    if (!wait_until(has_messages, &wanted, END_TIMEOUT_MS))
        fixture_fail("%s: not %llu messages", stream, (unsigned long long)count);
}

/* That it is confirmed and that it is shipped are two mails, and two lines in the log. */
static void let_mail_fail_and_arrive(struct story *story) {
    char id[64];
    begin(story, &told_orders[0], TOLD_ORDERS + 1, id);
    await_messages(story, "NOTIFICATIONS", 4);
    smtp_server_set_reply(story->mail, 250);
    begin(story, &told_orders[0], TOLD_ORDERS + 2, id);
    await_messages(story, "NOTIFICATIONS", 8);
}

static void let_orders_end(struct story *story) {
    char ids[TOLD_ORDERS][64];
    for (size_t i = 0; i < TOLD_ORDERS; i++)
        begin(story, &told_orders[i], (int)i, ids[i]);
    for (size_t i = 0; i < TOLD_ORDERS; i++)
        await_status(story, ids[i], told_orders[i].end);
    send_back(story, ids[0]);
    stop_an_order(story);
    stop_a_piece(story);
    if (!clients_check(story->clients, SETTLE_MS))
        fixture_fail("an invariant does not hold");
}

/* An event from the future: a major version that nobody here knows. */
static void publish_unknown_version(struct story *story) {
    struct uuid id = uuid_v7();
    struct buf envelope = {0};
    char id_text[UUID_TEXT_SIZE];
    uuid_format(&id, id_text);
    const struct event_head head = {
        .type = EVENT_ORDER_CONFIRMED,
        .id = id,
        .subject = slice_of(id_text),
        .trace = trace_start(),
        .correlation_id = slice_of(id_text),
        .time_us = clock_now_us(),
    };
    event_encode(&head, SLICE_LITERAL("{}"), &envelope, NULL);
    char *version = strstr(envelope.ptr, "order.confirmed:1\"");
    version[strlen("order.confirmed:")] = '2';
    uint64_t reports = stream_dump_count(story->js, "FAILURES");
    jsPubAck *ack = NULL;
    natsStatus s = js_Publish(&ack, story->js, "orders.evt.confirmed", envelope.ptr,
                              (int)envelope.len, NULL, NULL);
    jsPubAck_Destroy(ack);
    buf_fini(&envelope);
    if (s != NATS_OK)
        fixture_fail("an unknown version: %s", natsStatus_GetText(s));
    await_messages(story, "FAILURES", reports + 1);
}

/* --- where it is told --- */

static void dump_server(const char *url) {
    jsCtx *js = NULL;
    struct nats_client *nats = stream_dump_connect(
        &(struct nats_client_options){
            .url = url, .user = "", .password_file = "", .name = "om-test-dump"},
        &js);
    stream_dump(js, stdout);
    jsCtx_Destroy(js);
    nats_client_destroy(&nats);
}

static void dump_own_mesh(void) {
    struct story story = {.mail = smtp_server_start()};
    smtp_server_set_reply(story.mail, 550);
    setenv("OM_NOTIFY_CHANNELS", "log,smtp", 1);
    setenv("OM_SMTP_URL", smtp_server_url(story.mail), 1);
    setenv("OM_TEMPLATE_DIR", OM_SOURCE_DIR "/services/notification/templates", 1);
    story.mesh = mesh_start();
    struct servers *servers = mesh_servers(story.mesh);
    story.clients = clients_create(story.mesh);
    struct nats_client *nats = stream_dump_connect(
        &(struct nats_client_options){
            .url = servers_nats_url(servers),
            .user = "operator",
            .password_file = servers_nats_password_file(servers, "operator"),
            .name = "om-test-dump",
        },
        &story.js);
    offer_spread(&story);
    offer_unshippable(&story);
    let_mail_fail_and_arrive(&story);
    let_orders_end(&story);
    publish_unknown_version(&story);
    stream_dump(story.js, stdout);
    jsCtx_Destroy(story.js);
    nats_client_destroy(&nats);
    clients_destroy(&story.clients);
    mesh_stop(&story.mesh);
    smtp_server_stop(&story.mail);
}

int main(void) {
    const char *url = getenv("OM_NATS_URL");
    if (url != NULL && url[0] != '\0')
        dump_server(url);
    else
        dump_own_mesh();
    return 0;
}
