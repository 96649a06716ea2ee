#include "bench/parts/pages.h"

#include "bench/parts/harness.h"
#include "bench/parts/limits.h"
#include "shared/base/clock.h"
#include "tests/support/network/http.h"

#include <json-c/json.h>
#include <string.h>

#define TIMES_MOST 64
#define ASK_MS 5000
#define DAY_US INT64_C(86400000000)

/* What is asked for once. After `time_name` comes the moment `days` ago. */
struct question {
    const char *path;
    const char *time_name; /* NULL: no time */
    int days;
};

#define ORDERS "/api/v1/orders"
#define ANALYTICS "/api/v1/analytics/"
#define DLQ "/api/v1/admin/dlq"

static const struct question questions[] = {
    {ORDERS, NULL, 0},
    {ORDERS "?limit=200", NULL, 0},
    {ORDERS "?sort=createdAt", NULL, 0},
    {ORDERS "?status=PENDING", NULL, 0},
    {ORDERS "?status=COMPLETED&sort=createdAt", NULL, 0},
    {ORDERS "?status=FAILED", NULL, 0},
    {ORDERS "?status=CANCELLED", NULL, 0},
    {ORDERS "?reason=payment_declined", NULL, 0},
    {ORDERS "?customerId=C77", NULL, 0},
    {ORDERS "?customerId=C77&sort=createdAt", NULL, 0},
    {ORDERS "?customerId=C77&status=FAILED", NULL, 0},
    {ORDERS "?customerId=nobody", NULL, 0},
    {ORDERS "?", "to", 30},
    {ORDERS "?status=FAILED&", "to", 30},
    {ORDERS "?sort=createdAt&", "from", 30},
    {ORDERS "?idPrefix=0199", NULL, 0},
    {ORDERS "?sku=PROD-101", NULL, 0},
    {ORDERS "?sku=PROD-101&sort=createdAt", NULL, 0},
    {ORDERS "?sku=NO-SUCH-SKU", NULL, 0},
    {ORDERS "?sku=PROD-101&reason=shipping_failed", NULL, 0},
    {ORDERS "?reason=out_of_stock&status=FAILED", NULL, 0},
    {ORDERS "?reason=shipping_failed&", "to", 30},
    {ORDERS "?currency=USD&minTotalMinor=6000&maxTotalMinor=7000", NULL, 0},
    {ORDERS "?currency=USD&minTotalMinor=7000", NULL, 0},
    {ORDERS "?sku=PROD-101&currency=USD&maxTotalMinor=6997", NULL, 0},
    {ORDERS "?trackingNumber=OM77", NULL, 0},
    {ORDERS "?paymentId=ch_77", NULL, 0},
    {"/api/v1/products", NULL, 0},
    {ANALYTICS "dashboard", NULL, 0},
    {ANALYTICS "dashboard?granularity=minute", NULL, 0},
    {ANALYTICS "dashboard?granularity=minute&", "from", 1},
    {ANALYTICS "dashboard?granularity=hour&", "from", 30},
    {ANALYTICS "dashboard?granularity=day&", "from", 90},
    {ANALYTICS "metrics", NULL, 0},
    {ANALYTICS "metrics?granularity=hour&", "from", 30},
    {ANALYTICS "metrics?granularity=day&", "from", 90},
    {DLQ, NULL, 0},
    {DLQ "?status=dead", NULL, 0},
    {DLQ "?status=discarded", NULL, 0},
    {DLQ "?consumer=payment", NULL, 0},
    {DLQ "?stream=ORDERS&status=resolved", NULL, 0},
    {DLQ "?reason=rejected", NULL, 0},
    {DLQ "?", "to", 30},
    {DLQ "/counts", NULL, 0},
    {DLQ "/jobs", NULL, 0},
};

static void write_url(const struct mesh *mesh, const struct question *question, struct buf *url) {
    buf_printf(url, "http://127.0.0.1:%u%s", mesh_http_port(mesh), question->path);
    if (question->time_name == NULL)
        return;
    char text[RFC3339_SIZE];
    clock_format(clock_now_us() - question->days * DAY_US, text);
    buf_printf(url, "%s=%s", question->time_name, text);
}

