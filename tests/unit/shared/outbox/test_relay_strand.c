#include "shared/outbox/relay_strand.h"

#include "tests/support/base/test.h"

#include <stdlib.h>

#define BYTES_MOST (3 * 1024 * 1024)

static char payload[BYTES_MOST];

/* A payload of `bytes` each. */
static struct relay_row *make_rows(const char *const *subjects, size_t count, size_t bytes) {
    struct relay_row *rows = calloc(count, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        rows[i].subject = slice_of(subjects[i]);
        rows[i].payload = (struct slice){payload, bytes};
    }
    return rows;
}

static struct relay_row *make_many(size_t count, size_t bytes) {
    const char **subjects = calloc(count, sizeof(*subjects));
    for (size_t i = 0; i < count; i++)
        subjects[i] = "orders.evt.created";
    struct relay_row *rows = make_rows(subjects, count, bytes);
    free(subjects);
    return rows;
}

static void take(struct relay_strands *strands, const struct relay_row *rows, size_t count) {
    struct error error = {0};
    require_ok(relay_strands_take(strands, rows, count, &error), &error);
}

static void each_stream_has_its_rows_in_their_order(void **state) {
    (void)state;
    static const char *const subjects[] = {"orders.evt.created", "inventory.evt.reserved",
                                           "orders.evt.failed", "orders.evt.created",
                                           "inventory.evt.released"};
    struct relay_strands strands = {0};
    struct relay_row *rows = make_rows(subjects, 5, 10);

    take(&strands, rows, 5);

    assert_int_equal(strands.count, 2);
    assert_string_equal(strands.items[0].stream, "ORDERS");
    assert_string_equal(strands.items[1].stream, "INVENTORY");
    assert_memory_equal(strands.items[0].rows, ((const int[]){0, 2, 3}), 3 * sizeof(int));
    assert_memory_equal(strands.items[1].rows, ((const int[]){1, 4}), 2 * sizeof(int));
    assert_true(relay_strand_advance(&strands.items[1], rows, true));
    assert_int_equal(strands.items[1].end, 2);
    assert_false(relay_strand_advance(&strands.items[1], rows, true));
    assert_true(relay_strand_is_done(&strands.items[1]));

    take(&strands, rows, 5); /* nothing of the pass before is left */
    assert_int_equal(strands.items[1].begin, 0);
    assert_int_equal(strands.items[1].row_count, 2);
    free(rows);
    relay_strands_fini(&strands);
}

static void a_subject_of_no_stream_empties_the_list(void **state) {
    (void)state;
    static const char *const subjects[] = {"orders.evt.created", "weather.evt.rain"};
    struct relay_strands strands = {0};
    struct error error = {0};
    struct relay_row *rows = make_rows(subjects, 2, 10);
    assert_int_equal(relay_strands_take(&strands, rows, 2, &error), STATUS_INTERNAL);
    assert_contains(error.text, "weather.evt.rain");
    assert_int_equal(strands.count, 0);
    free(rows);
    relay_strands_fini(&strands);
}

/* The ends of the parts of `count` rows. */
static void assert_parts(size_t count, size_t bytes, bool has_batches, const int *ends,
                         size_t parts) {
    struct relay_strands strands = {0};
    struct relay_row *rows = make_many(count, bytes);
    take(&strands, rows, count);
    struct relay_strand *strand = &strands.items[0];
    for (size_t i = 0; i < parts; i++) {
        int begin = strand->end;
        assert_true(relay_strand_advance(strand, rows, has_batches));
        assert_int_equal(strand->begin, begin);
        assert_int_equal(strand->end, ends[i]);
    }
    assert_false(relay_strand_advance(strand, rows, has_batches));
    free(rows);
    relay_strands_fini(&strands);
}

static void parts_are_no_more_than_a_batch_may_have(void **state) {
    (void)state;
    assert_parts(1000, 10, true, (const int[]){1000}, 1);
    assert_parts(2001, 10, true, (const int[]){1000, 2000, 2001}, 3);
    assert_parts(2001, 10, false, (const int[]){2001}, 1);
    assert_parts(5, 1024 * 1024, true, (const int[]){4, 5}, 2);
    assert_parts(2, BYTES_MOST, true, (const int[]){1, 2}, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stream_has_its_rows_in_their_order),
        cmocka_unit_test(a_subject_of_no_stream_empties_the_list),
        cmocka_unit_test(parts_are_no_more_than_a_batch_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
