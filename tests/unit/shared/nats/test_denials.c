#include "shared/nats/denials.h"
#include "tests/support/base/test.h"

#define REFUSED(subject) "Permissions Violation for Publish to \"" subject "\""

static struct denials denials;

static int each_setup(void **state) {
    (void)state;
    denials_init(&denials);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    denials_fini(&denials);
    return 0;
}

static void what_was_refused_last_is_known_by_its_subject(void **state) {
    (void)state;
    denials_note(&denials, REFUSED("orders.evt.created"), 5);
    denials_note(&denials, REFUSED("orders.evt"), 7);
    denials_note(&denials, REFUSED("orders.evt.created"), 9);

    assert_int_equal(denials_last_us(&denials, "orders.evt.created"), 9);
    assert_int_equal(denials_last_us(&denials, "orders.evt"), 7);
    assert_int_equal(denials_last_us(&denials, "orders"), 0);
    assert_int_equal(denials_last_us(&denials, NULL), 9);
}

static void what_is_no_publish_or_has_no_room_is_passed_over(void **state) {
    (void)state;
    char text[DENIAL_SUBJECT_SIZE + 64];
    denials_note(&denials, "Permissions Violation for Subscription to \"a\"", 5);
    denials_note(&denials, "", 5);
    snprintf(text, sizeof(text), "Publish to \"%0*d\"", DENIAL_SUBJECT_SIZE, 1);
    denials_note(&denials, text, 5);

    assert_int_equal(denials_last_us(&denials, NULL), 0);
}

static void the_oldest_of_too_many_gives_way(void **state) {
    (void)state;
    char text[64];
    for (int i = 0; i <= DENIALS_MOST; i++) {
        snprintf(text, sizeof(text), REFUSED("subject.%d"), i);
        denials_note(&denials, text, 10 + i);
    }
    assert_int_equal(denials_last_us(&denials, "subject.0"), 0);
    assert_int_equal(denials_last_us(&denials, "subject.1"), 11);
    assert_int_equal(denials_last_us(&denials, "subject.8"), 18);
}

static void of_acknowledgements_a_consumer_has_one(void **state) {
    (void)state;
    char subject[DENIAL_SUBJECT_SIZE];
    denials_note(&denials, REFUSED("$JS.ACK.ORDERS.payment.1.5.5.1700000000000000000.0"), 5);
    denials_note(&denials, REFUSED("$JS.ACK.ORDERS.payment.2.9.9.1700000000000000000.3"), 7);
    denials_note(&denials, REFUSED("$JS.ACK._.hash.ORDERS.stock.1.5.5.1700000000000000000.0.x"), 6);

    assert_int_equal(denials_last_us(&denials, "$JS.ACK.ORDERS.payment.1.1.1.1.1"), 7);
    assert_int_equal(denials_last_us(&denials, "$JS.ACK.ORDERS.paymen.1.1.1.1.1"), 0);
    assert_int_equal(denials_last_us(&denials, "$JS.ACK._.hash.ORDERS.stock.1.1.1.1.1.y"), 6);
    assert_int_equal(denials_last_us(&denials, "$JS.ACK._.hash.ORDERS.other.1.1.1.1.1.y"), 0);
    assert_int_equal(denials_latest(&denials, subject), 7);
    assert_string_equal(subject, "$JS.ACK.ORDERS.payment");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_refused_last_is_known_by_its_subject),
        TEST(what_is_no_publish_or_has_no_room_is_passed_over),
        TEST(the_oldest_of_too_many_gives_way),
        TEST(of_acknowledgements_a_consumer_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
