/* Watches of orders on one loop, this program's, with a real broker and a stand-in for the order
   service: watchers that leave, and make others leave, while they are told.

   Covers: gateway/live/order_watch.c */
#include "gateway/link/broker.h"
#include "gateway/live/order_watch.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS (10000 * OM_TIME_FACTOR)

static struct {
    struct servers *servers;
    struct nats_client *nats;
    natsSubscription *histories;
    h2o_globalconf_t config;
    struct broker *broker;
    struct feed *feed;
    struct lane lane;
    struct order_watches *watches;
} fixture;

/* --- a watcher -------------------------------------------------------------------------------- */

/* When it hears, it makes another leave, leaves, or both. */
struct witness {
    struct order_watcher watcher; /* first */
    struct witness **sends_away;  /* may be its own place; NULL: nobody leaves */
    int heard;
};

/* Reading it from now on gives nonsense, also where no sanitizer looks. */
static void dismiss(struct witness **witness) {
    struct witness *w = *witness;
    if (w == NULL)
        return;
    *witness = NULL;
    order_watch_leave(&w->watcher);
    memset(w, 0xee, sizeof(*w));
    free(w);
}

static void on_news(struct order_watcher *watcher) {
    struct witness *witness = (struct witness *)watcher;
    witness->heard++;
    if (witness->sends_away != NULL)
        dismiss(witness->sends_away);
}

static bool turn_until_heard(const struct witness *witness, int times, int most_ms) {
    int64_t until_us = clock_monotonic_us() + most_ms * 1000LL;
    while (witness->heard < times && clock_monotonic_us() < until_us)
        h2o_evloop_run(fixture.lane.context.loop, 10);
    return witness->heard >= times;
}

/* Joins and waits until the order is known; has heard nothing then. */
static struct witness *witness_of(const struct uuid *order_id, const char *tenant) {
    struct witness *witness = mem_alloc(sizeof(*witness));
    struct caller caller = {.scopes = SCOPE_ALL};
    snprintf(caller.tenant, sizeof(caller.tenant), "%s", tenant);
    witness->watcher.on_news = on_news;
    order_watch_join(fixture.watches, &caller, order_id, &witness->watcher);
    if (order_watch_state(witness->watcher.watch) != ORDER_WATCH_KNOWN)
        assert_true(turn_until_heard(witness, 1, PATIENCE_MS));
    witness->heard = 0;
    return witness;
}

static void tell(const struct uuid *order_id, int version) {
    struct buf text = {0};
    buf_printf(&text,
               "{\"status\":\"CONFIRMED\",\"version\":%d,\"sequence\":%d,\"timeline\":"
               "[{\"at\":\"2026-01-01T00:00:00.000000Z\",\"event\":\"Step\"}]}",
               version, version);
    order_watches_hear(
        fixture.watches,
        &(struct feed_news){.kind = FEED_UPDATE, .order_id = *order_id, .text = buf_slice(&text)});
    buf_fini(&text);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_watcher_may_leave_while_it_is_told(void **state) {
    (void)state;
    struct uuid order = uuid_v7();
    struct witness *stays = witness_of(&order, "a"), *leaves = witness_of(&order, "a");
    leaves->sends_away = &leaves;
    tell(&order, 2);
    tell(&order, 3);

    assert_null(leaves);
    assert_int_equal(stays->heard, 2);
    dismiss(&stays);
}

static void a_watcher_may_make_those_leave_who_are_told_next(void **state) {
    (void)state;
    struct uuid order = uuid_v7();
    struct witness *witnesses[3];
    for (int i = 0; i < 3; i++)
        witnesses[i] = witness_of(&order, "a");
    for (int i = 0; i < 3; i++)
        witnesses[i]->sends_away = &witnesses[(i + 2) % 3]; /* they are told from the last on */
    tell(&order, 2);

    assert_null(
        witnesses[1]); /* the last one sent it away; the first one then did so to the last */
    assert_null(witnesses[2]);
    assert_int_equal(witnesses[0]->heard, 1);
    dismiss(&witnesses[0]);
}

static void the_last_watcher_of_an_order_may_leave_while_it_is_told(void **state) {
    (void)state;
    struct uuid order = uuid_v7();
    struct witness *only = witness_of(&order, "a");
    only->sends_away = &only;
    tell(&order, 2);
    tell(&order, 3);

    assert_null(only);
}

/* Three tenants' watches of the same id are neighbours in the table: one ends while it is the next
   to be told, in the middle and at the end. */
static void a_watcher_may_end_another_watch(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct uuid order = uuid_v7();
        struct witness *witnesses[] = {witness_of(&order, "a"), witness_of(&order, "b"),
                                       witness_of(&order, "c")};
        witnesses[first]->sends_away = &witnesses[first + 1];
        witnesses[first + 1]->sends_away = &witnesses[first];
        tell(&order, 2);

        assert_null(witnesses[first]); /* the one that joined last is told first */
        assert_int_equal(witnesses[first + 1]->heard, 1);
        for (int i = 0; i < 3; i++)
            dismiss(&witnesses[i]);
    }
}

