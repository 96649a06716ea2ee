/* Event streams over real connections: one order's from its past to its end, many at once, clients
   that do not read, and all orders for the operator.

   Covers: gateway/link/feed.c gateway/live/ services/order/progress_update.c
   shared/contract/updates.c */
#include "shared/base/memory.h"
#include "shared/pg/pg_result.h"
#include "tests/support/gateway/order_fixture.h"

#include "shared/contract/updates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

/* --- a client of a stream --------------------------------------------------------------------- */

struct client {
    int fd;
    struct buf text; /* all that has come */
    bool is_closed;
    int64_t heard_us; /* when the last of it came */
};

static void client_open(struct client *client, const char *path, const char *header,
                        int receive_bytes) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fixture.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct buf request = {0};
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_true(client->fd != -1);
    if (receive_bytes > 0)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", path,
               header == NULL ? "" : header, header == NULL ? "" : "\r\n");
    assert_int_equal(send(client->fd, request.ptr, request.len, MSG_NOSIGNAL),
                     (ssize_t)request.len);
    buf_fini(&request);
    buf_append_text(&client->text, "");
}

/* Takes what is there. */
static void client_read(struct client *client) {
    char part[4096];
    ssize_t got = 0;
    while (!client->is_closed && (got = recv(client->fd, part, sizeof(part), MSG_DONTWAIT)) >= 0) {
        client->is_closed = got == 0;
        buf_append(&client->text, part, (size_t)got);
        client->heard_us = clock_now_us();
    }
    if (got == -1 && errno != EAGAIN)
        client->is_closed = true; /* reset */
}

static bool client_has(struct client *client, const char *part) {
    for (int64_t until_us = clock_monotonic_us() + PATIENCE_MS * 1000;
         strstr(client->text.ptr, part) == NULL;) {
        struct pollfd wait = {.fd = client->fd, .events = POLLIN};
        if (client->is_closed || clock_monotonic_us() > until_us)
            return false;
        poll(&wait, 1, 100);
        client_read(client);
    }
    return true;
}

static void assert_hears(struct client *client, const char *part) {
    if (!client_has(client, part))
        fail_msg("no \"%s\" in:\n%s", part, client->text.ptr);
}

/* The last chunk is the stream's end. */
static void assert_ends(struct client *client) {
    assert_hears(client, "\r\n0\r\n\r\n");
}

static void client_close(struct client *client) {
    close(client->fd);
    buf_fini(&client->text);
}

static void events_path(char out[80], const char *order) {
    snprintf(out, 80, "%s/events", order);
}

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* --- one order -------------------------------------------------------------------------------- */

/* From the beginning of the transaction, which is the most that the way can have taken. */
static void print_latency(const struct client *client, const char *order) {
    char sql[200];
    snprintf(sql, sizeof(sql),
             "SELECT (extract(epoch FROM updated_at) * 1000000)::int8 FROM orders.orders"
             " WHERE id = '%s'",
             order + sizeof("/api/v1/orders/") - 1);
    const struct pg_statement statement = {.name = sql, .sql = sql};
    struct pg_result *result;
    struct error error;
    assert_int_equal(pg_query(pg, &statement, NULL, &result, &error), STATUS_OK);
    print_message("heard %.1f ms after the transaction began\n",
                  (double)(client->heard_us - pg_get_int64(result, 0, 0)) / 1e3);
    pg_result_free(&result);
}