static double get(struct http_client *client, const char *url, struct http_response *response) {
    int64_t from_us = clock_monotonic_us();
    long status = http_send(client, &(struct http_request){.url = url}, response);
    double ms = (double)(clock_monotonic_us() - from_us) / 1e3;
    if (status != 200)
        fixture_fail("%s: %ld %s", url, status, response->body.ptr);
    return ms;
}

static void add_page(struct pages *pages, const char *path, double *ms, int times) {
    if (pages->count == PAGES_MAX)
        fixture_fail("more than %d pages", PAGES_MAX);
    struct page *page = &pages->items[pages->count++];
    snprintf(page->path, sizeof(page->path), "%s", path);
    page->ms = percentile(ms, times, 50);
}

/* Leaves the last answer in *response. */
static void ask_one(const char *path, const char *url, int times, struct pages *pages,
                    struct http_response *response) {
    double ms[TIMES_MOST];
    struct http_client *client = http_client_create();
    *response = (struct http_response){0};
    for (int i = 0; i < times; i++) {
        http_response_fini(response);
        ms[i] = get(client, url, response);
    }
    http_client_destroy(&client);
    add_page(pages, path, ms, times);
}

static void ask(const struct mesh *mesh, const struct question *question, int times,
                struct pages *pages) {
    struct http_response response;
    struct buf url = {0};
    write_url(mesh, question, &url);
    ask_one(question->path, url.ptr, times, pages, &response);
    http_response_fini(&response);
    buf_fini(&url);
}

/* The page after the first, and one of its orders by its id. */
static void ask_on(const struct mesh *mesh, int times, struct pages *pages) {
    struct http_response response;
    struct json_object *list, *orders, *next, *id;
    struct buf url = {0}, base = {0};
    buf_printf(&base, "http://127.0.0.1:%u" ORDERS, mesh_http_port(mesh));
    ask_one(ORDERS " (once more)", base.ptr, times, pages, &response);
    list = json_tokener_parse(response.body.ptr);
    if (!json_object_object_get_ex(list, "nextCursor", &next) ||
        !json_object_object_get_ex(list, "orders", &orders) ||
        !json_object_object_get_ex(json_object_array_get_idx(orders, 0), "orderId", &id))
        fixture_fail("no page with a next one: %s", response.body.ptr);
    http_response_fini(&response);
    buf_printf(&url, "%s?cursor=%s", base.ptr, json_object_get_string(next));
    ask_one(ORDERS "?cursor=", url.ptr, times, pages, &response);
    http_response_fini(&response);
    buf_clear(&url);
    buf_printf(&url, "%s/%s", base.ptr, json_object_get_string(id));
    ask_one(ORDERS "/{id}", url.ptr, times, pages, &response);
    http_response_fini(&response);
    json_object_put(list);
    buf_fini(&url);
    buf_fini(&base);
}

/* What is asked on NATS only. */
static void ask_loyalty(struct mesh *mesh, int times, struct pages *pages) {
    static const char subject[] = "mesh.loyalty.get";
    struct limit_nats nats = limit_connect(mesh_servers(mesh));
    double ms[TIMES_MOST];
    for (int i = 0; i < times; i++) {
        natsMsg *reply = NULL;
        int64_t from_us = clock_monotonic_us();
        if (natsConnection_RequestString(&reply, nats.connection, subject,
                                         "{\"tenant\":\"default\",\"customerId\":\"C77\"}",
                                         ASK_MS) != NATS_OK)
            fixture_fail("%s is not answered", subject);
        ms[i] = (double)(clock_monotonic_us() - from_us) / 1e3;
        natsMsg_Destroy(reply);
    }
    limit_disconnect(&nats);
    add_page(pages, subject, ms, times);
}

struct pages pages_ask(struct mesh *mesh, int times) {
    struct pages pages = {0};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        ask(mesh, &questions[i], times, &pages);
    ask_on(mesh, times, &pages);
    ask_loyalty(mesh, times, &pages);
    return pages;
}
