/* The body of an order: what is accepted, what is refused and where, and its canonical form.

   Covers: shared/contract/currency.c */
#include "gateway/orders/order_request.h"
#include "tests/support/base/test.h"

#define ITEM "{\"sku\":\"A-1\",\"quantity\":2}"
#define ORDER_WITH(items, more)                                                                    \
    "{\"customerId\":\"C1\",\"currency\":\"USD\",\"paymentMethod\":\"pm_card\",\"items\":[" items  \
    "]" more "}"

struct parsed {
    struct arena *arena;
    struct order_request request;
    struct field_errors errors;
    enum status status;
};

static struct parsed parse(const char *body) {
    struct parsed parsed = {.arena = arena_create(4096), .request.channels = ~0u};
    parsed.errors.arena = parsed.arena;
    struct error error;
    parsed.status =
        order_request_parse(slice_of(body), parsed.arena, &parsed.request, &parsed.errors, &error);
    return parsed;
}

static void parsed_fini(struct parsed *parsed) {
    arena_destroy(&parsed->arena);
}

static bool blames(const struct parsed *parsed, const char *field) {
    for (size_t i = 0; i < parsed->errors.count; i++)
        if (slice_is(parsed->errors.entries[i].field, field))
            return true;
    return false;
}

static void assert_only_blames(const char *body, const char *field) {
    struct parsed parsed = parse(body);
    if (parsed.status != STATUS_OK || parsed.errors.count != 1 || !blames(&parsed, field))
        fail_msg("expected only %s to be at fault in %s (%zu faults)", field, body,
                 parsed.errors.count);
    parsed_fini(&parsed);
}

static void canonical(const char *body, struct buf *out) {
    struct parsed parsed = parse(body);
    assert_int_equal(parsed.status, STATUS_OK);
    assert_int_equal(parsed.errors.count, 0);
    order_request_canonical(&parsed.request, out);
    parsed_fini(&parsed);
}

static void a_whole_order_is_read_with_its_personal_data_apart(void **state) {
    (void)state;
    struct parsed parsed = parse(ORDER_WITH(
        "{\"sku\":\"A-1\",\"quantity\":2,\"unitPrice\":0},{\"sku\":\"B\",\"quantity\":1}",
        ",\"email\":\"a@example.com\",\"phone\":\"+49 30 1\",\"shippingAddress\":{"
        "\"street\":\"1 Rue \u00c9mile\",\"city\":\"P\",\"state\":\"S\",\"zip\":\"7\"}"));
    struct buf contact = {0};

    assert_int_equal(parsed.status, STATUS_OK);
    assert_int_equal(parsed.errors.count, 0);
    const struct order_snapshot *snapshot = &parsed.request.snapshot;
    assert_true(slice_is(snapshot->customer_id, "C1"));
    assert_int_equal(snapshot->item_count, 2);
    assert_int_equal(snapshot->items[0].quantity, 2);
    assert_int_equal(snapshot->items[0].unit_price_minor, 0);
    assert_int_equal(snapshot->items[1].unit_price_minor, -1);
    assert_int_equal(snapshot->total_minor, -1);

    assert_true(order_request_contact(&parsed.request, &contact));
    assert_string_equal(contact.ptr, "{\"email\":\"a@example.com\",\"phone\":\"+49 30 1\","
                                     "\"shippingAddress\":{\"street\":\"1 Rue \u00c9mile\","
                                     "\"city\":\"P\",\"state\":\"S\",\"zip\":\"7\"}}");
    buf_fini(&contact);
    parsed_fini(&parsed);
}

static void an_order_without_personal_data_seals_nothing(void **state) {
    (void)state;
    struct parsed parsed = parse(ORDER_WITH(ITEM, ""));
    struct buf contact = {0};

    assert_false(order_request_contact(&parsed.request, &contact));
    assert_int_equal(contact.len, 0);
    parsed_fini(&parsed);
}

static void a_customer_has_the_id_that_its_provider_issued(void **state) {
    (void)state;
    static const char *const ids[] = {"auth0|507f", "user@example.com", "CN=Jane Doe,OU=Sales/x",
                                      "Z\xc3\xb6\x65 <b>&'%2f"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct buf body = {0};
        buf_printf(&body,
                   "{\"customerId\":\"%s\",\"currency\":\"USD\",\"paymentMethod\":\"pm_card\","
                   "\"items\":[" ITEM "]}",
                   ids[i]);
        struct parsed parsed = parse(body.ptr);
        assert_int_equal(parsed.errors.count, 0);
        assert_slice_equal(parsed.request.snapshot.customer_id, ids[i]);
        parsed_fini(&parsed);
        buf_fini(&body);
    }
}