static void a_stream_tells_the_past_then_what_happens_and_ends_with_the_order(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[80];
    struct client client;
    place(order);
    events_path(path, order);
    client_open(&client, path, NULL, 0);
    assert_hears(&client, "HTTP/1.1 200 OK\r\n");
    assert_hears(&client, "retry: 2000\n\n");
    assert_hears(&client, "id: 1\nevent: OrderCreated\ndata: {\"sequence\":1,\"at\":\"");
    assert_hears(
        &client,
        "event: status\ndata: {\"status\":\"PENDING\",\"message\":\"We have your order and are "
        "reserving the goods.\",\"version\":1}\n\n");
    assert_non_null(strstr(client.text.ptr, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strcasestr(client.text.ptr, "Cache-Control: no-store\r\n"));

    cancel(order);
    assert_hears(&client, "id: 2\nevent: CancelRequested\n");
    assert_hears(&client, "id: 3\nevent: OrderCancelled\n");
    assert_hears(&client, "{\"status\":\"CANCELLED\",\"reason\":\"cancelled_by_customer\"");
    assert_ends(&client);
    print_latency(&client, order);
    client_close(&client);

    assert_int_equal(status_of("GET", path, "Last-Event-ID: 3"), 204); /* do not come again */
    struct http_response rest = request("GET", path, "Last-Event-ID: 2");
    assert_int_equal(rest.status, 200);
    assert_true(body_has(&rest, "id: 3\n"));
    assert_false(body_has(&rest, "id: 2\n"));
    http_response_fini(&rest);
}

/* A browser comes back with both: the page's parameter and, in the header, what it got since. */
static void the_header_says_later_than_the_query_what_a_client_has(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[120];
    struct client client;
    place(order);
    cancel(order);
    events_path(path, order);
    client_open(&client, path, NULL, 0);
    assert_ends(&client);
    client_close(&client);
    snprintf(path, sizeof(path), "%s/events?lastEventId=1", order);
    struct http_response rest = request("GET", path, "Last-Event-ID: 2");
    assert_int_equal(rest.status, 200);
    assert_true(body_has(&rest, "id: 3\n"));
    assert_false(body_has(&rest, "id: 2\n"));
    http_response_fini(&rest);
    snprintf(path, sizeof(path), "%s/events?lastEventId=3", order);
    struct http_response more = request("GET", path, "Last-Event-ID: 2");
    assert_int_equal(more.status, 200);
    assert_true(body_has(&more, "id: 3\n"));
    http_response_fini(&more);
}

static void a_stream_that_broke_off_is_taken_up_where_it_was(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[120];
    struct client client;
    place(order);
    snprintf(path, sizeof(path), "%s/events?lastEventId=1", order);
    client_open(&client, path, NULL, 0);
    assert_hears(&client, "event: status\n");
    gateway_restart((const char *[]){"OM_EVENTS_HEARTBEAT_MS", "700", NULL});
    assert_ends(&client); /* the gateway that leaves ends its streams */
    assert_null(strstr(client.text.ptr, "id: 1\n"));
    client_close(&client);

    client_open(&client, path, NULL, 0);
    assert_hears(&client, "event: status\n");
    cancel(order);
    assert_hears(&client, "id: 3\n");
    assert_ends(&client);
    assert_null(strstr(client.text.ptr, "id: 1\n"));
    client_close(&client);
}

/* Ids are numbers of nine digits at most. */
static void who_says_to_have_more_than_there_is_gets_what_comes(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[80];
    struct client client;
    place(order);
    events_path(path, order);
    client_open(&client, path, "Last-Event-ID: 999999999", 0);
    assert_hears(&client, "event: status\n");
    assert_null(strstr(client.text.ptr, "id: 1\n"));
    cancel(order);
    assert_hears(&client, "id: 2\n");
    assert_hears(&client, "id: 3\n");
    assert_ends(&client);
    client_close(&client);
    assert_int_equal(status_of("GET", path, "Last-Event-ID: 999999999"), 204);
    assert_int_equal(status_of("GET", path, "Last-Event-ID: 1000000000"), 400);
}

static void a_quiet_stream_has_heartbeats(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[80];
    struct client client;
    place(order);
    events_path(path, order);
    client_open(&client, path, NULL, 0);
    assert_hears(&client, "event: status\n");
    assert_hears(&client, "\r\n:\n\n\r\n");
    client_close(&client);
    cancel(order);
}

static void only_orders_that_are_there_have_streams(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[80];
    place(order);
    events_path(path, order);
    struct http_response none = get("/api/v1/orders/00000000-0000-7000-8000-000000000000/events");
    assert_problem(&none, 404, "not-found");
    struct http_response odd = request("GET", path, "Last-Event-ID: x");
    assert_problem(&odd, 400, "invalid-query");
    snprintf(path, sizeof(path), "%s/events?lastEventId=x", order);
    struct http_response both = request("GET", path, "Last-Event-ID: 1");
    assert_problem(&both, 400, "invalid-query");
    events_path(path, order);
    struct http_response twice = request("GET", path, "Last-Event-ID: 1\r\nLast-Event-ID: 1");
    assert_problem(&twice, 400, "invalid-query");
    struct http_response head = request("HEAD", path, NULL);
    assert_int_equal(head.status, 200);
    assert_true(slice_is(http_header(&head, "Content-Type"), "text/event-stream"));
    http_response_fini(&head);
    cancel(order);
}

/* Earlier tests' orders may still end. */
static char *next_update_of(natsSubscription *updates, const char *order) {
    const char *id = order + sizeof("/api/v1/orders/") - 1;
    char *body = NULL;
    while (body == NULL) {
        natsMsg *message = NULL;
        assert_int_equal(natsSubscription_NextMsg(&message, updates, PATIENCE_MS), NATS_OK);
        if (strstr(natsMsg_GetSubject(message), id) != NULL)
            body = mem_copy(
                (struct slice){natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)});
        natsMsg_Destroy(message);
    }
    return body;
}

static void assert_told(char *body, const char *start, const char *entries) {
    if (strncmp(body, start, strlen(start)) != 0 || strstr(body, entries) == NULL)
        fail_msg("expected %s... %s, got %s", start, entries, body);
    free(body);
}

