/* A batch is stored when the server says so of just this batch; else its messages go one by one.

   Covers: shared/nats/atomic_batch.c */
#include "shared/nats/atomic_batch.h"

#include "tests/support/base/test.h"

static natsMsg *marked(struct atomic_batch *batch, bool is_last) {
    natsMsg *message = NULL;
    struct error error = {0};
    assert_int_equal(natsMsg_Create(&message, "orders.evt.created", NULL, "{}", 2), NATS_OK);
    require_ok(atomic_batch_mark(batch, message, is_last, &error), &error);
    return message;
}

static void assert_header(natsMsg *message, const char *name, const char *wanted) {
    const char *value = NULL;
    natsStatus s = natsMsgHeader_Get(message, name, &value);
    if (wanted == NULL)
        assert_int_equal(s, NATS_NOT_FOUND);
    else
        assert_string_equal(value, wanted);
}

static void messages_are_numbered_and_only_the_last_one_commits(void **state) {
    (void)state;
    static const char *const numbers[] = {"1", "2", "3"};
    struct atomic_batch batch;
    atomic_batch_begin(&batch);
    for (int i = 0; i < 3; i++) {
        natsMsg *message = marked(&batch, i == 2);
        assert_header(message, "Nats-Batch-Id", batch.id);
        assert_header(message, "Nats-Batch-Sequence", numbers[i]);
        assert_header(message, "Nats-Batch-Commit", i == 2 ? "1" : NULL);
        natsMsg_Destroy(message);
    }
    assert_int_equal(batch.count, 3);
}

static void each_batch_has_an_id_of_its_own_that_servers_take(void **state) {
    (void)state;
    struct atomic_batch first, second;
    atomic_batch_begin(&first);
    atomic_batch_begin(&second);
    assert_string_not_equal(first.id, second.id);
    assert_in_range(strlen(first.id), 1, 64);
    assert_int_equal(second.count, 0);
}

static void batches_are_for_servers_that_sync_one_once(void **state) {
    (void)state;
    assert_false(atomic_batch_is_supported(0));
    assert_false(atomic_batch_is_supported(NATS_SERVER_VERSION(2, 9, 10)));
    assert_false(atomic_batch_is_supported(NATS_SERVER_VERSION(2, 14, 10)));
    assert_true(atomic_batch_is_supported(NATS_SERVER_VERSION(2, 15, 0)));
    assert_true(atomic_batch_is_supported(NATS_SERVER_VERSION(3, 0, 0)));
}

static void the_next_batch_gathers_for_half_of_what_this_one_took_and_not_for_long(void **state) {
    (void)state;
    assert_int_equal(atomic_batch_gather_us(0), 0);
    assert_int_equal(atomic_batch_gather_us(9000), 4500);
    assert_int_equal(atomic_batch_gather_us(40000), 20000);
    assert_int_equal(atomic_batch_gather_us(5000000), 20000);
}

static enum atomic_batch_verdict judged(const char *batch_id, uint64_t count, int error_code) {
    const struct atomic_batch batch = {.id = "b-1", .count = 3};
    struct pub_ack ack = {.sequence = 7, .batch_count = count, .error_code = error_code};
    snprintf(ack.batch_id, sizeof(ack.batch_id), "%s", batch_id);
    return atomic_batch_judge(&batch, &ack);
}

static void a_batch_is_stored_when_its_own_answer_counts_all_of_it(void **state) {
    (void)state;
    assert_int_equal(judged("b-1", 3, 0), ATOMIC_BATCH_STORED);
    assert_int_equal(judged("b-1", 2, 0), ATOMIC_BATCH_UNKNOWN);
    assert_int_equal(judged("b-2", 3, 0), ATOMIC_BATCH_UNKNOWN);
    /* the answer of a server that has stored each for itself */
    assert_int_equal(judged("", 0, 0), ATOMIC_BATCH_UNKNOWN);
}

static void a_refusal_is_of_this_batch_or_of_all(void **state) {
    (void)state;
    static const int all[] = {10174, 10175, 10177, 10179, 10199, 10200};
    static const int this_one[] = {10008, 10054, 10060, 10077, 10158, 10167,
                                   10176, 10201, 10210, -1,    10999};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_int_equal(judged("", 0, all[i]), ATOMIC_BATCH_UNKNOWN);
    for (size_t i = 0; i < sizeof(this_one) / sizeof(this_one[0]); i++)
        assert_int_equal(judged("", 0, this_one[i]), ATOMIC_BATCH_REFUSED);
}

/* natsMsg_Create() before nats_Open() ends in a fault when a header is set. */
static int open_library(void **state) {
    (void)state;
    return nats_Open(-1) == NATS_OK ? 0 : -1;
}

static int close_library(void **state) {
    (void)state;
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_numbered_and_only_the_last_one_commits),
        cmocka_unit_test(each_batch_has_an_id_of_its_own_that_servers_take),
        cmocka_unit_test(batches_are_for_servers_that_sync_one_once),
        cmocka_unit_test(the_next_batch_gathers_for_half_of_what_this_one_took_and_not_for_long),
        cmocka_unit_test(a_batch_is_stored_when_its_own_answer_counts_all_of_it),
        cmocka_unit_test(a_refusal_is_of_this_batch_or_of_all),
    };
    return cmocka_run_group_tests(tests, open_library, close_library);
}