static void an_order_may_say_how_its_customer_is_told(void **state) {
    (void)state;
    struct parsed parsed =
        parse(ORDER_WITH(ITEM, ",\"notify\":[\"sms\",\"log\"],\"phone\":\"+491\""));
    struct buf contact = {0}, one = {0}, other = {0}, none = {0};

    assert_int_equal(parsed.errors.count, 0);
    assert_true(order_request_contact(&parsed.request, &contact));
    assert_string_equal(contact.ptr, "{\"phone\":\"+491\",\"notify\":[\"log\",\"sms\"]}");
    parsed_fini(&parsed);

    canonical(ORDER_WITH(ITEM, ",\"notify\":[\"webhook\",\"log\"]"), &one);
    canonical(ORDER_WITH(ITEM, ",\"notify\":[\"log\",\"webhook\"]"), &other);
    assert_string_equal(one.ptr, other.ptr);
    canonical(ORDER_WITH(ITEM, ""), &none);
    assert_string_not_equal(one.ptr, none.ptr);
    buf_fini(&contact);
    buf_fini(&one);
    buf_fini(&other);
    buf_fini(&none);

    assert_only_blames(ORDER_WITH(ITEM, ",\"notify\":\"log\""), "notify");
    assert_only_blames(ORDER_WITH(ITEM, ",\"notify\":[\"fax\"]"), "notify");
    assert_only_blames(ORDER_WITH(ITEM, ",\"notify\":[\"log\",\"log\"]"), "notify");
    assert_only_blames(ORDER_WITH(ITEM, ",\"notify\":[null]"), "notify");
    assert_only_blames(ORDER_WITH(ITEM, ",\"notify\":[\"smtp\"]"), "notify");
    assert_only_blames(ORDER_WITH(ITEM, ",\"notify\":[\"sms\"]"), "notify");
}

/* An order for a channel that was not there completed, and nobody was told. */
static void a_channel_that_is_not_offered_is_a_fault_of_notify(void **state) {
    (void)state;
    struct parsed parsed = {.arena = arena_create(4096),
                            .request.channels = NOTIFY_BIT(NOTIFY_LOG)};
    parsed.errors.arena = parsed.arena;
    struct error error;
    assert_int_equal(
        order_request_parse(SLICE_LITERAL(ORDER_WITH(ITEM, ",\"notify\":[\"webhook\"]")),
                            parsed.arena, &parsed.request, &parsed.errors, &error),
        STATUS_OK);
    assert_int_equal(parsed.errors.count, 1);
    assert_slice_equal(parsed.errors.entries[0].field, "notify");
    parsed_fini(&parsed);
}

static struct parsed parse_with_flow(const char *body) {
    struct parsed parsed = {.arena = arena_create(4096), .request.may_name_flow = true};
    parsed.errors.arena = parsed.arena;
    struct error error;
    parsed.status =
        order_request_parse(slice_of(body), parsed.arena, &parsed.request, &parsed.errors, &error);
    assert_int_equal(parsed.status, STATUS_OK);
    return parsed;
}

static void only_who_may_names_a_flow(void **state) {
    (void)state;
    assert_only_blames(ORDER_WITH(ITEM, ",\"flow\":\"parallel\""), "flow");

    struct parsed named = parse_with_flow(ORDER_WITH(ITEM, ",\"flow\":\"parallel\""));
    assert_int_equal(named.errors.count, 0);
    assert_true(named.request.has_flow);
    assert_int_equal(named.request.snapshot.flow, FLOW_PARALLEL);
    struct buf one = {0}, other = {0};
    order_request_canonical(&named.request, &one);
    canonical(ORDER_WITH(ITEM, ""), &other);
    assert_string_not_equal(one.ptr, other.ptr);
    buf_fini(&one);
    buf_fini(&other);
    parsed_fini(&named);

    struct parsed unnamed = parse_with_flow(ORDER_WITH(ITEM, ""));
    assert_int_equal(unnamed.errors.count, 0);
    assert_false(unnamed.request.has_flow);
    parsed_fini(&unnamed);

    struct parsed wrong = parse_with_flow(ORDER_WITH(ITEM, ",\"flow\":\"backwards\""));
    assert_int_equal(wrong.errors.count, 1);
    assert_true(blames(&wrong, "flow"));
    parsed_fini(&wrong);
}

