/* An order's events, brought into causal order. */
#include "omctl/streams/audit.h"
#include "shared/contract/event.h"
#include "tests/support/base/test.h"
#include "tests/support/data/order_events.h"

#define LIFE 7 /* events of an order that completes */

static struct order_events events;

static int setup(void **state) {
    (void)state;
    order_events_add(&events, 15, INT64_C(1770000000) * 1000000);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    order_events_fini(&events);
    return 0;
}

static void add(struct audit *audit, const struct made_event *event, uint64_t sequence) {
    audit_add(audit, &events.items[0].order_id, event_info(event->type)->stream, sequence,
              buf_slice(&event->payload));
}

static void assert_is_life(const struct audit *audit) {
    assert_int_equal(audit->count, LIFE);
    for (size_t i = 0; i < LIFE; i++) {
        assert_slice_equal(audit->entries[i].type, event_info(events.items[i].type)->type);
        assert_int_equal(audit->entries[i].depth, (int)i);
    }
}

static void a_cause_comes_before_what_it_caused(void **state) {
    (void)state;
    struct audit audit = {0};
    for (size_t i = events.count; i > 0; i--)
        add(&audit, &events.items[i - 1], i);
    audit_sort(&audit);
    assert_is_life(&audit);
    audit_fini(&audit);
}

/* Clocks of two hosts differ: what was caused may seem earlier than its cause. */
static void a_clock_that_is_behind_does_not_turn_the_order_round(void **state) {
    (void)state;
    struct audit audit = {0};
    for (size_t i = 0; i < LIFE; i++)
        add(&audit, &events.items[i], i + 1);
    for (size_t i = 0; i < LIFE; i++)
        audit.entries[i].time_us = -(int64_t)i;
    audit_sort(&audit);
    assert_is_life(&audit);
    audit_fini(&audit);
}

static void an_event_that_is_there_twice_is_one_with_two_copies(void **state) {
    (void)state;
    struct audit audit = {0};
    add(&audit, &events.items[0], 1);
    add(&audit, &events.items[0], 9);
    audit_sort(&audit);
    assert_int_equal(audit.count, 1);
    assert_int_equal(audit.entries[0].copies, 2);
    audit_fini(&audit);
}

static void events_that_cause_one_another_are_all_shown(void **state) {
    (void)state;
    struct audit audit = {0};
    add(&audit, &events.items[0], 1);
    add(&audit, &events.items[1], 2);
    audit.entries[0].cause = audit.entries[1].id;
    audit_sort(&audit);
    assert_int_equal(audit.count, 2);
    audit_fini(&audit);
}

static void what_is_no_event_of_the_order_is_passed_over(void **state) {
    (void)state;
    struct audit audit = {0};
    char id[UUID_TEXT_SIZE], text[200];
    uuid_format(&events.items[0].order_id, id);
    snprintf(text, sizeof(text), "{\"note\":\"%s\"}", id);
    audit_add(&audit, &events.items[0].order_id, "ORDERS", 1, slice_of(text));
    audit_add(&audit, &events.items[0].order_id, "ORDERS", 2, slice_of(id));
    audit_add(&audit, &events.items[0].order_id, "ORDERS", 3, slice_of(""));
    assert_int_equal(audit.count, 0);
    audit_fini(&audit);
}

static void people_see_steps_and_programs_see_envelopes(void **state) {
    (void)state;
    struct audit audit = {0};
    struct error error;
    struct json_object *root, *list;
    char *text = NULL;
    size_t len = 0;
    for (size_t i = 0; i < LIFE; i++)
        add(&audit, &events.items[i], i + 1);
    audit_sort(&audit);

    FILE *out = open_memstream(&text, &len);
    audit_print(&audit, out);
    fclose(out);
    assert_contains(text, "10.000 ms  INVENTORY/2");
    assert_contains(text, "  inventory.reserved  TRACK-0\n");
    free(text);

    out = open_memstream(&text, &len);
    audit_print_json(&audit, &events.items[0].order_id, out);
    fclose(out);
    assert_int_equal(json_parse((struct slice){text, len - 1}, &root, &error), STATUS_OK);
    assert_int_equal(json_get_array(root, "events", &list, &error), STATUS_OK);
    assert_int_equal(json_object_array_length(list), LIFE);
    assert_contains(text, "\"type\":\"io.ordermesh.order.completed\"");
    json_object_put(root);
    free(text);
    audit_fini(&audit);
}

static void a_dead_letter_stands_below_its_event(void **state) {
    (void)state;
    struct audit audit = {0};
    struct buf dead = {0};
    struct json_object *page, *entries;
    char *text = NULL;
    size_t len = 0;
    add(&audit, &events.items[1], 1);
    buf_printf(
        &dead,
        "{\"entries\":[{\"id\":\"ORDERS.loyalty.x\",\"stream\":\"ORDERS\",\"consumer\":\"loyalty\","
        "\"eventId\":\"gone\",\"status\":\"discarded\",\"reason\":\"no_report\","
        "\"error\":\"it crashed\"},{\"id\":\"ORDERS.inventory.y\",\"stream\":\"ORDERS\","
        "\"consumer\":\"inventory\",\"eventId\":\"%.*s\",\"status\":\"dead\","
        "\"reason\":\"rejected\",\"error\":\"no\\nitems\"}]}",
        SLICE_ARG(audit.entries[0].id));
    assert_int_equal(json_parse(buf_slice(&dead), &page, NULL), STATUS_OK);
    assert_int_equal(json_get_array(page, "entries", &entries, NULL), STATUS_OK);
    audit.dead_letters = json_object_get(entries);
    json_object_put(page);

    FILE *out = open_memstream(&text, &len);
    audit_print(&audit, out);
    fclose(out);
    const char *event = strstr(text, "inventory.reserved  TRACK-0\n");
    const char *its = strstr(text, "dead for ORDERS/inventory: rejected, no?items; "
                                   "omctl dlq show ORDERS.inventory.y\n");
    const char *other = strstr(text, "discarded for ORDERS/loyalty: no_report, it crashed; ");
    assert_true(event != NULL && event < its && its < other);
    free(text);

    out = open_memstream(&text, &len);
    audit_print_json(&audit, &events.items[0].order_id, out);
    fclose(out);
    assert_contains(text, "\"id\":\"ORDERS.inventory.y\"");
    free(text);
    buf_fini(&dead);
    audit_fini(&audit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cause_comes_before_what_it_caused),
        cmocka_unit_test(a_clock_that_is_behind_does_not_turn_the_order_round),
        cmocka_unit_test(an_event_that_is_there_twice_is_one_with_two_copies),
        cmocka_unit_test(events_that_cause_one_another_are_all_shown),
        cmocka_unit_test(what_is_no_event_of_the_order_is_passed_over),
        cmocka_unit_test(a_dead_letter_stands_below_its_event),
        cmocka_unit_test(people_see_steps_and_programs_see_envelopes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
