/* Every answer of the provider is the event's, the moment's or the provider's.

   Covers: services/payment/provider/stripe_verdict.c services/payment/provider/provider.h */
#include "services/payment/provider/stripe_verdict.h"
#include "shared/json/json.h"
#include "tests/support/base/test.h"

#include <string.h>

static const struct row {
    int first, last;
    unsigned asked;
    const char *member, *value;
    struct stripe_verdict verdict;
    const char *meaning;
} rows[] = {
#define ROW(first, last, asked, member, value, answer, again, meaning)                             \
    {first, last, STRIPE_##asked, member, value, {PROVIDER_##answer, again}, meaning},
    STRIPE_VERDICT_TABLE(ROW)
#undef ROW
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The error object that the row is about; NULL for none. */
static struct json_object *error_of(const struct row *row) {
    if (strcmp(row->member, "-") == 0)
        return NULL;
    struct json_object *error = json_object_new_object();
    if (row->member[0] != '\0')
        json_object_object_add(error, row->member, json_object_new_string(row->value));
    return error;
}

static void each_row_is_what_its_answer_is_judged_by(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        int status = row->first == 0 && row->last == 999 ? 302 : row->last;
        struct json_object *error = error_of(row);
        unsigned asked = row->asked == STRIPE_CAPTURE ? STRIPE_CAPTURE : STRIPE_CHARGE;
        struct stripe_verdict verdict = stripe_judge(status, asked, error);
        json_object_put(error);
        if (verdict.answer != row->verdict.answer || verdict.again != row->verdict.again)
            fail_msg("%d, %s", status, row->meaning);
    }
}

static void each_row_has_one_to_blame(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        bool is_error_of_stripe = strcmp(row->member, "-") != 0;
        enum blame blame = provider_blame(row->verdict.answer);
        /* Without Stripe's word nothing is the event's; what is its own is not asked again, and
           what is the moment's is. */
        if ((blame == BLAME_EVENT && (!is_error_of_stripe || row->verdict.again)) ||
            (blame == BLAME_MOMENT && !row->verdict.again))
            fail_msg("%d, %s", row->first, row->meaning);
    }
}

static void every_status_has_a_verdict(void **state) {
    (void)state;
    for (int status = 0; status < 1000; status++) {
        struct stripe_verdict verdict = stripe_judge(status, STRIPE_CHARGE, NULL);
        assert_int_not_equal(provider_blame(verdict.answer), BLAME_EVENT);
    }
}

static void a_refund_is_declined_by_nobody(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct json_object *error = error_of(&rows[i]);
        assert_int_not_equal(stripe_judge(rows[i].first, STRIPE_ANY, error).answer,
                             PROVIDER_DECLINED);
        json_object_put(error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_what_its_answer_is_judged_by),
        cmocka_unit_test(each_row_has_one_to_blame),
        cmocka_unit_test(every_status_has_a_verdict),
        cmocka_unit_test(a_refund_is_declined_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
