#include "gateway/orders/list_orders.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/orders/order_query.h"
#include "gateway/reply/answer.h"

#include <string.h>

enum { ARENA_CHUNK_BYTES = 2048 };

struct order_listing {
    struct pending pending;
    struct arena *arena;
    struct order_query query;
    struct slice customer; /* whose orders alone are looked for; or empty */
};

static void dispose(void *closure) {
    struct order_listing *listing = closure;
    arena_destroy(&listing->arena);
}

static struct slice value_of(const struct order_listing *listing, enum order_parameter parameter) {
    return order_query_value(&listing->query, parameter);
}

/* --- answering -------------------------------------------------------------------------------- */

/* The address of the page behind `cursor`: this one's, but for the cursor. */
static void add_link(const struct order_listing *listing, h2o_req_t *req, struct slice cursor) {
    struct buf link = {0};
    buf_append_text(&link, "</api/v1/orders?");
    for (int i = 0; i < ORDER_CURSOR; i++)
        if (listing->query.parameters[i].value.len > 0)
            query_append(&link, listing->query.parameters[i].name,
                         listing->query.parameters[i].value);
    query_append(&link, listing->query.parameters[ORDER_CURSOR].name, cursor);
    buf_append_text(&link, ">; rel=\"next\"");
    answer_header(req, "Link", buf_slice(&link));
    buf_fini(&link);
}

static void answer_page(struct order_listing *listing, struct slice page) {
    struct json_object *root = NULL;
    struct slice cursor;
    h2o_req_t *req = listing->pending.req;
    if (req != NULL && json_parse(page, &root, NULL) == STATUS_OK &&
        json_get_string(root, "nextCursor", &cursor, NULL) == STATUS_OK)
        add_link(listing, req, cursor);
    json_object_put(root);
    pending_answer(listing, 200, page);
}

/* All but the cursor has been looked at. */
static void refuse(struct order_listing *listing, enum status status) {
    if (status == STATUS_INVALID)
        pending_refuse(listing, PROBLEM_INVALID_QUERY, ORDER_CURSOR_RULE);
    else
        pending_refuse(listing, problem_of(status), NULL);
}

static void on_page(void *closure, const struct broker_answer *answer) {
    if (answer->status == STATUS_OK)
        answer_page(closure, answer->body);
    else
        refuse(closure, answer->status);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* The filter without `omitted` ones, bits: 1u << enum order_parameter. */
static void write_filter(const struct order_listing *listing, unsigned omitted,
                         struct json_writer *w) {
    json_put_text(w, "tenant", listing->pending.caller.tenant);
    if (listing->customer.len > 0)
        json_put_string(w, "customerId", listing->customer);
    for (int i = ORDER_STATUS; i < ORDER_CURSOR; i++)
        if ((omitted & 1u << i) == 0)
            order_query_put(&listing->query, (enum order_parameter)i, w);
}

static void ask_order(struct order_listing *listing) {
    struct buf *body = lane_scratch(listing->pending.lane);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    write_filter(listing, 0, &w);
    order_query_put(&listing->query, ORDER_CURSOR, &w);
    json_end_object(&w);
    mesh_ask(&listing->pending, "mesh.order.list", buf_slice(body), on_page);
}

static void put_next(struct json_object *found, struct json_writer *w) {
    struct slice cursor;
    struct buf marked = {0};
    if (json_get_string(found, "nextCursor", &cursor, NULL) != STATUS_OK)
        return;
    buf_printf(&marked, ORDER_FOUND_MARK "%.*s", SLICE_ARG(cursor));
    json_put_string(w, "nextCursor", buf_slice(&marked));
    buf_fini(&marked);
}

/* The index says which orders, and the order service how they are by now. A page of the index is
   bound by its own times; a reference by none. */
static void ask_for_found(struct order_listing *listing, struct json_object *found,
                          struct json_object *ids) {
    unsigned omitted = 1u << ORDER_LIMIT;
    if (!order_query_has_reference(&listing->query))
        omitted |= 1u << ORDER_FROM | 1u << ORDER_TO;
    struct buf *body = lane_scratch(listing->pending.lane);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    write_filter(listing, omitted, &w);
    json_put_raw(&w, "ids", slice_of(json_object_to_json_string(ids)));
    put_next(found, &w);
    json_end_object(&w);
    mesh_ask(&listing->pending, "mesh.order.list", buf_slice(body), on_page);
}

static void take_found(struct order_listing *listing, struct slice body) {
    struct json_object *root = NULL, *ids;
    enum status status = json_parse(body, &root, NULL);
    if (status == STATUS_OK)
        status = json_get_array(root, "ids", &ids, NULL);
    if (status == STATUS_OK)
        ask_for_found(listing, root, ids);
    else
        pending_refuse(listing, PROBLEM_INTERNAL, NULL);
    json_object_put(root);
}

/* While the index is away the order service walks, which finds less on a page; whose payment it
   was it does not know. */
static bool may_walk(const struct order_listing *listing, enum status status) {
    return (status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT) &&
           value_of(listing, ORDER_CURSOR).len == 0 && value_of(listing, ORDER_PAYMENT_ID).len == 0;
}

static void on_found(void *closure, const struct broker_answer *answer) {
    struct order_listing *listing = closure;
    if (answer->status == STATUS_OK)
        take_found(listing, answer->body);
    else if (may_walk(listing, answer->status))
        ask_order(listing);
    else
        refuse(listing, answer->status);
}

static void ask_index(struct order_listing *listing) {
    struct slice cursor = value_of(listing, ORDER_CURSOR);
    struct buf *body = lane_scratch(listing->pending.lane);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    write_filter(listing, 0, &w);
    if (slice_take_prefix(&cursor, ORDER_FOUND_MARK))
        json_put_string(&w, "cursor", cursor);
    json_end_object(&w);
    mesh_ask(&listing->pending, "mesh.analytics.find", buf_slice(body), on_found);
}

/* A cursor leads on where it came from. */
static void ask(struct order_listing *listing) {
    struct slice cursor = value_of(listing, ORDER_CURSOR);
    bool is_found = listing->customer.len == 0 || order_query_has_reference(&listing->query);
    is_found = is_found && order_query_is_found(&listing->query) &&
               (cursor.len == 0 || slice_take_prefix(&cursor, ORDER_FOUND_MARK));
    if (is_found)
        ask_index(listing);
    else
        ask_order(listing);
}

void list_orders(h2o_req_t *req, struct slice id) {
    (void)id;
    struct order_listing *listing = pending_create(req, sizeof(*listing), dispose);
    struct error error = {0};
    listing->arena = arena_create(ARENA_CHUNK_BYTES);
    enum status status = order_query_parse(query_of(req), listing->arena, &listing->query, &error);
    struct slice wanted = value_of(listing, ORDER_CUSTOMER_ID);
    struct slice own = caller_customer(&listing->pending.caller);
    listing->customer = own.len > 0 ? own : wanted;
    if (status != STATUS_OK)
        pending_refuse(listing, PROBLEM_INVALID_QUERY, error.text);
    else if (own.len == 0 || wanted.len == 0 || slice_equal(own, wanted))
        ask(listing);
    else /* of another customer there is nothing to see */
        pending_answer(listing, 200, SLICE_LITERAL("{\"orders\":[]}"));
}
