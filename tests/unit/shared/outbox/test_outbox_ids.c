#include "shared/outbox/outbox_ids.h"

#include "tests/support/base/test.h"

static void add_all(struct outbox_ids *ids, int64_t begin, int64_t end) {
    for (int64_t id = begin; id < end; id++)
        outbox_ids_add(ids, id);
}

/* Rows 1 to 9 are dealt with, and nothing is missing. */
static struct outbox_ids nine(void) {
    struct outbox_ids ids = {0};
    add_all(&ids, 1, 10);
    outbox_ids_mark(&ids, 50);
    outbox_ids_read(&ids, 51, UINT64_MAX);
    assert_int_equal(ids.next, 10);
    return ids;
}

static void what_follows_without_a_gap_moves_the_next(void **state) {
    (void)state;
    struct outbox_ids ids = nine();
    add_all(&ids, 10, 15);
    assert_int_equal(ids.next, 15);
    assert_false(outbox_ids_needs_mark(&ids));
}

static void what_is_missing_is_waited_for_and_closes_the_gap(void **state) {
    (void)state;
    struct outbox_ids ids = nine();
    add_all(&ids, 12, 14);
    outbox_ids_add(&ids, 16);
    assert_int_equal(ids.next, 10);
    outbox_ids_add(&ids, 11); /* beside a range that is known */
    assert_int_equal(ids.next, 10);
    outbox_ids_add(&ids, 10);
    assert_int_equal(ids.next, 14);
    add_all(&ids, 14, 16);
    assert_int_equal(ids.next, 17);
    assert_int_equal(ids.range_count, 0);
}

static void ranges_that_meet_are_one(void **state) {
    (void)state;
    struct outbox_ids ids = nine();
    outbox_ids_add(&ids, 20);
    outbox_ids_add(&ids, 22);
    outbox_ids_add(&ids, 21);
    outbox_ids_add(&ids, 21); /* again */
    assert_int_equal(ids.range_count, 1);
    assert_int_equal(ids.ranges[0].begin, 20);
    assert_int_equal(ids.ranges[0].end, 23);
}

/* A transaction that had its number before the mark's may still commit what is missing. */
static void an_id_is_given_up_only_when_all_that_ran_at_the_mark_have_ended(void **state) {
    (void)state;
    struct outbox_ids ids = nine();
    outbox_ids_add(&ids, 12);
    assert_true(outbox_ids_needs_mark(&ids));
    outbox_ids_mark(&ids, 100);
    assert_false(outbox_ids_needs_mark(&ids));
    outbox_ids_read(&ids, 100, UINT64_MAX); /* a snapshot that does not reach it */
    assert_int_equal(ids.next, 10);
    outbox_ids_read(&ids, 130, 97); /* an older one still runs */
    assert_int_equal(ids.next, 10);
    outbox_ids_read(&ids, 130, 101);
    assert_int_equal(ids.next, 13);
    assert_false(outbox_ids_needs_mark(&ids));
}

static void ids_after_the_mark_are_not_given_up_with_it(void **state) {
    (void)state;
    struct outbox_ids ids = nine();
    outbox_ids_add(&ids, 12);
    outbox_ids_mark(&ids, 100);
    outbox_ids_add(&ids, 13);
    outbox_ids_add(&ids, 15);
    outbox_ids_read(&ids, 130, UINT64_MAX);
    assert_int_equal(ids.next, 14);
    assert_true(outbox_ids_needs_mark(&ids));
}

static void nothing_is_known_before_the_first_mark(void **state) {
    (void)state;
    struct outbox_ids ids = {0};
    assert_false(outbox_ids_needs_mark(&ids)); /* no row was seen */
    add_all(&ids, 100, 103);
    assert_int_equal(ids.next, 0);
    assert_true(outbox_ids_needs_mark(&ids));
}

static void more_gaps_than_can_be_kept_are_given_up_by_a_mark_too(void **state) {
    (void)state;
    struct outbox_ids ids = nine();
    for (int64_t i = 0; i < 2 * OUTBOX_IDS_RANGES; i++)
        outbox_ids_add(&ids, 20 + 2 * i);
    assert_int_equal(ids.range_count, OUTBOX_IDS_RANGES);
    outbox_ids_mark(&ids, 100);
    outbox_ids_read(&ids, 130, UINT64_MAX);
    assert_int_equal(ids.next, 20 + 2 * (2 * OUTBOX_IDS_RANGES - 1) + 1);
    assert_int_equal(ids.range_count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_without_a_gap_moves_the_next),
        cmocka_unit_test(what_is_missing_is_waited_for_and_closes_the_gap),
        cmocka_unit_test(ranges_that_meet_are_one),
        cmocka_unit_test(an_id_is_given_up_only_when_all_that_ran_at_the_mark_have_ended),
        cmocka_unit_test(ids_after_the_mark_are_not_given_up_with_it),
        cmocka_unit_test(nothing_is_known_before_the_first_mark),
        cmocka_unit_test(more_gaps_than_can_be_kept_are_given_up_by_a_mark_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
