#include "gateway/catalog/stock.h"

#include "gateway/catalog/product_request.h"
#include "gateway/lane/mesh_ask.h"
#include "shared/json/json.h"

static void on_levels(void *closure, const struct broker_answer *answer) {
    if (answer->status == STATUS_OK)
        pending_answer(closure, 200, answer->body);
    else
        pending_refuse(closure, problem_of(answer->status), NULL);
}

/* Of all SKUs where `sku` is empty. */
static void ask(h2o_req_t *req, const char *subject, struct slice sku) {
    struct pending *pending = pending_create(req, sizeof(*pending), NULL);
    struct buf *body = lane_scratch(pending->lane);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    if (sku.len > 0)
        json_put_string(&w, "sku", sku);
    json_end_object(&w);
    mesh_ask(pending, subject, buf_slice(body), on_levels);
}

void get_stock(h2o_req_t *req, struct slice sku) {
    if (sku_is_valid(sku))
        ask(req, "mesh.inventory.stock.get", sku);
    else
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
}

void get_warehouses(h2o_req_t *req, struct slice id) {
    (void)id;
    ask(req, "mesh.inventory.warehouse.list", (struct slice){0});
}
