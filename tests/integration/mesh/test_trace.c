/* One order's trace, across all processes, as a collector is told of it.

   Covers: gateway/lane/request_trace.c services/payment/provider/provider_span.c
   shared/consume/batch_span.c shared/nats/messaging_span.c shared/net/span_exporter.c
   shared/observe/span.c shared/pg/pg_span.c */
#include "tests/support/base/test.h"
#include "tests/support/mesh/mesh.h"
#include "tests/support/network/http.h"
#include "tests/support/network/http_sink.h"
#include "tests/support/network/otlp_spans.h"

#include <unistd.h>

#define WAIT_MS 30000
#define CALLERS_TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define CALLERS_SPAN "00f067aa0ba902b7"
#define UNRECORDED_TRACE "5af92f3577b34da6a3ce929d0e0e4736"
#define RETRIED_TRACE "6bf92f3577b34da6a3ce929d0e0e4736"
#define CARD "pm_card_visa"

static struct http_sink *sink, *customer;
static char secret_path[] = "/tmp/ordermesh-webhook-XXXXXX";
static struct mesh *mesh;

static void read_told(struct otlp_spans *told) {
    struct buf body = http_sink_body(sink);
    otlp_spans_fini(told);
    otlp_spans_read(told, buf_slice(&body), CALLERS_TRACE);
    buf_fini(&body);
}

/* --- stories: of an order, and of a read --- */

/* service, span, its kind, and the service and span below which it stands */
struct step {
    const char *service, *name;
    int kind;
    const char *above_service, *above;
};

static const struct step order_steps[] = {
    {"gateway", "POST /api/v1/orders", 2, NULL, NULL},
    {"gateway", "send commands.order.submit", 4, "gateway", "POST /api/v1/orders"},
    {"order", "process commands.order.submit", 5, "gateway", "send commands.order.submit"},
    {"order", "send orders.evt.created", 4, "order", "process commands.order.submit"},
    {"inventory", "process orders.evt.created", 5, "order", "process commands.order.submit"},
    {"payment", "process inventory.evt.reserved", 5, "inventory", "process orders.evt.created"},
    {"payment", "charge simulated", 3, "payment", "process inventory.evt.reserved"},
    {"payment", "payment_add payment_read", 3, "payment", "process inventory.evt.reserved"},
    {"payment", "discarded_find payment_load payment_save outbox_insert", 3, "payment",
     "process inventory.evt.reserved"},
    {"order", "process payments.evt.succeeded", 5, "payment", "process inventory.evt.reserved"},
    {"notification", "notify webhook", 3, "order", "process payments.evt.succeeded"},
    {"shipping", "process orders.evt.confirmed", 5, "order", "process payments.evt.succeeded"},
    {"order", "process shipping.evt.shipped", 5, "shipping", "process orders.evt.confirmed"},
    {"order", "send orders.evt.completed", 4, "order", "process shipping.evt.shipped"},
    {"loyalty", "process orders.evt.completed", 5, "order", "process shipping.evt.shipped"},
};
static const struct step read_steps[] = {
    {"gateway", "GET /api/v1/orders", 2, NULL, NULL},
    {"order", "mesh.order.list", 2, "gateway", "GET /api/v1/orders"},
    {"order", "order_list_newest", 3, "order", "mesh.order.list"},
};

struct story {
    const struct step *steps;
    size_t count;
    struct otlp_spans told;
};
#define STORY(rows) ((struct story){.steps = (rows), .count = sizeof(rows) / sizeof((rows)[0])})

static bool is_step(const struct otlp_spans *told, const struct otlp_span *span,
                    const struct step *step) {
    const struct otlp_span *parent = otlp_spans_parent(told, span);
    if (strcmp(span->service, step->service) != 0 || strcmp(span->name, step->name) != 0)
        return false;
    if (step->above == NULL)
        return span->parent_id != NULL && strcmp(span->parent_id, CALLERS_SPAN) == 0;
    return parent != NULL && strcmp(parent->service, step->above_service) == 0 &&
           strcmp(parent->name, step->above) == 0;
}

/* Spans of one name, as those of an order's two notices, are told apart by what is above them. */
static const struct otlp_span *find(const struct otlp_spans *told, const struct step *step) {
    for (size_t i = 0; i < told->count; i++) {
        if (is_step(told, &told->items[i], step))
            return &told->items[i];
    }
    return NULL;
}

static bool is_told_whole(void *closure) {
    struct story *story = closure;
    read_told(&story->told);
    size_t i = 0;
    while (i < story->count && find(&story->told, &story->steps[i]) != NULL)
        i++;
    return i == story->count;
}

static void assert_is_told(struct story story) {
    struct otlp_spans *told = &story.told;
    if (!wait_until(is_told_whole, &story, WAIT_MS)) {
        for (size_t i = 0; i < told->count; i++)
            print_message("%s: %s\n", told->items[i].service, told->items[i].name);
        fail_msg("the trace is not whole");
    }
    for (size_t i = 0; i < story.count; i++)
        assert_int_equal(find(told, &story.steps[i])->kind, story.steps[i].kind);
    otlp_spans_fini(told);
}

