#include "tests/support/gateway/order_stand_in.h"

#include "shared/json/json.h"
#include "shared/service/service.h"

char last_customer[256];

static enum status know_nothing(struct endpoint_call *call, struct error *error) {
    struct json_object *request = NULL;
    struct slice wanted = slice_of("");
    if (json_parse(call->request, &request, NULL) == STATUS_OK)
        (void)!json_get_string(request, "customerId", &wanted, NULL);
    snprintf(last_customer, sizeof(last_customer), "%.*s", SLICE_ARG(wanted));
    json_object_put(request);
    return error_set(error, STATUS_NOT_FOUND, "no such order");
}

static bool order_service_answers(void *unused) {
    (void)unused;
    struct http_response response =
        ask_as(administrator(), "GET", "/api/v1/orders/" UNKNOWN_ORDER, NULL);
    bool is_there = response.status == 404;
    http_response_fini(&response);
    return is_there;
}

struct micro *order_stand_in_start(void) {
    static const struct endpoint endpoints[] = {{"get", "mesh.order.get", know_nothing},
                                                {"status", "mesh.order.status", know_nothing}};
    static const struct service service = {.name = "test",
                                           .description = "knows no orders",
                                           .endpoints = endpoints,
                                           .endpoint_count = 2};
    struct micro *micro = NULL;
    struct error error;
    const struct micro_options options = {
        .nats = fixture.nats, .service = &service, .version = "1.0.0"};
    assert_int_equal(micro_create(&options, &micro, &error), STATUS_OK);
    assert_true(wait_until(order_service_answers, NULL, 10000));
    return micro;
}
