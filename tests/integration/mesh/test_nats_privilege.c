/* The permissions of each user of the NATS server, tried on a real server with the users and
   permissions that `omctl nats-users` writes.

   Covers: omctl/install/nats_users.c */
#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/contract/event.h"
#include "shared/nats/nats_client.h"
#include "shared/observe/log.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers.h"

#include <glob.h>

#define USERS_MAX 24
#define REFUSED_MS 5000

struct user {
    char name[32];
    natsConnection *connection;
};

static struct servers *servers;
static struct user users[USERS_MAX]; /* all but the operator */
static size_t user_count;
static natsConnection *operator_connection;

/* --- fixture --- */

static natsConnection *connect_as(const char *user) {
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    char *password = NULL;
    size_t length;
    struct error error;
    if (config_read_file(servers_nats_password_file(servers, user), &password, &length, &error) !=
        STATUS_OK)
        fixture_fail("%s", error.text);
    assert_int_equal(natsOptions_Create(&options), NATS_OK);
    natsOptions_SetURL(options, servers_nats_url(servers));
    natsOptions_SetUserInfo(options, user, password);
    assert_int_equal(natsConnection_Connect(&connection, options), NATS_OK);
    natsOptions_Destroy(options);
    free(password);
    return connection;
}

static void add_user(const char *name, size_t length) {
    struct user *user = &users[user_count++];
    assert_true(user_count <= USERS_MAX);
    snprintf(user->name, sizeof(user->name), "%.*s", (int)length, name);
    user->connection = connect_as(user->name);
}

static int start(void **state) {
    (void)state;
    static const char folder[] = OM_SOURCE_DIR "/services/";
    glob_t found = {0};
    servers = servers_start(SERVERS_NATS);
    servers_provision(servers);
    add_user("gateway", strlen("gateway"));
    assert_int_equal(glob(OM_SOURCE_DIR "/services/*/main.c", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *name = found.gl_pathv[i] + strlen(folder);
        add_user(name, strcspn(name, "/"));
    }
    globfree(&found);
    operator_connection = connect_as("operator");
    return 0;
}

static int stop(void **state) {
    (void)state;
    for (size_t i = 0; i < user_count; i++)
        natsConnection_Destroy(users[i].connection);
    natsConnection_Destroy(operator_connection);
    servers_stop(&servers);
    return 0;
}

/* --- what the server says --- */

/* The server's refusals come before its answer to the flush. A refusal stays the connection's last
   error, so that it is known by its subject: no subject is tried twice on one connection. */
static bool is_refused(natsConnection *connection, const char *kind, const char *subject) {
    char refusal[300];
    const char *text = NULL;
    snprintf(refusal, sizeof(refusal), "Permissions Violation for %s to \"%s\"", kind, subject);
    assert_int_equal(natsConnection_FlushTimeout(connection, REFUSED_MS), NATS_OK);
    return natsConnection_GetLastError(connection, &text) == NATS_NOT_PERMITTED &&
           strcasestr(text, refusal) != NULL;
}

static bool may_publish(natsConnection *connection, const char *subject) {
    assert_int_equal(natsConnection_PublishString(connection, subject, "{}"), NATS_OK);
    return !is_refused(connection, "Publish", subject);
}

static bool may_subscribe(natsConnection *connection, const char *subject) {
    natsSubscription *subscription = NULL;
    assert_int_equal(natsConnection_SubscribeSync(&subscription, connection, subject), NATS_OK);
    bool may = !is_refused(connection, "Subscription", subject);
    natsSubscription_Destroy(subscription);
    return may;
}

static void assert_may(bool may, bool expected, const char *user, const char *verb,
                       const char *subject) {
    if (may != expected)
        fail_msg("%s %s %s %s", user, may ? "may" : "may not", verb, subject);
}

static bool is(const struct user *user, const char *name) {
    return strcmp(user->name, name) == 0;
}

/* --- tests --- */

static void an_event_is_published_by_its_source_only(void **state) {
    (void)state;
    for (size_t i = 0; i < user_count; i++) {
        for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
            const struct event_info *info = event_info((enum event_type)type);
            /* Dead letters are sent again by their service. */
            bool expected = is(&users[i], info->source) || is(&users[i], "dlq");
            assert_may(may_publish(users[i].connection, info->subject), expected, users[i].name,
                       "publish", info->subject);
        }
    }
}

