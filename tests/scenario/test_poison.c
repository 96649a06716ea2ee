/* Every kind of poison, published by hand among healthy orders: each ends in one dead letter that
   says why, as it was sent, and no healthy event does.

   Covers: services/dlq/collect/ shared/consume/acknowledge.c shared/consume/intake.c */
#include "shared/json/json.h"
#include "shared/nats/stored_message.h"
#include "tests/support/mesh/scenario.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define DEAD_WITHIN_MS 90000
#define LOAD_ENDS_MS 60000
#define REQUEST_TIMEOUT_MS 5000
#define LARGEST_BYTES (1024 * 1024)
#define MAX_DELIVER 4

#define ENVELOPE(type, version)                                                                    \
    "{\"specversion\":\"1.0\",\"type\":\"io.ordermesh." type "\",\"source\":\"gateway\","          \
    "\"dataschema\":\"urn:ordermesh:schema:" type ":" version "\","                                \
    "\"time\":\"2026-01-31T12:00:00Z\",\"subject\":\"0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b\""
#define ID ",\"id\":\"0193a1b2-d4e5-7f60-9b7c-8d9e0f1a2b3c\""

struct poison {
    const char *what;
    const char *subject;
    struct slice body;
    const char *reason;   /* Dlq-Reason */
    const char *tells;    /* a part of Dlq-Error */
    const char *event_id; /* NULL: unreadable, its sequence names it */
    uint64_t sequence;    /* once it is published */
};

#define UNREADABLE(what, text, tells)                                                              \
    { what, "orders.cmd.submit", SLICE_LITERAL(text), "rejected", tells, NULL, 0 }

static struct poison poisons[] = {
    UNREADABLE("no JSON", "{\"specversion\":\"1.0\",", "JSON"),
    UNREADABLE("nothing at all", "", "JSON"),
    UNREADABLE("binary garbage", "\x00\xff\xfe\x01garbage\r\n\x00", "JSON"),
    UNREADABLE("no data", ENVELOPE("order.submit", "1") ID "}", "data: missing"),
    UNREADABLE("no event id", ENVELOPE("order.submit", "1") ",\"data\":{}}", "id: missing"),
    UNREADABLE("an unknown major version", ENVELOPE("order.submit", "9") ID ",\"data\":{}}",
               "major version 9"),
    UNREADABLE("a type that does not belong on its subject",
               ENVELOPE("order.cancel", "1") ID ",\"data\":{}}", "on subject orders.cmd.submit"),
    {"a subject that no event has", "orders.cmd.nonsense", SLICE_LITERAL("{}"), "rejected",
     "no event has subject", NULL, 0},
    {"the largest message", "orders.cmd.submit", {NULL, 0}, "rejected", "specversion", NULL, 0},
    {"what the database refuses", "orders.cmd.cancel",
     SLICE_LITERAL(ENVELOPE("order.cancel", "1") ID ",\"data\":{\"tenant\":\"refused\"}}"),
     "max_deliveries", "violates check constraint", "0193a1b2-d4e5-7f60-9b7c-8d9e0f1a2b3c", 0},
#ifdef OM_FAILPOINTS
    {"what crashes whoever reads it", "orders.cmd.submit",
     SLICE_LITERAL(ENVELOPE("order.submit", "1") ID ",\"data\":{\"a\":\"failpoint:decode\"}}"),
     "no_report", "also when it was sent by itself", NULL, 0},
#endif
};
enum { POISONS = sizeof(poisons) / sizeof(poisons[0]) };

static struct nats_client *nats;

/* The largest message there may be: JSON, but no event. */
static void make_largest(struct buf *body) {
    buf_append_text(body, "{\"padding\":\"");
    while (body->len < LARGEST_BYTES - 2)
        buf_append_char(body, 'x');
    buf_append_text(body, "\"}");
}

#ifdef OM_FAILPOINTS
/* Ends the process that works on it, after it was read well. */
static struct poison killer = {
    "what crashes its handler",
    "orders.cmd.submit",
    SLICE_LITERAL(ENVELOPE("order.submit", "1") ID ",\"data\":{\"a\":\"failpoint:handler\"}}"),
    "no_report",
    "also when it was sent by itself",
    NULL,
    0};
