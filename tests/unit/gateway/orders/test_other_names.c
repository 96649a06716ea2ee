/* What an order of another system is told to write instead, and whether docs/coming-from.md tells
   true. The bodies are as in the descriptions of those systems.

   Covers: gateway/orders/order_request.c docs/coming-from.md */
#include "gateway/orders/order_request.h"
#include "gateway/orders/other_names.h"
#include "shared/contract/event.h"
#include "tests/support/base/test.h"

#include <regex.h>

#define UNKNOWN " is not a member of an order"
#define PRICE_ADVICE                                                                               \
    UNKNOWN ": write unitPrice, in minor units (1999 for 19.99 USD), or leave it out for the "     \
            "catalog's\n"

/* Every fault of the body, a line each. */
static void refuse(const char *body, const char *faults) {
    struct order_request request = {.channels = ~0u};
    struct field_errors errors = {.arena = arena_create(4096)};
    struct error error;
    struct buf lines = {0};
    assert_int_equal(order_request_parse(slice_of(body), errors.arena, &request, &errors, &error),
                     STATUS_OK);
    for (size_t i = 0; i < errors.count; i++)
        buf_printf(&lines, "%.*s %s\n", SLICE_ARG(errors.entries[i].field),
                   errors.entries[i].message);
    assert_string_equal(lines.ptr, faults);
    buf_fini(&lines);
    arena_destroy(&errors.arena);
}

static void snake_case_and_qty_are_told_what_to_write(void **state) {
    (void)state;
    refuse("{\"customer_id\":\"C100\",\"email\":\"c100@example.com\","
           "\"items\":[{\"sku\":\"TSHIRT-BLK-M\",\"qty\":1}]}",
           "customerId is required\n"
           "currency is required\n"
           "paymentMethod is required\n"
           "customer_id" UNKNOWN ": write customerId\n"
           "items[0].qty" UNKNOWN ": write quantity\n"
           "items[0].quantity is required\n");
}

static void a_user_and_its_prices_are_told_what_to_write(void **state) {
    (void)state;
    refuse("{\"userId\":\"usr_001\",\"items\":[{\"sku\":\"SKU-123\",\"qty\":2,\"price\":1200}],"
           "\"currency\":\"LKR\"}",
           "customerId is required\n"
           "paymentMethod is required\n"
           "userId" UNKNOWN ": write customerId\n"
           "items[0].qty" UNKNOWN ": write quantity\n"
           "items[0].price" PRICE_ADVICE "items[0].quantity is required\n");
}

static void a_decimal_price_is_told_the_minor_units(void **state) {
    (void)state;
    refuse("{\"orderId\":\"ORD-999\",\"customerId\":\"CUST-42\",\"items\":[{\"productId\":"
           "\"PROD-101\",\"quantity\":2,\"unitPrice\":49.99}],\"totalAmount\":119.93,"
           "\"shippingAddress\":{\"street\":\"123 Main St\",\"city\":\"Austin\",\"state\":\"TX\","
           "\"zipCode\":\"78701\"},\"currency\":\"USD\",\"paymentMethod\":\"pm_card_visa\"}",
           "orderId" UNKNOWN ": leave it out, since the answer gives the order its id\n"
           "totalAmount" UNKNOWN
           ": leave it out, since the order costs what its items cost in the catalog\n"
           "shippingAddress.zip is required\n"
           "shippingAddress.zipCode" UNKNOWN ": write zip\n"
           "items[0].sku is required\n"
           "items[0].productId" UNKNOWN ": write sku\n"
           "items[0].unitPrice must be an integer of minor units, such as 1999 for 19.99 USD, "
           "without quotes\n");
}

static void well_known_shops_are_told_what_to_write(void **state) {
    (void)state;
    refuse("{\"line_items\":[{\"variant_id\":1,\"quantity\":\"1\"}],\"customer\":{\"email\":"
           "\"a@b.c\"},\"note\":\"x\",\"payment_method\":\"card\",\"currency\":\"usd\"}",
           "customerId is required\n"
           "currency must be an active ISO 4217 code in capitals, such as USD\n"
           "paymentMethod is required\n"
           "line_items" UNKNOWN ": write items\n"
           "customer" UNKNOWN ": write customerId, and email and phone beside it\n"
           "note" UNKNOWN ": leave it out, since an order keeps no notes\n"
           "payment_method" UNKNOWN ": write paymentMethod\n"
           "items is required\n");
    refuse("{\"customerId\":\"C1\",\"currency\":\"USD\",\"paymentMethod\":\"card\",\"items\":[{"
           "\"variant_id\":1,\"name\":\"Shirt\",\"quantity\":\"1\",\"unit_amount\":5}],"
           "\"billing_address\":{},\"shipping_address\":{\"address1\":\"x\"}}",
           "paymentMethod must be pm_ followed by A-Z a-z 0-9 _, up to 64 in all, such as "
           "pm_card_visa\n"
           "billing_address" UNKNOWN
           ": leave it out, since the payment provider has it with the paymentMethod\n"
           "shipping_address" UNKNOWN ": write shippingAddress\n"
           "items[0].sku is required\n"
           "items[0].variant_id" UNKNOWN ": write sku\n"
           "items[0].name" UNKNOWN ": leave it out, since the catalog has it\n"
           "items[0].unit_amount" PRICE_ADVICE
           "items[0].quantity must be an integer from 1 to 1000000, without quotes and fraction\n");
}

