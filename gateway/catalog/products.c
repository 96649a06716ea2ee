#include "gateway/catalog/products.h"

#include "gateway/catalog/catalog_cache.h"
#include "gateway/catalog/product_request.h"
#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/query.h"

enum { ARENA_CHUNK_BYTES = 512 };

/*
 * look_up()    looks into the cache
 *   on_cached()  answers, or asks the service
 *   on_product() answers, and fills the cache
 */
struct product_get {
    struct pending pending;
    bool is_one;
    const char *subject;
    struct buf key;  /* in the cache */
    struct buf body; /* of the request to the service */
    struct catalog_ticket ticket;
};

static void dispose(void *closure) {
    struct product_get *get = closure;
    buf_fini(&get->key);
    buf_fini(&get->body);
}

static void answer(struct product_get *get, struct slice body) {
    if (get->is_one)
        pending_answer_resource(get, body);
    else
        pending_answer(get, 200, body);
}

static void on_product(void *closure, const struct broker_answer *product) {
    struct product_get *get = closure;
    if (product->status == STATUS_OK) {
        catalog_cache_store(get->pending.lane->catalog, buf_slice(&get->key), &get->ticket,
                            product->body);
        answer(get, product->body);
    } else if (product->status == STATUS_INVALID) {
        pending_refuse(get, PROBLEM_INVALID_QUERY, "cursor: must be the nextCursor of a page");
    } else {
        pending_refuse(get, problem_of(product->status), NULL);
    }
}

static void on_cached(void *closure, struct slice body, const struct catalog_ticket *ticket) {
    struct product_get *get = closure;
    if (body.ptr != NULL) {
        answer(get, body);
        return;
    }
    get->ticket = *ticket;
    mesh_ask(&get->pending, get->subject, buf_slice(&get->body), on_product);
}

static struct product_get *start(h2o_req_t *req, const char *subject) {
    struct product_get *get = pending_create(req, sizeof(*get), dispose);
    (void)pending_trace(&get->pending); /* the client may leave before it is needed */
    get->subject = subject;
    return get;
}

static void look_up(struct product_get *get) {
    catalog_cache_find(get->pending.lane->catalog, buf_slice(&get->key), on_cached, get);
}

void get_product(h2o_req_t *req, struct slice sku) {
    if (!sku_is_valid(sku)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    struct product_get *get = start(req, "mesh.inventory.product.get");
    get->is_one = true;
    buf_printf(&get->key, "sku:%.*s", SLICE_ARG(sku));
    struct json_writer w = json_writer(&get->body);
    json_begin_object(&w);
    json_put_string(&w, "sku", sku);
    json_end_object(&w);
    look_up(get);
}

static void ask_page(h2o_req_t *req, const struct page_request *page) {
    struct product_get *get = start(req, "mesh.inventory.product.list");
    buf_printf(&get->key, "page:%lld:%.*s", (long long)page->limit, SLICE_ARG(page->cursor));
    struct json_writer w = json_writer(&get->body);
    json_begin_object(&w);
    json_put_int(&w, "limit", page->limit);
    if (page->cursor.len > 0)
        json_put_string(&w, "cursor", page->cursor);
    json_end_object(&w);
    look_up(get);
}

void get_products(h2o_req_t *req, struct slice id) {
    (void)id;
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    struct page_request page;
    struct error error;
    if (page_request_parse(query_of(req), arena, &page, &error) == STATUS_OK)
        ask_page(req, &page);
    else
        problem_send(req, PROBLEM_INVALID_QUERY, error.text);
    arena_destroy(&arena);
}
