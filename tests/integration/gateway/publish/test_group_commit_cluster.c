/* COMMANDS has three copies, and another leader from the middle of a batch on: that one knows a
   part of it only. Each order is accepted all the same, and stored once.

   Covers: gateway/link/group_commit.c */
#include "omctl/install/provision.h"
#include "shared/base/clock.h"
#include "tests/support/gateway/order_crowd.h"

#define WAIT_MS 20000

/* "" while there is none. */
static void find_leader(char *leader, size_t size) {
    natsMsg *answer = ask_server("$JS.API.STREAM.INFO.COMMANDS", "");
    struct slice text = {natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
    struct json_object *info = NULL, *cluster;
    struct slice name = {"", 0};
    assert_int_equal(json_parse(text, &info, NULL), STATUS_OK);
    if (json_get_object(info, "cluster", &cluster, NULL) == STATUS_OK)
        (void)!json_get_string(cluster, "leader", &name, NULL);
    snprintf(leader, size, "%.*s", SLICE_ARG(name));
    json_object_put(info);
    natsMsg_Destroy(answer);
}

static bool has_another_leader(void *before) {
    char leader[64];
    find_leader(leader, sizeof(leader));
    return leader[0] != '\0' && strcmp(leader, before) != 0;
}

static void change_leader(void) {
    char before[64];
    find_leader(before, sizeof(before));
    natsMsg_Destroy(ask_server("$JS.API.STREAM.LEADER.STEPDOWN.COMMANDS", ""));
    assert_true(wait_until(has_another_leader, before, WAIT_MS));
}

#ifdef OM_FAILPOINTS
/* An order is sent again for less than that. */
#define SENT_AGAIN_US INT64_C(2000000)

/* False: the gateway halted for longer than a try waits, and what was refused was nobody's; or the
   cluster took longer for a leader than orders are sent again. */
static bool a_leader_comes_in_mid_batch(int attempt) {
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "led-%d", attempt);
    uint64_t before = last_sequence();
    crowd_halts_in_batch(prefix);
    int64_t since_us = clock_monotonic_us();
    change_leader();
    bool is_late = clock_monotonic_us() - since_us > SENT_AGAIN_US;
    crowd_goes_on();

    size_t accepted = crowd_leave(202);
    if (is_late && accepted < CROWD)
        return false;
    assert_int_equal(accepted, CROWD);
    assert_stored_once(before, CROWD);
    return groups_sent("count", "batch") == 1;
}
#endif

static void a_leader_that_comes_in_mid_batch_costs_no_order(void **state) {
    (void)state;
#ifdef OM_FAILPOINTS
    bool is_so = false;
    if (!takes_batches())
        skip();
    for (int attempt = 0; attempt < 5 && !is_so; attempt++)
        is_so = a_leader_comes_in_mid_batch(attempt);
    assert_true(is_so);
#else
    skip();
#endif
}

static void leaders_that_change_under_load_cost_no_order(void **state) {
    (void)state;
    start_anew();
    uint64_t before = last_sequence();
    enum { TURNS = 5 };
    for (int turn = 0; turn < TURNS; turn++) {
        char prefix[32];
        snprintf(prefix, sizeof(prefix), "turn-%d", turn);
        crowd_prepare(prefix);
        crowd_goes();
        change_leader();
        crowd_join();
        assert_int_equal(crowd_leave(202), CROWD);
    }
    assert_stored_once(before, TURNS * CROWD);
}

/* What has one copy gets two more; the cluster refuses that until it knows all its servers. */
static bool are_three_copies_there(void *closure) {
    (void)closure;
    struct error error = {0};
    struct provision_result result;
    FILE *unread = tmpfile();
    const struct provision_options options = {
        .directory = OM_SOURCE_DIR "/nats", .overrides.replicas = 3, .out = unread};
    enum status status = provision_run(fixture.nats, &options, &result, &error);
    fclose(unread);
    return status == STATUS_OK && result.refused == 0;
}

static int setup(void **state) {
    (void)fixture_setup_with_cluster(state);
    assert_true(wait_until(are_three_copies_there, NULL, WAIT_MS));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_that_comes_in_mid_batch_costs_no_order),
        cmocka_unit_test(leaders_that_change_under_load_cost_no_order),
    };
    return cmocka_run_group_tests(tests, setup, fixture_teardown);
}
