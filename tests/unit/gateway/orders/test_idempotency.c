/* The ids derived from idempotency keys, and the judgement of a stored record. */
#include "gateway/orders/idempotency.h"
#include "tests/support/base/test.h"

enum { NOW_MS = 1000000000 };

static const struct slice tenant = SLICE_LITERAL("default");

static struct claim claim(const char *key, const char *body) {
    return claim_of(tenant, slice_of(key), slice_of(body));
}

static enum claim_verdict judge(const char *record) {
    struct claim asked = claim("k", "body");
    return claim_judge(&asked, slice_of(record), NOW_MS);
}

static void the_order_id_derives_from_tenant_key_and_body(void **state) {
    (void)state;
    struct claim one = claim("k", "body"), again = claim("k", "body");
    struct claim other_key = claim("l", "body"), other_body = claim("k", "ydob");
    struct claim other_tenant = claim_of(SLICE_LITERAL("acme"), slice_of("k"), slice_of("body"));

    assert_int_equal(uuid_compare(&one.order_id, &again.order_id), 0);
    assert_int_not_equal(uuid_compare(&one.order_id, &other_key.order_id), 0);
    assert_int_not_equal(uuid_compare(&one.order_id, &other_body.order_id), 0);
    assert_int_not_equal(uuid_compare(&one.order_id, &other_tenant.order_id), 0);
    assert_int_equal(one.order_id.bytes[6] >> 4, 8);

    assert_string_equal(one.key_hash, other_body.key_hash);
    assert_string_not_equal(one.key_hash, other_tenant.key_hash);
    assert_string_not_equal(one.fingerprint, other_body.fingerprint);
}

static void a_record_is_judged_by_state_body_and_lease(void **state) {
    (void)state;
    struct claim mine = claim("k", "body"), other = claim("k", "other");
    struct buf live = {0}, dead = {0}, done = {0}, others = {0}, odd = {0};
    struct buf others_live = {0}, others_dead = {0};
    claim_write_in_flight(&mine, NOW_MS + IDEMPOTENCY_LEASE_MS, &live);
    claim_write_in_flight(&mine, NOW_MS, &dead);
    claim_write_done(&mine, &done);
    claim_write_done(&other, &others);
    claim_write_in_flight(&other, NOW_MS + IDEMPOTENCY_LEASE_MS, &others_live);
    claim_write_in_flight(&other, NOW_MS, &others_dead);
    claim_write_in_flight(&mine, NOW_MS + 3600 * 1000, &odd);

    assert_int_equal(claim_judge(&mine, (struct slice){NULL, 0}, NOW_MS), CLAIM_FIRST);
    assert_int_equal(judge(live.ptr), CLAIM_IN_FLIGHT);
    assert_int_equal(judge(dead.ptr), CLAIM_TAKEOVER);
    assert_int_equal(judge(done.ptr), CLAIM_REPLAY);
    assert_int_equal(judge(others.ptr), CLAIM_MISMATCH);
    assert_int_equal(judge(others_live.ptr), CLAIM_MISMATCH);
    assert_int_equal(judge(others_dead.ptr), CLAIM_MISMATCH);
    assert_int_equal(judge(odd.ptr), CLAIM_TAKEOVER); /* written by a clock that was wrong */
    buf_fini(&live);
    buf_fini(&dead);
    buf_fini(&done);
    buf_fini(&others);
    buf_fini(&odd);
    buf_fini(&others_live);
    buf_fini(&others_dead);
}

/* A lease that ends later than two leases from now comes from a clock that was wrong. */
static void a_lease_counts_while_it_can_be_one(void **state) {
    (void)state;
    static const struct {
        int64_t left_ms;
        enum claim_verdict verdict;
    } leases[] = {{0, CLAIM_TAKEOVER},
                  {1, CLAIM_IN_FLIGHT},
                  {2 * IDEMPOTENCY_LEASE_MS, CLAIM_IN_FLIGHT},
                  {2 * IDEMPOTENCY_LEASE_MS + 1, CLAIM_TAKEOVER}};
    for (size_t i = 0; i < sizeof(leases) / sizeof(leases[0]); i++) {
        struct claim mine = claim("k", "body");
        struct buf record = {0};
        claim_write_in_flight(&mine, NOW_MS + leases[i].left_ms, &record);
        assert_int_equal(judge(record.ptr), leases[i].verdict);
        buf_fini(&record);
    }
}

static void a_record_of_another_make_says_nothing(void **state) {
    (void)state;
    struct claim mine = claim("k", "body");
    char record[128];
    assert_int_equal(judge(""), CLAIM_DEGRADED);
    assert_int_equal(judge("D:"), CLAIM_DEGRADED);
    assert_int_equal(judge("X:0123456789"), CLAIM_DEGRADED);
    static const char *const makes[][2] = {
        {"X:", ""}, {"D:", ":"}, {"P:", ""}, {"P:", ":"}, {"X:", ":1000000001"}};
    for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
        snprintf(record, sizeof(record), "%s%s%s", makes[i][0], mine.fingerprint, makes[i][1]);
        assert_int_equal(judge(record), CLAIM_DEGRADED);
    }
}

/* An order that was accepted without Redis may still be on its way. */
static void keys_are_unguarded_from_the_moment_that_redis_could_not_say(void **state) {
    (void)state;
    assert_false(claim_is_unguarded(CLAIM_FIRST));
    assert_true(claim_is_unguarded(CLAIM_DEGRADED));
    assert_true(claim_is_unguarded(CLAIM_FIRST));
}

static void a_released_claim_is_taken_over_at_once(void **state) {
    (void)state;
    struct claim mine = claim("k", "body");
    struct buf record = {0};
    claim_write_in_flight(&mine, 0, &record);

    assert_int_equal(judge(record.ptr), CLAIM_TAKEOVER);
    buf_fini(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_id_derives_from_tenant_key_and_body),
        cmocka_unit_test(a_record_is_judged_by_state_body_and_lease),
        cmocka_unit_test(a_lease_counts_while_it_can_be_one),
        cmocka_unit_test(a_record_of_another_make_says_nothing),
        cmocka_unit_test(a_released_claim_is_taken_over_at_once),
        cmocka_unit_test(keys_are_unguarded_from_the_moment_that_redis_could_not_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
