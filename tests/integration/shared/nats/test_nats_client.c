/* The connection to NATS against a real server: several addresses, a lost server, a wrong
   password.

   Covers: shared/nats/nats_client.c */
#include "shared/base/clock.h"
#include "shared/nats/nats_client.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define AGAIN_MS 20000
#define MESSAGE_MS 5000

static struct servers *servers;

static int start(void **state) {
    (void)state;
    servers = servers_start(SERVERS_NATS);
    return 0;
}

static int stop(void **state) {
    (void)state;
    servers_stop(&servers);
    return 0;
}

static enum status connect_to(const char *url, const char *password_file, struct nats_client **nats,
                              struct error *error) {
    const struct nats_client_options options = {
        .url = url, .user = "shipping", .password_file = password_file, .name = "test"};
    return nats_client_create(&options, nats, error);
}

static struct nats_client *connected(void) {
    struct nats_client *nats = NULL;
    struct error error = {0};
    if (connect_to(servers_nats_url(servers), servers_nats_password_file(servers, "shipping"),
                   &nats, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return nats;
}

static void the_server_that_answers_is_taken_of_several(void **state) {
    (void)state;
    struct nats_client *nats = NULL;
    struct error error = {0};
    struct buf urls = {0};
    buf_printf(&urls, "nats://127.0.0.1:%d,%s", free_port(), servers_nats_url(servers));

    assert_int_equal(
        connect_to(urls.ptr, servers_nats_password_file(servers, "shipping"), &nats, &error),
        STATUS_OK);

    assert_true(nats_client_is_connected(nats));
    nats_client_destroy(&nats);
    assert_null(nats);
    buf_fini(&urls);
}

static bool is_connected(void *nats) {
    return nats_client_is_connected(nats);
}

static bool is_away(void *nats) {
    return !nats_client_is_connected(nats);
}

/* The client counts as away when one connection is; this is about the one used below. */
static bool is_fast_away(void *nats) {
    return natsConnection_Status(nats_client_fast(nats)) == NATS_CONN_STATUS_RECONNECTING;
}

/* nats.c tells us of a reconnection a moment behind it, on a thread of its own. */
static bool has_reconnected_once(void *nats) {
    return nats_client_epoch(nats) == 1;
}

static void a_lost_server_is_noticed_and_found_again(void **state) {
    (void)state;
    struct nats_client *nats = connected();
    assert_int_equal(nats_client_epoch(nats), 0);

    servers_kill(servers, SERVER_NATS);
    assert_true(wait_until(is_away, nats, AGAIN_MS));
    servers_restart(servers, SERVER_NATS);

    assert_true(wait_until(is_connected, nats, AGAIN_MS));
    assert_true(wait_until(has_reconnected_once, nats, AGAIN_MS));
    nats_client_destroy(&nats);
}

static void hardly_anything_is_kept_for_a_server_that_is_away(void **state) {
    (void)state;
    struct nats_client *nats = connected();
    natsMsg *reply = NULL;

    servers_kill(servers, SERVER_NATS);
    assert_true(wait_until(is_fast_away, nats, AGAIN_MS));
    (void)natsConnection_PublishString(nats_client_fast(nats), "a.subject", "text");
    natsStatus second = natsConnection_PublishString(nats_client_fast(nats), "a.subject", "text");
    natsStatus asked =
        natsConnection_RequestString(&reply, nats_client_fast(nats), "a.subject", "text", AGAIN_MS);
    servers_restart(servers, SERVER_NATS);

    assert_int_not_equal(second, NATS_OK);
    assert_int_not_equal(asked, NATS_OK);
    nats_client_destroy(&nats);
}

static void closing_does_not_wait_for_a_server_that_is_away(void **state) {
    (void)state;
    struct nats_client *nats = connected();
    servers_kill(servers, SERVER_NATS);
    assert_true(wait_until(is_away, nats, AGAIN_MS));

    int64_t started_us = clock_monotonic_us();
    nats_client_destroy(&nats);
    int64_t took_us = clock_monotonic_us() - started_us;
    servers_restart(servers, SERVER_NATS);

    assert_true(took_us < 2000000);
}

/* Otherwise it would refuse every order by itself, as nats.c does, also when the server takes them
   again. */
static void a_server_that_takes_no_message_of_our_size_is_waited_for(void **state) {
    (void)state;
    struct nats_client *nats = NULL;
    struct error error = {0};
    char path[512];
    snprintf(path, sizeof(path), "%s/nats.conf", servers_dir(servers));
    FILE *config = fopen(path, "a");
    assert_non_null(config);
    long size = ftell(config);
    fprintf(config, "\nmax_payload: 512\n");
    fclose(config);
    servers_restart(servers, SERVER_NATS);
    enum status status = connect_to(servers_nats_url(servers),
                                    servers_nats_password_file(servers, "shipping"), &nats, &error);
    assert_int_equal(truncate(path, size), 0);
    servers_restart(servers, SERVER_NATS);

    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_contains(error.text, "messages up to 512 bytes only: set its max_payload");
    nats = connected();
    nats_client_destroy(&nats);
}

static void a_wrong_password_is_said(void **state) {
    (void)state;
    struct nats_client *nats = NULL;
    struct error error = {0};

    assert_int_equal(connect_to(servers_nats_url(servers),
                                servers_nats_password_file(servers, "operator"), &nats, &error),
                     STATUS_UNAVAILABLE);
    assert_contains(error.text, "connecting to NATS");
    assert_int_not_equal(connect_to(servers_nats_url(servers), "/nowhere/password", &nats, &error),
                         STATUS_OK);
    assert_contains(error.text, "/nowhere/password");
    assert_null(nats);
}

static void each_inbox_is_new_and_under_the_users_name(void **state) {
    (void)state;
    struct nats_client *nats = connected();
    char *first = nats_client_inbox(nats), *second = nats_client_inbox(nats);

    assert_string_not_equal(first, second);
    assert_int_equal(strncmp(first, "_INBOX_shipping.", strlen("_INBOX_shipping.")), 0);
    free(first);
    free(second);
    nats_client_destroy(&nats);
}

/* The server's program names its version so: "nats-server: v2.9.10". */
static int version_of_program(void) {
    const char *program = getenv("OM_NATS_SERVER");
    char command[512], line[128] = "";
    snprintf(command, sizeof(command), "%s --version", program != NULL ? program : "nats-server");
    FILE *output = popen(command, "r");
    assert_non_null(output);
    assert_non_null(fgets(line, sizeof(line), output));
    pclose(output);
    const char *digits = strstr(line, ": v");
    assert_non_null(digits);
    return nats_info_parse_version(slice_of(digits + 3));
}

static void the_servers_version_is_known_also_after_a_new_connection(void **state) {
    (void)state;
    struct nats_client *nats = connected();
    int version = nats_client_server_version(nats);

    assert_true(version > 0);
    assert_int_equal(version, version_of_program());

    uint64_t epoch = nats_client_epoch(nats);
    servers_restart(servers, SERVER_NATS);
    assert_true(wait_until(is_connected, nats, AGAIN_MS));
    while (nats_client_epoch(nats) == epoch)
        clock_sleep_ms(1);
    assert_int_equal(nats_client_server_version(nats), version);
    nats_client_destroy(&nats);
}

struct publisher {
    struct nats_client *nats;
    const char *subject;
    atomic_bool is_over;
};

static void *publish_all_the_time(void *closure) {
    struct publisher *publisher = closure;
    while (!atomic_load(&publisher->is_over))
        natsConnection_PublishString(nats_client_bulk(publisher->nats), publisher->subject, "x");
    return NULL;
}

/* A relay's subscription was freed while an answer came for it: nats.c's thread that reads took the
   process along. */
static void a_subscription_can_end_while_messages_come_for_it(void **state) {
    (void)state;
    const struct nats_client_options options = {
        .url = servers_nats_url(servers),
        .user = "operator",
        .password_file = servers_nats_password_file(servers, "operator"),
        .name = "test",
    };
    struct publisher publisher = {0};
    struct error error = {0};
    pthread_t thread;
    assert_int_equal(nats_client_create(&options, &publisher.nats, &error), STATUS_OK);
    char *subject = nats_client_inbox(publisher.nats);
    publisher.subject = subject;
    assert_int_equal(pthread_create(&thread, NULL, publish_all_the_time, &publisher), 0);

    for (int turn = 0; turn < 1000; turn++) {
        natsSubscription *subscription = NULL;
        natsMsg *message = NULL;
        assert_int_equal(
            natsConnection_SubscribeSync(&subscription, nats_client_fast(publisher.nats), subject),
            NATS_OK);
        assert_int_equal(natsSubscription_NextMsg(&message, subscription, MESSAGE_MS), NATS_OK);
        natsMsg_Destroy(message);
        nats_client_unsubscribe(publisher.nats, &subscription);
        assert_null(subscription);
    }

    atomic_store(&publisher.is_over, true);
    pthread_join(thread, NULL);
    nats_client_destroy(&publisher.nats);
    free(subject);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_that_answers_is_taken_of_several),
        cmocka_unit_test(a_lost_server_is_noticed_and_found_again),
        cmocka_unit_test(hardly_anything_is_kept_for_a_server_that_is_away),
        cmocka_unit_test(closing_does_not_wait_for_a_server_that_is_away),
        cmocka_unit_test(a_server_that_takes_no_message_of_our_size_is_waited_for),
        cmocka_unit_test(a_wrong_password_is_said),
        cmocka_unit_test(the_servers_version_is_known_also_after_a_new_connection),
        cmocka_unit_test(each_inbox_is_new_and_under_the_users_name),
        cmocka_unit_test(a_subscription_can_end_while_messages_come_for_it),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