/* Who orders for a shop says when it takes the money, as it says the flow. */
static void only_who_may_says_when_the_money_is_taken(void **state) {
    (void)state;
    assert_only_blames(ORDER_WITH(ITEM, ",\"capture\":\"on_shipment\""), "capture");

    struct parsed named = parse_with_flow(ORDER_WITH(ITEM, ",\"capture\":\"on_shipment\""));
    struct buf one = {0}, other = {0};
    assert_int_equal(named.errors.count, 0);
    assert_int_equal(named.request.snapshot.capture, CAPTURE_ON_SHIPMENT);
    order_request_canonical(&named.request, &one);
    canonical(ORDER_WITH(ITEM, ""), &other);
    assert_contains(one.ptr, "\"capture\":\"on_shipment\"");
    assert_null(strstr(other.ptr, "capture"));
    buf_fini(&one);
    buf_fini(&other);
    parsed_fini(&named);

    struct parsed wrong = parse_with_flow(ORDER_WITH(ITEM, ",\"capture\":\"later\""));
    assert_int_equal(wrong.errors.count, 1);
    assert_true(blames(&wrong, "capture"));
    parsed_fini(&wrong);
}

static void what_is_not_one_strict_object_is_invalid(void **state) {
    (void)state;
    static const char *const bodies[] = {"",    "[]",         "3",       "{",          "{}{}",
                                         "nul", "{\"a\":1,}", "{'a':1}", "{\"a\":NaN}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct parsed parsed = parse(bodies[i]);
        if (parsed.status != STATUS_INVALID)
            fail_msg("accepted: %s", bodies[i]);
        parsed_fini(&parsed);
    }
}

static void every_field_at_fault_is_listed(void **state) {
    (void)state;
    struct parsed parsed = parse("{\"status\":\"PAID\",\"currency\":\"usd\",\"items\":[3,"
                                 "{\"sku\":\"a b\",\"quantity\":0,\"x\":1}]}");

    static const char *const fields[] = {"customerId", "paymentMethod",    "currency",
                                         "status",     "items[0]",         "items[1].sku",
                                         "items[1].x", "items[1].quantity"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (!blames(&parsed, fields[i]))
            fail_msg("not listed: %s", fields[i]);
    assert_int_equal(parsed.errors.count, sizeof(fields) / sizeof(fields[0]));
    parsed_fini(&parsed);
}

static void a_quantity_is_an_integer_from_one_to_a_million(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "0",     "-1",   "1.5",  "1e3", "1000001", "9223372036854775808", "18446744073709551616",
        "\"2\"", "true", "null", "[]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char body[256];
        snprintf(body, sizeof(body), ORDER_WITH("{\"sku\":\"A\",\"quantity\":%s}", ""), wrong[i]);
        assert_only_blames(body, "items[0].quantity");
    }
    struct parsed most = parse(ORDER_WITH("{\"sku\":\"A\",\"quantity\":1000000}", ""));
    assert_int_equal(most.errors.count, 0);
    parsed_fini(&most);
}

static void texts_keep_to_their_alphabet_and_length(void **state) {
    (void)state;
    char sku[2][66] = {{0}, {0}}, body[512];
    memset(sku[0], 'a', 64);
    memset(sku[1], 'a', 65);
    snprintf(body, sizeof(body), ORDER_WITH("{\"sku\":\"%s\",\"quantity\":1}", ""), sku[0]);
    struct parsed longest = parse(body);
    assert_int_equal(longest.errors.count, 0);
    parsed_fini(&longest);

    snprintf(body, sizeof(body), ORDER_WITH("{\"sku\":\"%s\",\"quantity\":1}", ""), sku[1]);
    assert_only_blames(body, "items[0].sku");
    assert_only_blames(ORDER_WITH("{\"sku\":\"\",\"quantity\":1}", ""), "items[0].sku");
    assert_only_blames(ORDER_WITH("{\"sku\":\"a\\u0000\",\"quantity\":1}", ""), "items[0].sku");
    assert_only_blames(ORDER_WITH(ITEM, ",\"email\":\"nobody\""), "email");
    assert_only_blames(ORDER_WITH(ITEM, ",\"email\":\"a b@example.com\""), "email");
    assert_only_blames(ORDER_WITH(ITEM, ",\"email\":null"), "email");
    assert_only_blames(ORDER_WITH(ITEM, ",\"email\":\"a,b@example.com\""), "email");
    assert_only_blames(ORDER_WITH(ITEM, ",\"email\":\"a\\u2028@example.com\""), "email");
    assert_only_blames(ORDER_WITH(ITEM, ",\"phone\":\"12;34\""), "phone");
    assert_only_blames(ORDER_WITH(ITEM, ",\"phone\":\"0800-FLOWER\""), "phone");
    assert_only_blames(ORDER_WITH(ITEM, ",\"phone\":\"12\""), "phone");
    assert_only_blames(ORDER_WITH(ITEM, ",\"shippingAddress\":\"here\""), "shippingAddress");
    assert_only_blames(ORDER_WITH(ITEM, ",\"shippingAddress\":{\"street\":\"a\",\"city\":\"b\","
                                        "\"state\":\"c\",\"zip\":\"d\",\"planet\":\"e\"}"),
                       "shippingAddress.planet");
    assert_only_blames(ORDER_WITH(ITEM, ",\"tenant\":\"other\""), "tenant");
    assert_only_blames("{\"customerId\":\"C1\",\"currency\":\"USD\",\"paymentMethod\":\"cash\","
                       "\"items\":[" ITEM "]}",
                       "paymentMethod");
    assert_only_blames("{\"customerId\":\"C1\",\"currency\":\"XXX\",\"paymentMethod\":\"pm_card\","
                       "\"items\":[" ITEM "]}",
                       "currency");
}