static void try_consumer(const struct user *user, const char *consumer, bool is_own) {
    static const struct {
        const char *format;
        bool is_dlqs; /* om-dlq asks how consumers of others are set up */
    } subjects[] = {
        {"$JS.API.CONSUMER.INFO.%s", true},  {"$JS.API.CONSUMER.MSG.NEXT.%s", false},
        {"$JS.ACK.%s.1.1.1.1.1", false},     {"$JS.ACK.domain.account.%s.1.1.1.1.1.1", false},
        {"failures.%s.any-event-id", false},
    };
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        char subject[160];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(subject, sizeof(subject), subjects[i].format, consumer);
#pragma GCC diagnostic pop
        bool expected = is_own || (subjects[i].is_dlqs && is(user, "dlq"));
        assert_may(may_publish(user->connection, subject), expected, user->name, "publish",
                   subject);
    }
}

static void a_consumer_is_read_and_acknowledged_by_its_own_service_only(void **state) {
    (void)state;
    glob_t found = {0};
    assert_int_equal(glob(OM_SOURCE_DIR "/nats/consumers/*.json", 0, NULL, &found), 0);
    for (size_t file = 0; file < found.gl_pathc; file++) {
        char consumer[96];
        const char *name = strrchr(found.gl_pathv[file], '/') + 1;
        snprintf(consumer, sizeof(consumer), "%.*s", (int)(strlen(name) - strlen(".json")), name);
        struct slice owner = slice_of(strchr(consumer, '.') + 1);
        owner.len = strcspn(owner.ptr, "-");
        for (size_t i = 0; i < user_count; i++)
            try_consumer(&users[i], consumer, slice_is(owner, users[i].name));
    }
    globfree(&found);
}

static void only_the_operator_changes_streams_and_consumers_or_speaks_for_the_server(void **state) {
    (void)state;
    static const struct {
        const char *subject;
        const char *but_for[4]; /* ends with NULL */
    } subjects[] = {
        {"$JS.API.STREAM.CREATE.MINE", {NULL}},
        {"$JS.API.STREAM.UPDATE.ORDERS", {NULL}},
        {"$JS.API.STREAM.DELETE.ORDERS", {NULL}},
        {"$JS.API.STREAM.PURGE.ORDERS", {NULL}},
        {"$JS.API.STREAM.MSG.DELETE.ORDERS", {NULL}},
        {"$JS.API.STREAM.SNAPSHOT.ORDERS", {NULL}},
        {"$JS.API.STREAM.RESTORE.ORDERS", {NULL}},
        {"$JS.API.STREAM.INFO.ORDERS", {"dlq", "order"}},
        {"$JS.API.STREAM.INFO.COMMANDS", {"dlq", "order"}},
        {"$JS.API.STREAM.MSG.GET.COMMANDS", {"dlq"}},
        {"$JS.API.CONSUMER.LIST.COMMANDS", {"gateway", "order", "dlq"}},
        {"commands.probe", {"gateway", "order", "dlq"}},
        {"commands.order.submit", {"gateway", "dlq"}},
        {"$JS.API.STREAM.MSG.GET.ORDERS", {"dlq", "order"}},
        {"$JS.API.STREAM.INFO.PAYMENTS", {"dlq", "payment"}},
        {"$JS.API.STREAM.MSG.GET.PAYMENTS", {"dlq", "payment"}},
        {"$JS.API.CONSUMER.LIST.PAYMENTS", {"gateway", "payment", "dlq"}},
        {"$JS.API.DIRECT.GET.ORDERS", {NULL}},
        {"$JS.API.CONSUMER.CREATE.ORDERS", {NULL}},
        {"$JS.API.CONSUMER.CREATE.ORDERS.mine.orders.evt.created", {NULL}},
        {"$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.mine", {NULL}},
        {"$JS.API.CONSUMER.DELETE.ORDERS.order", {NULL}},
        {"$JS.API.CONSUMER.PAUSE.ORDERS.order", {NULL}},
        {"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS.order", {NULL}},
        {"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS.order", {NULL}},
        {"dlq.ORDERS.order.any-event-id", {"dlq"}},
        {"failures.ORDERS.nobody.any-event-id", {NULL}},
        {"mesh.order.get", {"gateway"}},
        {"mesh.inventory.product.prices", {"gateway", "order"}},
        {"mesh.inventory.product.put", {"gateway"}},
        {"updates.any-order-id", {"order"}},
        {"$SRV.PING", {NULL}},
        {"_INBOX_gateway.any.stored.any", {NULL}},
        {"$SYS.REQ.SERVER.PING", {NULL}},
    };
    for (size_t i = 0; i < user_count; i++) {
        for (size_t j = 0; j < sizeof(subjects) / sizeof(subjects[0]); j++) {
            bool expected = false;
            for (int k = 0; subjects[j].but_for[k] != NULL; k++)
                expected |= is(&users[i], subjects[j].but_for[k]);
            assert_may(may_publish(users[i].connection, subjects[j].subject), expected,
                       users[i].name, "publish", subjects[j].subject);
        }
    }
}