static void an_update_says_all_that_a_change_added(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE];
    natsSubscription *updates = NULL;
    natsConnection *connection = nats_client_fast(fixture.nats);
    assert_int_equal(natsConnection_SubscribeSync(&updates, connection, UPDATES_PREFIX "*"),
                     NATS_OK);
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
    place(order);
    assert_told(
        next_update_of(updates, order),
        "{\"status\":\"PENDING\",\"message\":\"We have your order and are reserving the goods.\","
        "\"version\":1,\"sequence\":1,\"timeline\":[{",
        "\"event\":\"OrderCreated\"}]}");
    cancel(order);
    assert_told(
        next_update_of(updates, order),
        "{\"status\":\"CANCELLED\",\"was\":\"PENDING\",\"reason\":\"cancelled_by_customer\","
        "\"message\":\"You have cancelled your order. You pay nothing.\","
        "\"version\":2,\"sequence\":2,\"timeline\":[{",
        "\"event\":\"CancelRequested\"},{");
    natsSubscription_Destroy(updates);
}

/* The order service's updates are lost, as when NATS drops them: the gateway reads for itself. */
static void an_update_that_was_lost_is_made_up_for(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], path[80], sql[400];
    struct client client;
    place(order);
    events_path(path, order);
    client_open(&client, path, NULL, 0);
    assert_hears(&client, "event: status\n");
    snprintf(sql, sizeof(sql),
             "UPDATE orders.orders SET status = 'FAILED', reason = 'saga_timeout', version = 2,"
             " timeline = timeline || '[{\"at\":\"2026-01-01T00:00:00.000000Z\","
             "\"event\":\"OrderFailed\",\"detail\":\"saga_timeout\"}]' WHERE id = '%s'",
             order + sizeof("/api/v1/orders/") - 1);
    run_sql(sql);
    assert_hears(&client, "id: 2\nevent: OrderFailed\n");
    assert_ends(&client);
    client_close(&client);
}

/* --- many ------------------------------------------------------------------------------------- */

enum { CROWD = 2000, CROWD_ORDERS = 20 };

static long resident_kb(void) {
    char path[64], line[128];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(fixture.gateway));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    fclose(file);
    return kb;
}

static void two_thousand_streams_are_open_at_once_and_all_hear_the_end(void **state) {
    (void)state;
    enum { EACH_MOST_KB = 100 };
    static struct client clients[CROWD];
    char orders[CROWD_ORDERS][ORDER_PATH_SIZE], path[80];
    for (int i = 0; i < CROWD_ORDERS; i++)
        place(orders[i]);
    long before_kb = resident_kb();
    for (int i = 0; i < CROWD; i++) {
        events_path(path, orders[i % CROWD_ORDERS]);
        client_open(&clients[i], path, NULL, 0);
    }
    for (int i = 0; i < CROWD; i++)
        assert_hears(&clients[i], "event: status\n");
    long grown_kb = resident_kb() - before_kb;
    print_message("%d streams: %ld kB resident more\n", CROWD, grown_kb);
    assert_true(grown_kb < (long)CROWD * EACH_MOST_KB);

    for (int i = 0; i < CROWD_ORDERS; i++)
        cancel(orders[i]);
    for (int i = 0; i < CROWD; i++) {
        assert_hears(&clients[i], "id: 3\nevent: OrderCancelled\n");
        assert_ends(&clients[i]);
        client_close(&clients[i]);
    }
}

static bool nobody_watches(void *unused) {
    (void)unused;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    struct http_response response;
    http_get(url, &response);
    bool is = body_has(&response, "\nordermesh_event_streams 0\n");
    http_response_fini(&response);
    return is;
}

/* Nothing is sent to them meanwhile that could fail. What they sent behind their request is not
   read as another one, and does not hide that they have left. */