/* The gap was forgotten when that answer came, for as long as a quiet order is not read: 2 s. */
static void an_order_that_is_being_read_when_updates_were_missed_is_read_again(void **state) {
    (void)state;
    struct uuid order = uuid_v7();
    struct witness witness = {.watcher.on_news = on_news};
    const struct caller caller = {.scopes = SCOPE_ALL, .tenant = "a"};
    order_watch_join(fixture.watches, &caller, &order, &witness.watcher);
    order_watches_hear(fixture.watches, &(struct feed_news){.kind = FEED_MISSED});

    assert_true(turn_until_heard(&witness, 2, 1500));
    order_watch_leave(&witness.watcher);
}

/* --- the fixture ------------------------------------------------------------------------------ */

static void on_question(natsConnection *connection, natsSubscription *subscription,
                        natsMsg *message, void *closure) {
    (void)subscription;
    (void)closure;
    natsConnection_PublishString(
        connection, natsMsg_GetReply(message),
        "{\"status\":\"PENDING\",\"version\":1,\"timeline\":"
        "[{\"at\":\"2026-01-01T00:00:00.000000Z\",\"event\":\"OrderCreated\"}]}");
    natsMsg_Destroy(message);
}

static void ignore_feed(void *closure, const struct feed_news *news) {
    (void)closure;
    (void)news;
}

static void connect_nats(void) {
    struct error error;
    const struct nats_client_options options = {
        .url = servers_nats_url(fixture.servers),
        .user = "operator",
        .password_file = servers_nats_password_file(fixture.servers, "operator"),
        .name = "test",
    };
    if (nats_client_create(&options, &fixture.nats, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    natsConnection *connection = nats_client_fast(fixture.nats);
    assert_int_equal(natsConnection_Subscribe(&fixture.histories, connection, "mesh.order.history",
                                              on_question, NULL),
                     NATS_OK);
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
}

static int setup(void **state) {
    (void)state;
    struct error error;
    fixture.servers = servers_start(SERVERS_NATS);
    connect_nats();
    h2o_config_init(&fixture.config);
    h2o_config_register_host(&fixture.config, h2o_iovec_init(H2O_STRLIT("localhost")), 65535);
    h2o_context_init(&fixture.lane.context, h2o_evloop_create(), &fixture.config);
    const struct broker_options options = {.nats = fixture.nats,
                                           .lane_count = 1,
                                           .max_in_flight = 64,
                                           .publish_timeout_ms = 1000,
                                           .request_timeout_ms = 1000};
    if (broker_create(&options, &fixture.broker, &error) != STATUS_OK ||
        feed_create(fixture.nats, 1, &fixture.feed, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    fixture.lane.broker = broker_lane_open(fixture.broker, 0, &fixture.lane.context);
    fixture.watches = order_watches_create(
        &fixture.lane, feed_lane_open(fixture.feed, 0, &fixture.lane.context, ignore_feed, NULL));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    feed_stop(fixture.feed);
    broker_stop(fixture.broker);
    order_watches_destroy(&fixture.watches);
    feed_destroy(&fixture.feed);
    broker_destroy(&fixture.broker);
    buf_fini(&fixture.lane.scratch);
    nats_client_unsubscribe(fixture.nats, &fixture.histories);
    nats_client_destroy(&fixture.nats);
    servers_stop(&fixture.servers);
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watcher_may_leave_while_it_is_told),
        cmocka_unit_test(a_watcher_may_make_those_leave_who_are_told_next),
        cmocka_unit_test(the_last_watcher_of_an_order_may_leave_while_it_is_told),
        cmocka_unit_test(a_watcher_may_end_another_watch),
        cmocka_unit_test(an_order_that_is_being_read_when_updates_were_missed_is_read_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
