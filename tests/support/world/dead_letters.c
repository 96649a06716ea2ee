#include "tests/support/world/dead_letters.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/program.h"

#include <inttypes.h>
#include <json-c/linkhash.h>
#include <libpq-fe.h>
#include <signal.h>

#define API_TIMEOUT_MS 5000
#define END_TIMEOUT_MS 15000
#define CONSUMER_MAX_DELIVER 2

/* --- the world -------------------------------------------------------------------------------- */

void dead_letters_start(struct dead_letters *world) {
    world->servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS);
    servers_migrate(world->servers);
    servers_provision(world->servers);
    world->nats = servers_connect(world->servers);
}

void dead_letters_stop(struct dead_letters *world) {
    nats_client_destroy(&world->nats);
    servers_stop(&world->servers);
}

struct process *dead_letters_service(struct dead_letters *world, int64_t grace_ms,
                                     const char *failpoint) {
    struct environment environment = {0};
    struct buf log = {0};
    servers_service_environment(world->servers, "dlq", "om_dlq", &environment);
    world->admin_port = free_port();
    environment_set_int(&environment, "OM_ADMIN_PORT", world->admin_port);
    environment_set_int(&environment, "OM_DLQ_GRACE_MS", grace_ms);
    if (failpoint != NULL)
        environment_set(&environment, "OM_FAILPOINT", failpoint);
    buf_printf(&log, "%s/om-dlq.log", servers_dir(world->servers));
    struct process *service = program_start("dlq", &environment, log.ptr);
    environment_fini(&environment);
    buf_fini(&log);
    return service;
}

void dead_letters_end(struct process **service) {
    assert_int_equal(program_end(service, END_TIMEOUT_MS), 0);
}

/* --- requests --------------------------------------------------------------------------------- */

static natsMsg *request(struct dead_letters *world, const char *subject, const char *body) {
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(world->nats), subject,
                                                body, API_TIMEOUT_MS);
    if (s != NATS_OK)
        fail_msg("%s: %s", subject, natsStatus_GetText(s));
    return reply;
}

void dead_letters_consumer(struct dead_letters *world, const char *name) {
    struct buf subject = {0}, body = {0};
    snprintf(world->consumer, sizeof(world->consumer), "%s", name);
    buf_printf(&subject, "$JS.API.CONSUMER.DURABLE.CREATE." DEAD_LETTERS_STREAM ".%s", name);
    buf_printf(&body,
               "{\"stream_name\":\"" DEAD_LETTERS_STREAM "\",\"config\":{\"durable_name\":\"%s\","
               "\"deliver_policy\":\"new\",\"ack_policy\":\"explicit\",\"ack_wait\":1000000000,"
               "\"max_deliver\":%d,\"filter_subject\":\"" DEAD_LETTERS_SUBJECT "\"}}",
               name, CONSUMER_MAX_DELIVER);
    natsMsg *reply = request(world, subject.ptr, body.ptr);
    assert_null(strstr(natsMsg_GetData(reply), "\"error\""));
    natsMsg_Destroy(reply);
    buf_fini(&subject);
    buf_fini(&body);
}

static uint64_t acknowledged_sequence(natsMsg *reply) {
    struct error error = {0};
    struct pub_ack ack = {0};
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    if (pub_ack_parse(text, &ack, &error) != STATUS_OK || ack.error_code != 0 || ack.is_duplicate)
        fail_msg("%.*s", SLICE_ARG(text));
    natsMsg_Destroy(reply);
    return ack.sequence;
}

uint64_t dead_letters_store(struct dead_letters *world, natsMsg *message) {
    natsMsg *reply = NULL;
    natsStatus s =
        natsConnection_RequestMsg(&reply, nats_client_fast(world->nats), message, API_TIMEOUT_MS);
    natsMsg_Destroy(message);
    if (s != NATS_OK)
        fail_msg("%s", natsStatus_GetText(s));
    return acknowledged_sequence(reply);
}

natsMsg *dead_letters_message(const char *msg_id, struct slice body) {
    natsMsg *message = NULL;
    assert_int_equal(natsMsg_Create(&message, DEAD_LETTERS_SUBJECT, NULL, body.ptr, (int)body.len),
                     NATS_OK);
    assert_int_equal(natsMsgHeader_Set(message, "Nats-Msg-Id", msg_id), NATS_OK);
    return message;
}