static void items_are_one_to_a_hundred_distinct_skus(void **state) {
    (void)state;
    for (int count = 100; count <= 101; count++) {
        struct buf items = {0};
        for (int i = 0; i < count; i++)
            buf_printf(&items, "%s{\"sku\":\"S%d\",\"quantity\":1}", i > 0 ? "," : "", i);
        struct buf body = {0};
        buf_printf(&body, ORDER_WITH("%s", ""), items.ptr);
        struct parsed parsed = parse(body.ptr);
        assert_int_equal(parsed.errors.count, count == 100 ? 0 : 1);
        parsed_fini(&parsed);
        buf_fini(&items);
        buf_fini(&body);
    }
    assert_only_blames(ORDER_WITH("", ""), "items");
    assert_only_blames(ORDER_WITH(ITEM "," ITEM, ""), "items[1].sku");
}

static void a_total_beyond_exact_numbers_is_refused(void **state) {
    (void)state;
    assert_only_blames(
        ORDER_WITH("{\"sku\":\"A\",\"quantity\":2,\"unitPrice\":9007199254740991}", ""), "items");
    assert_only_blames(
        ORDER_WITH("{\"sku\":\"A\",\"quantity\":1,\"unitPrice\":9007199254740992}", ""),
        "items[0].unitPrice");
    assert_only_blames(ORDER_WITH("{\"sku\":\"A\",\"quantity\":1,\"unitPrice\":-1}", ""),
                       "items[0].unitPrice");
    struct parsed most =
        parse(ORDER_WITH("{\"sku\":\"A\",\"quantity\":1,\"unitPrice\":9007199254740991}", ""));
    assert_int_equal(most.errors.count, 0);
    parsed_fini(&most);
}

static void a_flood_of_faults_is_cut(void **state) {
    (void)state;
    struct buf body = {0};
    buf_append_char(&body, '{');
    for (int i = 0; i < 500; i++)
        buf_printf(&body, "%s\"x%d\":1", i > 0 ? "," : "", i);
    buf_append_char(&body, '}');

    struct parsed parsed = parse(body.ptr);
    assert_int_equal(parsed.errors.count, FIELD_ERRORS_MAX);
    parsed_fini(&parsed);
    buf_fini(&body);
}

static void white_space_and_member_order_do_not_change_the_canonical_form(void **state) {
    (void)state;
    struct buf one = {0}, other = {0}, different = {0};
    canonical(ORDER_WITH(ITEM, ",\"email\":\"a@example.com\""), &one);
    canonical(
        "{ \"email\" : \"a\\u0040example.com\", \"items\":[ {\"quantity\":2,\"sku\":\"A-1\"} ],"
        "\"paymentMethod\":\"pm_card\", \"currency\":\"USD\", \"customerId\":\"C1\" }",
        &other);
    canonical(ORDER_WITH("{\"sku\":\"A-1\",\"quantity\":3}", ",\"email\":\"a@example.com\""),
              &different);

    assert_string_equal(one.ptr, other.ptr);
    assert_string_not_equal(one.ptr, different.ptr);
    buf_fini(&one);
    buf_fini(&other);
    buf_fini(&different);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_order_is_read_with_its_personal_data_apart),
        cmocka_unit_test(an_order_without_personal_data_seals_nothing),
        cmocka_unit_test(a_customer_has_the_id_that_its_provider_issued),
        cmocka_unit_test(an_order_may_say_how_its_customer_is_told),
        cmocka_unit_test(a_channel_that_is_not_offered_is_a_fault_of_notify),
        cmocka_unit_test(only_who_may_names_a_flow),
        cmocka_unit_test(only_who_may_says_when_the_money_is_taken),
        cmocka_unit_test(what_is_not_one_strict_object_is_invalid),
        cmocka_unit_test(every_field_at_fault_is_listed),
        cmocka_unit_test(a_quantity_is_an_integer_from_one_to_a_million),
        cmocka_unit_test(texts_keep_to_their_alphabet_and_length),
        cmocka_unit_test(items_are_one_to_a_hundred_distinct_skus),
        cmocka_unit_test(a_total_beyond_exact_numbers_is_refused),
        cmocka_unit_test(a_flood_of_faults_is_cut),
        cmocka_unit_test(white_space_and_member_order_do_not_change_the_canonical_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
