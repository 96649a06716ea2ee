/* Where a 404 sends who asks for what is elsewhere. */
#include "gateway/other_paths.h"
#include "tests/support/base/test.h"

static void assert_tells(const char *path, const char *sentence) {
    struct buf out = {0};
    bool is_known = other_path_tell(slice_of(path), &out);
    if (is_known != (sentence != NULL) ||
        (sentence != NULL && out.len > 0 && strstr(out.ptr, sentence) == NULL))
        fail_msg("%s: %s", path, is_known ? out.ptr : "nothing");
    buf_fini(&out);
}

static void a_path_without_its_version_is_told_the_whole_one(void **state) {
    (void)state;
    assert_tells("/orders", "It is at /api/v1/orders.");
    assert_tells("/orders/", "It is at /api/v1/orders.");
    assert_tells("/api/v1/orders/", "It is at /api/v1/orders.");
    assert_tells("/orders/x/status", "It is at /api/v1/orders/x/status.");
    assert_tells("/api/orders", "It is at /api/v1/orders.");
    assert_tells("/v1/products", "It is at /api/v1/products.");
    assert_tells("/api/health", "/health");
    assert_tells("/health/", "It is at /health.");
}

static void what_has_another_name_here_is_told_it(void **state) {
    (void)state;
    assert_tells("/", "/docs");
    assert_tells("/api/v1", "/docs");
    assert_tells("/metrics", "OM_ADMIN_PORT");
    assert_tells("/actuator/prometheus", "OM_ADMIN_PORT");
    assert_tells("/actuator/health", "/health");
    assert_tells("/swagger-ui/index.html", "/docs");
    assert_tells("/openapi.json", "/openapi.yaml");
    assert_tells("/v3/api-docs", "/openapi.yaml");
}

static void a_method_of_other_apis_is_told_what_does_it_here(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"DELETE", "/api/v1/orders/x", "POST to its /cancel"},
        {"PATCH", "/api/v1/orders/x", "An order is not changed"},
        {"POST", "/api/v1/products", "PUT /api/v1/products/{sku}"},
        {"DELETE", "/api/v1/products/x", "\"active\": false"},
        {"DELETE", "/api/v1/orders", NULL},
        {"DELETE", "/api/v1/orders/x/events", NULL},
        {"DELETE", "/api/v1/orders/", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = {0};
        bool is_known = other_method_tell(slice_of(rows[i][0]), slice_of(rows[i][1]), &out);
        assert_int_equal(is_known, rows[i][2] != NULL);
        if (is_known)
            assert_contains(out.ptr, rows[i][2]);
        buf_fini(&out);
    }
}

static void what_is_nowhere_is_told_nothing(void **state) {
    (void)state;
    static const char *const paths[] = {"", "/nowhere", "/orders/a/b", "*", "/API/v1/orders"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_tells(paths[i], NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_without_its_version_is_told_the_whole_one),
        cmocka_unit_test(what_has_another_name_here_is_told_it),
        cmocka_unit_test(a_method_of_other_apis_is_told_what_does_it_here),
        cmocka_unit_test(what_is_nowhere_is_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