#endif

static natsMsg *request(const char *subject, struct slice body) {
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_Request(&reply, nats_client_fast(nats), subject, body.ptr,
                                          (int)body.len, REQUEST_TIMEOUT_MS);
    if (s != NATS_OK)
        fail_msg("%s: %s", subject, natsStatus_GetText(s));
    return reply;
}

static struct slice data_of(natsMsg *message) {
    return (struct slice){natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
}

static void append_entry_id(const struct poison *poison, struct buf *out) {
    if (poison->event_id != NULL)
        buf_printf(out, "ORDERS.order.%s", poison->event_id);
    else
        buf_printf(out, "ORDERS.order.seq-%" PRIu64, poison->sequence);
}

static void publish(struct clients *clients, struct poison *poison) {
    struct error error = {0};
    struct pub_ack ack = {0};
    natsMsg *reply = request(poison->subject, poison->body);
    if (pub_ack_parse(data_of(reply), &ack, &error) != STATUS_OK || ack.error_code != 0)
        fail_msg("%s: %s%s", poison->what, error.text, ack.error_text);
    poison->sequence = ack.sequence;
    natsMsg_Destroy(reply);
    struct buf entry = {0};
    append_entry_id(poison, &entry);
    clients_expect_dead(clients, entry.ptr);
    buf_fini(&entry);
}

/* Its dead letter, if there is one. */
static bool find_entry(const struct poison *poison, struct stored_message *entry) {
    struct error error = {0};
    struct buf subject = {0};
    struct request_batch *requests = request_batch_create(nats);
    buf_append_text(&subject, "dlq.");
    append_entry_id(poison, &subject);
    stored_message_ask_last(requests, SLICE_LITERAL("ORDERS_DLQ"), subject.ptr);
    if (request_batch_run(requests, &error) != STATUS_OK)
        fail_msg("%s: %s", subject.ptr, error.text);
    bool is_there =
        stored_message_parse(request_batch_reply(requests, 0), entry, &error) == STATUS_OK;
    request_batch_destroy(&requests);
    buf_fini(&subject);
    return is_there;
}

/* Every one of them; revives meanwhile what the poison kills. */
static bool all_are_dead(void *closure) {
    struct scenario *scenario = closure;
    mesh_revive(scenario->mesh);
    size_t found = 0;
    for (size_t i = 0; i < POISONS; i++) {
        struct stored_message entry = {0};
        found += find_entry(&poisons[i], &entry);
        stored_message_fini(&entry);
    }
    return found == POISONS;
}

static void assert_header(const struct poison *poison, const struct stored_message *entry,
                          const char *name, const char *part) {
    struct slice value = SLICE_LITERAL("");
    header_find(buf_slice(&entry->headers), name, &value);
    if (memmem(value.ptr, value.len, part, strlen(part)) == NULL)
        fail_msg("%s: %s is \"%.*s\", without \"%s\"", poison->what, name, SLICE_ARG(value), part);
}

static void assert_entry(const struct poison *poison) {
    struct stored_message entry = {0};
    if (!find_entry(poison, &entry))
        fail_msg("%s (sequence %" PRIu64 ") is no dead letter", poison->what, poison->sequence);
    assert_header(poison, &entry, "Dlq-Reason", poison->reason);
    assert_header(poison, &entry, "Dlq-Error", poison->tells);
    assert_true(slice_equal(buf_slice(&entry.body), poison->body));
    stored_message_fini(&entry);
}

#ifdef OM_FAILPOINTS
/* Once a delivery, as it was sent first and at each chance: one, or more where the machine is too
   slow to begin each delivery of one in time. */
static int deaths_most(struct scenario *scenario, const struct poison *poison) {
    struct buf entry = {0};
    append_entry_id(poison, &entry);
    int64_t chances = scenario_sql(
        scenario, "SELECT count(*) FROM dlq.chances WHERE entry_id = $1::text", entry.ptr);
    buf_fini(&entry);
    assert_in_range(chances, 1, INT16_MAX);
    return (int)(1 + chances) * MAX_DELIVER;
}
#endif

static void every_kind_of_poison_ends_in_one_dead_letter_and_its_neighbours_complete(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = workload_start(
        scenario->clients, (const char *const[]){"--count", "400", "--rate", "50", "--connections",
                                                 "8", "--mix", "ok=100", NULL});
    assert_true(workload_await_accepted(workload, 50, LOAD_ENDS_MS));

    for (size_t i = 0; i < POISONS; i++)
        publish(scenario->clients, &poisons[i]);

    bool is_done = wait_until(all_are_dead, scenario, DEAD_WITHIN_MS);
    for (size_t i = 0; i < POISONS; i++)
        assert_entry(&poisons[i]);
    assert_true(is_done);
    assert_true(workload_await_end(workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
#ifdef OM_FAILPOINTS
    assert_in_range(mesh_deaths(scenario->mesh, MESH_ORDER), 1,
                    deaths_most(scenario, &poisons[POISONS - 1]));
#endif
    workload_destroy(&workload);
}

#ifdef OM_FAILPOINTS
static bool killer_is_dead(void *closure) {
    struct scenario *scenario = closure;
    struct stored_message entry = {0};
    mesh_revive(scenario->mesh);
    bool is_there = find_entry(&killer, &entry);
    stored_message_fini(&entry);
    return is_there;
}

static void what_crashes_its_handler_is_the_only_dead_letter_among_its_neighbours(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = workload_start(
        scenario->clients, (const char *const[]){"--count", "200", "--rate", "100", "--connections",
                                                 "8", "--mix", "ok=100", NULL});
    assert_true(workload_await_accepted(workload, 50, LOAD_ENDS_MS));

    publish(scenario->clients, &killer);

    assert_true(wait_until(killer_is_dead, scenario, DEAD_WITHIN_MS));
    assert_entry(&killer);
    assert_true(workload_await_end(workload, LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(&workload);
}

static void
orders_whose_consumer_is_killed_more_often_than_they_are_delivered_complete(void **state) {
    struct scenario *scenario = *state;
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_ORDER, LOAD_ENDS_MS), 0);
    struct workload *workload =
        workload_start(scenario->clients, (const char *const[]){"--count", "60", "--connections",
                                                                "8", "--mix", "ok=100", NULL});
    assert_true(workload_await_end(workload, LOAD_ENDS_MS));

    for (int kill = 0; kill < 6; kill++) {
        mesh_launch(scenario->mesh, MESH_ORDER, "consumer.before_inbox:1");
        assert_int_equal(mesh_await_end(scenario->mesh, MESH_ORDER, LOAD_ENDS_MS), 128 + SIGKILL);
    }
    mesh_launch(scenario->mesh, MESH_ORDER, NULL);

    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    assert_true(scenario_sql(scenario, "SELECT count(*) FROM dlq.chances WHERE state = 'passed'",
                             NULL) >= 60);
    workload_destroy(&workload);
}
#endif

static struct buf largest;

static int setup(void **state) {
    if (scenario_setup(state) != 0)
        return -1;
    struct scenario *scenario = *state;
    (void)scenario_sql(scenario, "ALTER TABLE orders.early_cancels ADD CHECK (tenant <> 'refused')",
                       NULL);
    struct servers *servers = mesh_servers(scenario->mesh);
    nats = servers_connect(servers);
    make_largest(&largest);
    for (size_t i = 0; i < POISONS; i++) {
        if (poisons[i].body.ptr == NULL)
            poisons[i].body = buf_slice(&largest);
    }
    return 0;
}

static int teardown(void **state) {
    nats_client_destroy(&nats);
    buf_fini(&largest);
    return scenario_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_poison_ends_in_one_dead_letter_and_its_neighbours_complete),
#ifdef OM_FAILPOINTS
        cmocka_unit_test(what_crashes_its_handler_is_the_only_dead_letter_among_its_neighbours),
        cmocka_unit_test(
            orders_whose_consumer_is_killed_more_often_than_they_are_delivered_complete),
#endif
    };
    return cmocka_run_group_tests_name("poison", tests, setup, teardown);
}
