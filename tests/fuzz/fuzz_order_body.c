/* The body of POST /api/v1/orders: what is accepted stands for itself, read again from its
   canonical form it is the same order. */
#include "gateway/orders/order_request.h"
#include "shared/json/json.h"
#include "shared/json/json_check.h"
#include "tests/fuzz/fuzz.h"

static void judge(const struct order_request *request, struct arena *arena) {
    struct buf first = {0}, second = {0}, contact = {0};
    MUST(request->snapshot.item_count >= 1 && request->snapshot.item_count <= ORDER_MAX_ITEMS);
    for (size_t i = 0; i < request->snapshot.item_count; i++)
        MUST(request->snapshot.items[i].quantity >= 1 && request->snapshot.items[i].sku.len > 0);
    order_request_canonical(request, &first);
    MUST(json_check(buf_slice(&first), NULL) == STATUS_OK);
    order_request_canonical(request, &second);
    MUST(slice_equal(buf_slice(&first), buf_slice(&second)));
    if (order_request_contact(request, &contact))
        MUST(json_check(buf_slice(&contact), NULL) == STATUS_OK);
    (void)arena;
    buf_fini(&first);
    buf_fini(&second);
    buf_fini(&contact);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct arena *arena = arena_create(4096);
    struct order_request request = {.may_name_flow = len % 2 == 1, .channels = (unsigned)len};
    struct field_errors errors = {.arena = arena};
    struct error error = {0};
    const struct slice body = {(const char *)bytes, len};
    if (order_request_parse(body, arena, &request, &errors, &error) == STATUS_OK) {
        struct buf document = {0};
        if (errors.count == 0)
            judge(&request, arena);
        problem_write(PROBLEM_INVALID_ORDER, NULL, &errors, &document);
        MUST(json_check(buf_slice(&document), NULL) == STATUS_OK);
        buf_fini(&document);
    }
    arena_destroy(&arena);
    return 0;
}