static void place_order(const char *traceparent, const char *payment_method,
                        struct http_response *response) {
    struct http_client *http = http_client_create();
    char url[64], header[128], body[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/v1/orders", mesh_http_port(mesh));
    snprintf(header, sizeof(header), "traceparent: %s", traceparent);
    snprintf(body, sizeof(body),
             "{\"customerId\":\"C1\",\"currency\":\"USD\",\"paymentMethod\":\"%s\","
             "\"items\":[{\"sku\":\"SKU-123\",\"quantity\":1}]}",
             payment_method);
    http_send(
        http,
        &(struct http_request){
            .method = "POST", .url = url, .body = body, .headers = (const char *[]){header, NULL}},
        response);
    assert_int_equal(response->status, 202);
    http_client_destroy(&http);
}

static void one_trace_holds_all_that_an_order_caused(void **state) {
    (void)state;
    struct http_response response;
    place_order("00-" CALLERS_TRACE "-" CALLERS_SPAN "-01", CARD, &response);
    assert_is_told(STORY(order_steps));
    http_response_fini(&response);
}

static void a_read_is_told_of_down_to_its_sql(void **state) {
    (void)state;
    static const char *const headers[] = {"traceparent: 00-" CALLERS_TRACE "-" CALLERS_SPAN "-01",
                                          NULL};
    struct http_client *http = http_client_create();
    struct http_response response;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/v1/orders", mesh_http_port(mesh));
    http_send(http, &(struct http_request){.method = "GET", .url = url, .headers = headers},
              &response);
    assert_int_equal(response.status, 200);
    assert_is_told(STORY(read_steps));
    http_response_fini(&response);
    http_client_destroy(&http);
}

/* --- orders that nobody is told of --- */

struct awaited_order {
    char path[128];
};

static bool is_completed(void *closure) {
    const struct awaited_order *order = closure;
    char url[192];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", mesh_http_port(mesh), order->path);
    http_get(url, &response);
    bool is = strstr(response.body.ptr, "\"status\":\"COMPLETED\"") != NULL;
    http_response_fini(&response);
    return is;
}

static void assert_completes(const char *traceparent) {
    struct http_response response;
    struct awaited_order order;
    place_order(traceparent, CARD, &response);
    snprintf(order.path, sizeof(order.path), "%.*s", SLICE_ARG(http_header(&response, "Location")));
    assert_true(wait_until(is_completed, &order, WAIT_MS));
    http_response_fini(&response);
}

/* A later order's trace is whole, so this one's would be there. */
static void a_trace_that_its_caller_does_not_record_is_not_exported(void **state) {
    http_sink_keep_all(sink);
    assert_completes("00-" UNRECORDED_TRACE "-" CALLERS_SPAN "-00");
    one_trace_holds_all_that_an_order_caused(state);
    struct buf body = http_sink_body(sink);
    assert_null(strstr(body.ptr, UNRECORDED_TRACE));
    buf_fini(&body);
}

/* --- logs --- */

struct awaited_line {
    enum mesh_part part;
    const char *message, *also;
};

static bool is_logged(void *closure) {
    const struct awaited_line *awaited = closure;
    FILE *file = fopen(mesh_log_path(mesh, awaited->part), "r");
    char line[2048];
    bool is = false;
    while (file != NULL && !is && fgets(line, sizeof(line), file) != NULL)
        is = strstr(line, awaited->message) != NULL && strstr(line, awaited->also) != NULL;
    if (file != NULL)
        fclose(file);
    return is;
}

/* The provider fails for the moment, of which payment complains. */
static void what_is_logged_of_an_order_names_its_trace(void **state) {
    (void)state;
    struct http_response response;
    struct awaited_line line = {MESH_PAYMENT, "a message is to be tried again",
                                "\"traceId\":\"" RETRIED_TRACE "\""};
    place_order("00-" RETRIED_TRACE "-" CALLERS_SPAN "-01", "pm_sim_error", &response);
    assert_true(wait_until(is_logged, &line, WAIT_MS));
    http_response_fini(&response);
}

static void orders_go_on_without_the_collector_which_is_told_later(void **state) {
    (void)state;
    struct awaited_line line = {MESH_ORDER, "the collector takes no spans", ""};
    http_sink_set_status(sink, 0);
    http_sink_keep_all(sink);
    assert_completes("00-" CALLERS_TRACE "-" CALLERS_SPAN "-01");
    assert_true(wait_until(is_logged, &line, WAIT_MS));
    assert_true(mesh_await_ready(mesh, WAIT_MS));

    http_sink_keep_all(sink); /* it has heard what it did not take */
    http_sink_set_status(sink, 200);
    assert_is_told(STORY(order_steps));
}

/* Customers are told by webhook, which is a call to somebody else. */
static void set_webhook(void) {
    int file = mkstemp(secret_path);
    assert_true(file >= 0);
    assert_int_equal(dprintf(file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 39);
    close(file);
    customer = http_sink_start();
    setenv("OM_NOTIFY_CHANNELS", "log,webhook", 1);
    setenv("OM_WEBHOOK_URL", http_sink_url(customer), 1);
    setenv("OM_WEBHOOK_SECRET_FILE", secret_path, 1);
    setenv("OM_TEMPLATE_DIR", OM_SOURCE_DIR "/services/notification/templates", 1);
}

static int begin(void **state) {
    (void)state;
    set_webhook();
    sink = http_sink_start();
    http_sink_keep_all(sink);
    setenv("OM_OTLP_URL", http_sink_url(sink), 1);
    mesh = mesh_start();
    return 0;
}

static int end(void **state) {
    (void)state;
    mesh_stop(&mesh);
    http_sink_stop(&sink);
    http_sink_stop(&customer);
    unlink(secret_path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_trace_holds_all_that_an_order_caused),
        cmocka_unit_test(a_read_is_told_of_down_to_its_sql),
        cmocka_unit_test(a_trace_that_its_caller_does_not_record_is_not_exported),
        cmocka_unit_test(what_is_logged_of_an_order_names_its_trace),
        cmocka_unit_test(orders_go_on_without_the_collector_which_is_told_later),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