static void who_leaves_a_stream_holds_no_place(void **state) {
    (void)state;
    enum { STREAMS = 20 };
    struct client clients[STREAMS];
    char order[ORDER_PATH_SIZE], path[80];
    gateway_restart((const char *[]){"OM_EVENTS_HEARTBEAT_MS", "60000", NULL});
    place(order);
    events_path(path, order);
    for (int i = 0; i < STREAMS; i++) {
        client_open(&clients[i], path, NULL, 0);
        assert_hears(&clients[i], "event: status\n");
        assert_non_null(strstr(clients[i].text.ptr, "\r\nConnection: close\r\n"));
        if (i % 2 == 0)
            assert_int_equal(send(clients[i].fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    }
    assert_false(nobody_watches(NULL));
    for (int i = 0; i < STREAMS; i++)
        client_close(&clients[i]);

    assert_true(wait_until(nobody_watches, NULL, 10000));
    cancel(order);
    gateway_restart((const char *[]){"OM_EVENTS_HEARTBEAT_MS", "700", NULL});
}

/* --- all orders ------------------------------------------------------------------------------- */

static void tell_update(const char *body) {
    struct updates *updates = updates_create();
    struct uuid id = uuid_v7();
    updates_add(updates, &id, slice_of(body));
    updates_publish(updates, fixture.nats);
    updates_destroy(&updates);
}

static void the_operator_sees_orders_go_by(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE];
    struct client client;
    client_open(&client, "/api/v1/admin/events", NULL, 0);
    assert_hears(&client, "event: second\n");
    place(order);
    assert_hears(&client, order + sizeof("/api/v1/orders/") - 1);
    cancel(order);
    assert_hears(&client, "\"status\":\"CANCELLED\",\"was\":\"PENDING\"");
    assert_hears(&client, "\"cancelled\":1}\n\n");
    assert_hears(&client, "\"accepted\":1,");
    client_close(&client);
}

static void of_many_orders_the_operator_sees_a_sample_and_their_number(void **state) {
    (void)state;
    enum { MANY = 500 };
    struct client client;
    client_open(&client, "/api/v1/admin/events", NULL, 0);
    assert_hears(&client, "event: second\n");
    for (int i = 0; i < MANY; i++)
        tell_update("{\"status\":\"COMPLETED\",\"was\":\"CONFIRMED\",\"version\":5,\"sequence\":6,"
                    "\"timeline\":[]}");
    int counted = 0;
    for (const char *at = client.text.ptr; counted < MANY;) {
        const char *member = strstr(at, "\"completed\":");
        if (member == NULL) {
            size_t offset = (size_t)(at - client.text.ptr);
            assert_hears(&client, "event: second\n");
            clock_sleep_ms(10);
            client_read(&client);
            at = client.text.ptr + offset;
            assert_false(client.is_closed);
            continue;
        }
        counted += (int)strtol(member + 12, NULL, 10);
        at = member + 12;
    }
    assert_int_equal(counted, MANY);
    assert_true(count_of(client.text.ptr, "event: order\n") <= 3 * 20); /* a few seconds' */
    client_close(&client);
}

static bool a_client_was_dropped(void *closure) {
    (void)closure;
    tell_update(
        "{\"status\":\"PENDING\",\"version\":1,\"sequence\":1,\"timeline\":[{\"event\":\""
        "A long name, so that what nobody reads is much soon: ..............................."
        "....................................................................................."
        "....................................................................................."
        "\"}]}");
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    struct http_response response;
    http_get(url, &response);
    bool is = body_has(&response, "ordermesh_event_streams_dropped_total 1\n");
    http_response_fini(&response);
    return is;
}

static void a_client_that_does_not_read_is_dropped_and_harms_nobody(void **state) {
    (void)state;
    struct client lazy, eager;
    gateway_restart((const char *[]){"OM_EVENTS_HEARTBEAT_MS", "700", NULL});
    client_open(&lazy, "/api/v1/admin/events", NULL, 1024);
    client_open(&eager, "/api/v1/admin/events", NULL, 0);
    assert_hears(&eager, "event: second\n");
    assert_true(wait_until(a_client_was_dropped, NULL, 60000));
    client_read(&eager);
    assert_false(eager.is_closed);
    client_close(&lazy);
    client_close(&eager);
}

static int setup(void **state) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &files);
    order_fixture_setup(state);
    gateway_restart((const char *[]){"OM_EVENTS_HEARTBEAT_MS", "700", NULL});
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_tells_the_past_then_what_happens_and_ends_with_the_order),
        cmocka_unit_test(the_header_says_later_than_the_query_what_a_client_has),
        cmocka_unit_test(a_stream_that_broke_off_is_taken_up_where_it_was),
        cmocka_unit_test(who_says_to_have_more_than_there_is_gets_what_comes),
        cmocka_unit_test(a_quiet_stream_has_heartbeats),
        cmocka_unit_test(only_orders_that_are_there_have_streams),
        cmocka_unit_test(an_update_says_all_that_a_change_added),
        cmocka_unit_test(an_update_that_was_lost_is_made_up_for),
        cmocka_unit_test(two_thousand_streams_are_open_at_once_and_all_hear_the_end),
        cmocka_unit_test(who_leaves_a_stream_holds_no_place),
        cmocka_unit_test(the_operator_sees_orders_go_by),
        cmocka_unit_test(of_many_orders_the_operator_sees_a_sample_and_their_number),
        cmocka_unit_test(a_client_that_does_not_read_is_dropped_and_harms_nobody),
    };
    return cmocka_run_group_tests(tests, setup, order_fixture_teardown);
}
