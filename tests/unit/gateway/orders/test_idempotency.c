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
    claim_write_in_flight(&mine, NOW_MS + IDEMPOTENCY_LEASE_MS, &live);
    claim_write_in_flight(&mine, NOW_MS, &dead);
    claim_write_done(&mine, &done);
    claim_write_done(&other, &others);
    claim_write_in_flight(&mine, NOW_MS + 3600 * 1000, &odd);

    assert_int_equal(claim_judge(&mine, (struct slice){NULL, 0}, NOW_MS), CLAIM_FIRST);
    assert_int_equal(judge(live.ptr), CLAIM_IN_FLIGHT);
    assert_int_equal(judge(dead.ptr), CLAIM_TAKEOVER);
    assert_int_equal(judge(done.ptr), CLAIM_REPLAY);
    assert_int_equal(judge(others.ptr), CLAIM_MISMATCH);
    assert_int_equal(judge(odd.ptr), CLAIM_TAKEOVER); /* written by a clock that was wrong */
    buf_fini(&live);
    buf_fini(&dead);
    buf_fini(&done);
    buf_fini(&others);
    buf_fini(&odd);
}

static void a_record_of_another_make_says_nothing(void **state) {
    (void)state;
    assert_int_equal(judge(""), CLAIM_DEGRADED);
    assert_int_equal(judge("D:"), CLAIM_DEGRADED);
    assert_int_equal(judge("X:0123456789"), CLAIM_DEGRADED);
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
        cmocka_unit_test(a_record_of_another_make_says_nothing),
        cmocka_unit_test(a_released_claim_is_taken_over_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
