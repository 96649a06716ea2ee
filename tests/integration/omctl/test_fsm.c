/* `omctl fsm`: the order's table as others read it.

   Covers: omctl/fsm.c */
#include "services/order/life/order_fsm.h"
#include "tests/support/base/test.h"

#include <json-c/json.h>
#include <stdio.h>
#include <sys/wait.h>

/* Runs omctl with `arguments` and returns its exit code; its stdout is appended. */
static int run_omctl(const char *arguments, struct buf *output) {
    struct buf command = {0};
    char chunk[4096];
    buf_printf(&command, "%s/bin/omctl %s 2>/dev/null", OM_BINARY_DIR, arguments);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    for (size_t len; (len = fread(chunk, 1, sizeof(chunk), pipe)) > 0;)
        buf_append(output, chunk, len);
    int status = pclose(pipe);
    buf_fini(&command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct json_object *member(struct json_object *object, const char *key) {
    struct json_object *value = NULL;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static void json_has_every_row_in_order(void **state) {
    (void)state;
    struct buf output = {0};
    assert_int_equal(run_omctl("fsm --format json", &output), 0);
    struct json_object *root = json_tokener_parse(output.ptr);
    assert_non_null(root);
    struct json_object *rows = member(root, "transitions");
    assert_int_equal(json_object_array_length(rows), order_fsm_row_count);
    for (size_t i = 0; i < order_fsm_row_count; i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        assert_string_equal(json_object_get_string(member(row, "why")), order_fsm_rows[i].why);
        assert_string_equal(json_object_get_string(member(row, "event")),
                            order_fsm_event_name(order_fsm_rows[i].event));
        assert_int_equal(member(row, "to") == NULL, order_fsm_rows[i].next == ORDER_STAY);
    }
    assert_int_equal(json_object_array_length(member(root, "statuses")), ORDER_STATUS_COUNT);
    json_object_put(root);
    buf_fini(&output);
}

static void mermaid_draws_the_way_of_each_flow(void **state) {
    (void)state;
    struct buf output = {0};
    assert_int_equal(run_omctl("fsm", &output), 0);
    assert_memory_equal(output.ptr, "stateDiagram-v2\n", 16);
    static const char *const edges[] = {
        "PENDING --> CONFIRMED: payment.succeeded in inventory-first\n",
        "PENDING --> CONFIRMED: inventory.reserved in payment-first\n",
        "PENDING --> CONFIRMED: payment.succeeded when reserved in parallel\n",
        "CONFIRMED --> COMPLETED: shipping.shipped\n",
        "CANCELLED --> [*]\n",
    };
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        assert_non_null(strstr(output.ptr, edges[i]));
    buf_fini(&output);
}

static void another_format_is_refused(void **state) {
    (void)state;
    struct buf output = {0};
    assert_int_equal(run_omctl("fsm --format svg", &output), 2);
    assert_int_equal(run_omctl("fsm svg", &output), 2);
    buf_fini(&output);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_every_row_in_order),
        cmocka_unit_test(mermaid_draws_the_way_of_each_flow),
        cmocka_unit_test(another_format_is_refused),
    };
    return cmocka_run_group_tests_name("fsm", tests, NULL, NULL);
}
