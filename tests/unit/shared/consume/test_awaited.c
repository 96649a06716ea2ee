#include "shared/consume/awaited.h"
#include "tests/support/base/test.h"

static struct uuid id_of(uint8_t number) {
    struct uuid id = {{0}};
    id.bytes[15] = number;
    return id;
}

/* The members as they are said; free it. */
static struct buf said(void) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    json_begin_object(&w);
    awaited_write(&w);
    json_end_object(&w);
    return text;
}

static size_t count_of(const struct buf *text) {
    size_t count = 0;
    for (const char *at = text->ptr; (at = strstr(at, "\"orderId\"")) != NULL; at++)
        count++;
    return count;
}

static void what_is_not_answered_is_told_until_it_is(void **state) {
    (void)state;
    struct uuid order = id_of(1), other = id_of(2);
    awaited_note("ORDERS/order", &order, "inventory is silent");
    awaited_note("ORDERS/order", &order, "inventory is still silent");
    awaited_note("PAYMENTS/order", &order, "payment is silent");
    awaited_forget("ORDERS/order", &other);
    struct buf text = said();
    assert_int_equal(count_of(&text), 2);
    assert_contains(text.ptr, "{\"awaits\":[{\"consumer\":\"ORDERS/order\",\"orderId\":"
                              "\"00000000-0000-0000-0000-000000000001\",\"since\":\"20");
    assert_contains(text.ptr, "\"words\":\"inventory is still silent\"},");
    buf_fini(&text);

    awaited_forget("ORDERS/order", &order);
    text = said();
    assert_int_equal(count_of(&text), 1);
    assert_contains(text.ptr, "payment is silent");
    buf_fini(&text);
    awaited_forget("PAYMENTS/order", &order);
    text = said();
    assert_string_equal(text.ptr, "{}");
    buf_fini(&text);
}

static void more_than_can_be_told_are_left_out(void **state) {
    (void)state;
    for (uint8_t i = 0; i < 100; i++) {
        struct uuid order = id_of(i);
        awaited_note("ORDERS/order", &order, "inventory is silent");
    }
    struct buf text = said();
    assert_int_equal(count_of(&text), 32);
    assert_contains(text.ptr, "00000000-0000-0000-0000-00000000001f");
    buf_fini(&text);
    for (uint8_t i = 0; i < 100; i++) {
        struct uuid order = id_of(i);
        awaited_forget("ORDERS/order", &order);
    }
    text = said();
    assert_string_equal(text.ptr, "{}");
    buf_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_answered_is_told_until_it_is),
        cmocka_unit_test(more_than_can_be_told_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