uint64_t dead_letters_publish(struct dead_letters *world, char *id) {
    struct uuid uuid = uuid_v7();
    uuid_format(&uuid, id);
    return dead_letters_store(world, dead_letters_message(id, SLICE_LITERAL("{\"poison\":1}")));
}

/* --- the consumer ----------------------------------------------------------------------------- */

/* NULL when none comes within `wait_ms`. */
static natsMsg *next_delivery(struct dead_letters *world, int64_t wait_ms) {
    struct buf subject = {0};
    char body[96];
    natsSubscription *subscription = NULL;
    natsMsg *delivery = NULL;
    char *inbox = nats_client_inbox(world->nats);
    natsConnection *connection = nats_client_fast(world->nats);
    buf_printf(&subject, "$JS.API.CONSUMER.MSG.NEXT." DEAD_LETTERS_STREAM ".%s", world->consumer);
    snprintf(body, sizeof(body), "{\"batch\":1,\"expires\":%" PRId64 "}", wait_ms * 1000000);
    assert_int_equal(natsConnection_SubscribeSync(&subscription, connection, inbox), NATS_OK);
    assert_int_equal(natsConnection_PublishRequestString(connection, subject.ptr, inbox, body),
                     NATS_OK);
    natsStatus s = natsSubscription_NextMsg(&delivery, subscription, wait_ms + 1000);
    natsSubscription_Destroy(subscription);
    buf_fini(&subject);
    free(inbox);
    if (s == NATS_OK && natsMsg_GetReply(delivery) != NULL)
        return delivery;
    natsMsg_Destroy(delivery); /* a status: nothing came */
    return NULL;
}

natsMsg *dead_letters_deliver(struct dead_letters *world) {
    natsMsg *delivery = next_delivery(world, API_TIMEOUT_MS);
    assert_non_null(delivery);
    return delivery;
}

void dead_letters_answer(struct dead_letters *world, natsMsg *delivery, const char *answer) {
    natsConnection *connection = nats_client_fast(world->nats);
    assert_int_equal(natsConnection_PublishString(connection, natsMsg_GetReply(delivery), answer),
                     NATS_OK);
    assert_int_equal(natsConnection_FlushTimeout(connection, API_TIMEOUT_MS), NATS_OK);
    natsMsg_Destroy(delivery);
}

void dead_letters_report(struct dead_letters *world, const char *event_id, uint64_t sequence,
                         int attempt, const char *outcome) {
    struct buf subject = {0}, body = {0};
    char time[RFC3339_SIZE];
    clock_format(clock_now_us(), time);
    buf_printf(&subject, "failures." DEAD_LETTERS_STREAM ".%s.%s", world->consumer, event_id);
    buf_printf(&body,
               "{\"stream\":\"" DEAD_LETTERS_STREAM "\",\"consumer\":\"%s\",\"eventId\":\"%s\","
               "\"streamSequence\":%" PRIu64 ",\"attempt\":%d,\"outcome\":\"%s\","
               "\"code\":\"INVALID\",\"text\":\"told to fail\",\"sqlstate\":\"\","
               "\"service\":\"tester\",\"instance\":\"tester-1\",\"time\":\"%s\"}",
               world->consumer, event_id, sequence, attempt, outcome, time);
    (void)acknowledged_sequence(request(world, subject.ptr, body.ptr));
    buf_fini(&subject);
    buf_fini(&body);
}

void dead_letters_begin(struct dead_letters *world, uint64_t sequence, int attempt,
                        const char *process) {
    struct buf subject = {0};
    buf_printf(&subject, "failures." DEAD_LETTERS_STREAM ".%s.seq-%" PRIu64 ".%d", world->consumer,
               sequence, attempt);
    (void)acknowledged_sequence(request(world, subject.ptr, process));
    buf_fini(&subject);
}

void dead_letters_reject(struct dead_letters *world, const char *event_id, uint64_t sequence) {
    natsMsg *delivery = dead_letters_deliver(world);
    dead_letters_report(world, event_id, sequence, 1, "REJECT");
    dead_letters_answer(world, delivery, "+TERM");
}

/* The pull after the last delivery is what makes a 2.9 server notice that there are none left. */
void dead_letters_exhaust(struct dead_letters *world, const char *event_id, uint64_t sequence) {
    for (int attempt = 1; attempt <= CONSUMER_MAX_DELIVER; attempt++) {
        natsMsg *delivery = dead_letters_deliver(world);
        dead_letters_report(world, event_id, sequence, attempt, "RETRY");
        dead_letters_answer(world, delivery, "-NAK");
    }
    assert_null(next_delivery(world, 100));
}