static void nobody_listens_to_what_is_not_for_it(void **state) {
    (void)state;
    static const char *const subjects[] = {">",
                                           "*.>",
                                           "orders.>",
                                           "failures.>",
                                           "dlq.>",
                                           "$JS.>",
                                           "$JS.API.>",
                                           "$JS.EVENT.>",
                                           "$JS.ACK.>",
                                           "$SRV.>",
                                           "$SYS.>",
                                           "_INBOX.>",
                                           "mesh.>",
                                           "mesh.*.get",
                                           "_INBOX_nobody.>",
                                           "*",
                                           "orders.evt.created"};
    for (size_t i = 0; i < user_count; i++) {
        for (size_t j = 0; j < sizeof(subjects) / sizeof(subjects[0]); j++)
            assert_may(may_subscribe(users[i].connection, subjects[j]), false, users[i].name,
                       "subscribe to", subjects[j]);
        for (size_t j = 0; j <= user_count; j++) {
            const char *other = j < user_count ? users[j].name : "operator";
            char inbox[64], endpoint[64];
            snprintf(inbox, sizeof(inbox), "_INBOX_%.31s.>", other);
            snprintf(endpoint, sizeof(endpoint), "mesh.%.31s.get", other);
            assert_may(may_subscribe(users[i].connection, inbox), i == j, users[i].name,
                       "subscribe to", inbox);
            assert_may(may_subscribe(users[i].connection, endpoint), i == j, users[i].name,
                       "subscribe to", endpoint);
        }
    }
}

/* The password of one service lets nobody publish more than that service may. */
static void the_streams_hold_only_what_was_permitted(void **state) {
    (void)state;
    static const char *const untouched[] = {"ADVISORIES", "ORDERS_DLQ"};
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    assert_int_equal(natsConnection_JetStream(&js, operator_connection, NULL), NATS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(js_GetStreamInfo(&info, js, untouched[i], NULL, NULL), NATS_OK);
        /* om-dlq, which may, has tried one entry. */
        assert_in_range(info->State.Msgs, 0, i);
        jsStreamInfo_Destroy(info);
    }
    assert_int_equal(js_GetStreamInfo(&info, js, "ORDERS", NULL, NULL), NATS_OK);
    assert_in_range(info->State.Msgs, 1, 2 * EVENT_TYPE_COUNT);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
}

static void what_the_server_forbids_is_logged_as_an_error(void **state) {
    (void)state;
    struct nats_client *nats = NULL;
    struct error error = {0};
    const struct nats_client_options options = {
        .url = servers_nats_url(servers),
        .user = "shipping",
        .password_file = servers_nats_password_file(servers, "shipping"),
        .name = "shipping",
    };
    natsMsg *reply = NULL;
    assert_int_equal(nats_client_create(&options, &nats, &error), STATUS_OK);
    log_init("test", "", LOG_LEVEL_INFO);
    struct stderr_capture capture = stderr_take();

    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(nats),
                                                "$JS.API.STREAM.DELETE.ORDERS", "", 300);
    nats_client_destroy(&nats); /* its last callback has run */
    struct buf words = stderr_give_back(&capture);

    assert_int_equal(s, NATS_TIMEOUT);
    assert_contains(words.ptr, "\"level\":\"error\"");
    assert_contains(words.ptr, "NATS does not permit this to its user");
    assert_contains(words.ptr, "$JS.API.STREAM.DELETE.ORDERS");
    buf_fini(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_published_by_its_source_only),
        cmocka_unit_test(a_consumer_is_read_and_acknowledged_by_its_own_service_only),
        cmocka_unit_test(only_the_operator_changes_streams_and_consumers_or_speaks_for_the_server),
        cmocka_unit_test(nobody_listens_to_what_is_not_for_it),
        cmocka_unit_test(the_streams_hold_only_what_was_permitted),
        cmocka_unit_test(what_the_server_forbids_is_logged_as_an_error),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