static void an_event_is_told_that_it_is_no_order(void **state) {
    (void)state;
    refuse("{\"eventId\":\"abcd\",\"eventType\":\"OrderPlaced\",\"timestamp\":\"2025-03-07T15:30:"
           "00Z\",\"correlationId\":\"c\",\"data\":{\"orderId\":\"ORDER12345\"}}",
           "customerId is required\n"
           "currency is required\n"
           "paymentMethod is required\n"
           "eventId" UNKNOWN ": leave it out, since an order is no event\n"
           "eventType" UNKNOWN ": leave it out, since an order is no event\n"
           "timestamp" UNKNOWN ": leave it out, since an order is no event\n"
           "correlationId" UNKNOWN ": send the header traceparent to follow an order\n"
           "data" UNKNOWN ": send what is in it as the body\n"
           "items is required\n");
}

static void a_spelling_is_the_same_name_only_when_all_of_it_is(void **state) {
    (void)state;
    assert_true(other_name_is(SLICE_LITERAL("shipping_address"), "shippingAddress"));
    assert_true(other_name_is(SLICE_LITERAL("CustomerID"), "customerId"));
    assert_false(other_name_is(SLICE_LITERAL("customer"), "customerId"));
    assert_false(other_name_is(SLICE_LITERAL("customerIds"), "customerId"));
    assert_false(other_name_is(SLICE_LITERAL("___"), "sku"));
    assert_false(other_name_is(SLICE_LITERAL("s\xc3\xb6ku"), "soku"));
    assert_null(other_name_advice(item_other_names, SLICE_LITERAL("colour")));
}

static void a_table_has_each_name_once_as_it_is_compared(void **state) {
    (void)state;
    const struct other_name *const tables[] = {order_other_names, address_other_names,
                                               item_other_names};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const struct other_name *row = tables[i]; row->name != NULL; row++) {
            assert_true(slice_has_only(slice_of(row->name), ""));
            if (other_name_advice(tables[i], slice_of(row->name)) != row->advice)
                fail_msg("%s stands there before", row->name);
        }
    }
}

static struct buf page(void) {
    return read_file(OM_SOURCE_DIR "/docs/coming-from.md");
}

static void each_order_of_the_page_is_valid(void **state) {
    (void)state;
    static const char begin[] = "```json\n";
    struct buf text = page();
    size_t count = 0;
    for (const char *at = strstr(text.ptr, begin); at != NULL; at = strstr(at, begin), count++) {
        struct order_request request = {.channels = ~0u, .may_name_flow = true};
        struct field_errors errors = {.arena = arena_create(4096)};
        struct error error;
        at += sizeof(begin) - 1;
        struct slice body = {at, (size_t)(strstr(at, "```") - at)};
        if (order_request_parse(body, errors.arena, &request, &errors, &error) != STATUS_OK ||
            errors.count > 0)
            fail_msg("not valid: %.*s", SLICE_ARG(body));
        arena_destroy(&errors.arena);
    }
    assert_int_equal(count, 5);
    buf_fini(&text);
}

static void each_event_of_the_page_is_on_the_subject_that_it_names(void **state) {
    (void)state;
    struct buf text = page();
    regex_t pair;
    regmatch_t match[3];
    size_t count = 0;
    assert_int_equal(
        regcomp(&pair, "`([a-z_.]+)`[^|`]* on `([a-z]+[.]evt[.][a-z_]+)`", REG_EXTENDED), 0);
    for (const char *at = text.ptr; regexec(&pair, at, 3, match, 0) == 0; at += match[0].rm_eo) {
        struct slice type = {at + match[1].rm_so, (size_t)(match[1].rm_eo - match[1].rm_so)};
        struct slice subject = {at + match[2].rm_so, (size_t)(match[2].rm_eo - match[2].rm_so)};
        enum event_type known;
        if (!event_type_of_subject(subject, &known) ||
            !slice_is(type, event_info(known)->type + strlen("io.ordermesh.")))
            fail_msg("%.*s is not on %.*s", SLICE_ARG(type), SLICE_ARG(subject));
        count++;
    }
    assert_true(count > 20);
    regfree(&pair);
    buf_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snake_case_and_qty_are_told_what_to_write),
        cmocka_unit_test(a_user_and_its_prices_are_told_what_to_write),
        cmocka_unit_test(a_decimal_price_is_told_the_minor_units),
        cmocka_unit_test(well_known_shops_are_told_what_to_write),
        cmocka_unit_test(an_event_is_told_that_it_is_no_order),
        cmocka_unit_test(a_spelling_is_the_same_name_only_when_all_of_it_is),
        cmocka_unit_test(a_table_has_each_name_once_as_it_is_compared),
        cmocka_unit_test(each_order_of_the_page_is_valid),
        cmocka_unit_test(each_event_of_the_page_is_on_the_subject_that_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