void dead_letters_lose(struct dead_letters *world, natsMsg *delivery) {
    dead_letters_answer(world, delivery, "-NAK");
    for (int attempt = 2; attempt <= CONSUMER_MAX_DELIVER; attempt++)
        dead_letters_answer(world, dead_letters_deliver(world), "-NAK");
}

void dead_letters_await_quiet(struct dead_letters *world) {
    for (natsMsg *delivery = next_delivery(world, 500); delivery != NULL;
         delivery = next_delivery(world, 500))
        dead_letters_answer(world, delivery, "-NAK");
}

static bool is_connected(void *nats) {
    return nats_client_is_connected(nats);
}

bool dead_letters_reconnected(struct dead_letters *world) {
    return wait_until(is_connected, world->nats, DEAD_LETTERS_WAIT_MS);
}

void dead_letters_advise(struct dead_letters *world, const char *subject, const char *body) {
    (void)acknowledged_sequence(request(world, subject, body));
}

/* --- what became of it ------------------------------------------------------------------------ */

int64_t dead_letters_count(struct dead_letters *world) {
    struct error error = {0};
    struct json_object *root = NULL, *state = NULL, *subjects = NULL;
    int64_t count = 0;
    struct buf body = {0};
    buf_printf(&body, "{\"subjects_filter\":\"dlq." DEAD_LETTERS_STREAM ".%s.>\"}",
               world->consumer);
    natsMsg *reply = request(world, "$JS.API.STREAM.INFO." DEAD_LETTERS_STREAM "_DLQ", body.ptr);
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    assert_int_equal(json_parse(text, &root, &error), STATUS_OK);
    assert_int_equal(json_get_object(root, "state", &state, &error), STATUS_OK);
    if (json_get_object(state, "subjects", &subjects, &error) == STATUS_OK) {
        json_object_object_foreach(subjects, name, figure) {
            (void)name;
            count += json_object_get_int64(figure);
        }
    }
    json_object_put(root);
    natsMsg_Destroy(reply);
    buf_fini(&body);
    return count;
}

struct expected_count {
    struct dead_letters *world;
    int64_t count;
    const char *sql;
};

static bool count_is(void *closure) {
    struct expected_count *expected = closure;
    return dead_letters_count(expected->world) >= expected->count;
}

void dead_letters_await(struct dead_letters *world, int64_t count, int64_t timeout_ms) {
    struct expected_count expected = {world, count, NULL};
    (void)wait_until(count_is, &expected, timeout_ms);
    assert_int_equal(dead_letters_count(world), count);
}

void dead_letters_read(struct dead_letters *world, const char *event_id,
                       struct stored_message *message, struct entry *entry) {
    struct error error = {0};
    struct buf subject = {0};
    struct request_batch *requests = request_batch_create(world->nats);
    buf_printf(&subject, "dlq." DEAD_LETTERS_STREAM ".%s.%s", world->consumer, event_id);
    stored_message_ask_last(requests, SLICE_LITERAL(DEAD_LETTERS_STREAM "_DLQ"), subject.ptr);
    if (request_batch_run(requests, &error) != STATUS_OK ||
        stored_message_parse(request_batch_reply(requests, 0), message, &error) != STATUS_OK ||
        entry_parse(message, entry, &error) != STATUS_OK)
        fail_msg("%s: %s", subject.ptr, error.text);
    request_batch_destroy(&requests);
    buf_fini(&subject);
}

/* Over a connection of its own: some tests end the database's sessions. */
int64_t dead_letters_query(struct dead_letters *world, const char *sql) {
    PGconn *conn = PQconnectdb(servers_postgres_url(world->servers));
    const char *const params[] = {world->consumer};
    bool wants_consumer = strstr(sql, "$1") != NULL;
    PGresult *result = PQexecParams(conn, sql, wants_consumer ? 1 : 0, NULL, params, NULL, NULL, 0);
    int64_t value = -1;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    else if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    return value;
}

static bool query_gives(void *closure) {
    struct expected_count *expected = closure;
    return dead_letters_query(expected->world, expected->sql) == expected->count;
}

void dead_letters_await_query(struct dead_letters *world, const char *sql, int64_t wanted) {
    struct expected_count expected = {world, wanted, sql};
    if (!wait_until(query_gives, &expected, DEAD_LETTERS_WAIT_MS))
        fail_msg("%s gives %" PRId64 ", not %" PRId64, sql, dead_letters_query(world, sql), wanted);
}
