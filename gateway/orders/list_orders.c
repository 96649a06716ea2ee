#include "gateway/orders/list_orders.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/query.h"
#include "shared/base/clock.h"
#include "shared/base/utf8.h"
#include "shared/contract/contact.h"
#include "shared/contract/order_terms.h"
#include "shared/json/json.h"

#include <string.h>

enum { ARENA_CHUNK_BYTES = 2048, LIMIT_MOST = 200, CURSOR_MAX = 1024 };

enum parameter {
    PARAMETER_CUSTOMER,
    PARAMETER_STATUS,
    PARAMETER_REASON,
    PARAMETER_SEARCH,
    PARAMETER_FROM,
    PARAMETER_TO,
    PARAMETER_SORT,
    PARAMETER_LIMIT,
    PARAMETER_CURSOR,
    PARAMETERS
};

static const struct query_parameter known[PARAMETERS] = {
    [PARAMETER_CUSTOMER] = {.name = "customerId", .most = CUSTOMER_ID_MAX},
    [PARAMETER_STATUS] = {.name = "status", .most = 32},
    [PARAMETER_REASON] = {.name = "reason", .most = 64},
    [PARAMETER_SEARCH] = {.name = "search", .most = CUSTOMER_ID_MAX},
    [PARAMETER_FROM] = {.name = "from", .most = 40},
    [PARAMETER_TO] = {.name = "to", .most = 40},
    [PARAMETER_SORT] = {.name = "sort", .most = 16},
    [PARAMETER_LIMIT] = {.name = "limit", .most = 3},
    [PARAMETER_CURSOR] = {.name = "cursor", .most = CURSOR_MAX},
};

struct order_listing {
    struct pending pending;
    struct arena *arena;
    struct query_parameter parameters[PARAMETERS];
};

static void dispose(void *closure) {
    struct order_listing *listing = closure;
    arena_destroy(&listing->arena);
}

/* --- judging the query ------------------------------------------------------------------------ */

static bool is_customer(struct slice text) {
    return customer_id_is_valid(text) && utf8_is_valid(text);
}

static bool is_status(struct slice text) {
    enum order_status status;
    return order_status_parse(text, &status);
}

static bool is_reason(struct slice text) {
    enum order_reason reason;
    return order_reason_parse(text, &reason) && reason != REASON_NONE;
}

static bool is_time(struct slice text) {
    int64_t time_us;
    return clock_parse(text, &time_us);
}

static bool is_sort(struct slice text) {
    return slice_is(text, "createdAt") || slice_is(text, "-createdAt");
}

static bool is_limit(struct slice text) {
    int64_t limit;
    return query_limit(text, LIMIT_MOST, &limit);
}

static bool is_backwards(struct slice from, struct slice to) {
    int64_t from_us, to_us;
    return clock_parse(from, &from_us) && clock_parse(to, &to_us) && from_us > to_us;
}

static const char *fault_of(const struct query_parameter *parameters) {
    static const struct {
        enum parameter parameter;
        bool (*is_valid)(struct slice text);
        const char *message;
    } rules[] = {
        {PARAMETER_CUSTOMER, is_customer, "customerId: must be text " PRINTABLE_RULE},
        {PARAMETER_STATUS, is_status, "status: must be an order's status, such as PENDING"},
        {PARAMETER_REASON, is_reason, "reason: must be a reason code, such as out_of_stock"},
        {PARAMETER_SEARCH, is_customer, "search: must be text " PRINTABLE_RULE},
        {PARAMETER_FROM, is_time, "from: must be an RFC 3339 time"},
        {PARAMETER_TO, is_time, "to: must be an RFC 3339 time"},
        {PARAMETER_SORT, is_sort, "sort: must be createdAt or -createdAt"},
        {PARAMETER_LIMIT, is_limit, "limit: must be an integer from 1 to 200"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct slice value = parameters[rules[i].parameter].value;
        if (value.len > 0 && !rules[i].is_valid(value))
            return rules[i].message;
    }
    if (is_backwards(parameters[PARAMETER_FROM].value, parameters[PARAMETER_TO].value))
        return "from: must not be later than to";
    return NULL;
}

/* --- answering -------------------------------------------------------------------------------- */

/* The address of the page behind `cursor`: this one's, but for the cursor. */
static void add_link(const struct order_listing *listing, h2o_req_t *req, struct slice cursor) {
    struct buf link = {0};
    buf_append_text(&link, "</api/v1/orders?");
    for (int i = 0; i < PARAMETERS; i++)
        if (i != PARAMETER_CURSOR && listing->parameters[i].value.len > 0)
            query_append(&link, listing->parameters[i].name, listing->parameters[i].value);
    query_append(&link, known[PARAMETER_CURSOR].name, cursor);
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

static void on_page(void *closure, const struct broker_answer *answer) {
    if (answer->status == STATUS_OK)
        answer_page(closure, answer->body);
    else if (answer->status == STATUS_INVALID) /* all else has been looked at */
        pending_refuse(closure, PROBLEM_INVALID_QUERY,
                       "cursor: must be the nextCursor of a page with the same filter and sort");
    else
        pending_refuse(closure, problem_of(answer->status), NULL);
}

static void write_request(const struct order_listing *listing, struct slice customer,
                          struct buf *body) {
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "tenant", listing->pending.caller.tenant);
    if (customer.len > 0)
        json_put_string(&w, "customerId", customer);
    for (int i = PARAMETER_STATUS; i < PARAMETERS; i++) {
        const struct query_parameter *parameter = &listing->parameters[i];
        int64_t limit;
        if (i == PARAMETER_LIMIT && query_limit(parameter->value, LIMIT_MOST, &limit))
            json_put_int(&w, parameter->name, limit);
        else if (parameter->value.len > 0)
            json_put_string(&w, parameter->name, parameter->value);
    }
    json_end_object(&w);
}

static void ask(struct order_listing *listing, struct slice customer) {
    struct buf *body = lane_scratch(listing->pending.lane);
    write_request(listing, customer, body);
    mesh_ask(&listing->pending, "mesh.order.list", buf_slice(body), on_page);
}

void list_orders(h2o_req_t *req, struct slice id) {
    (void)id;
    struct order_listing *listing = pending_create(req, sizeof(*listing), dispose);
    struct error error = {0};
    listing->arena = arena_create(ARENA_CHUNK_BYTES);
    memcpy(listing->parameters, known, sizeof(known));
    enum status status =
        query_parse(query_of(req), listing->parameters, PARAMETERS, listing->arena, &error);
    const char *fault = status == STATUS_OK ? fault_of(listing->parameters) : error.text;
    struct slice wanted = listing->parameters[PARAMETER_CUSTOMER].value;
    struct slice own = caller_customer(&listing->pending.caller);
    if (fault != NULL)
        pending_refuse(listing, PROBLEM_INVALID_QUERY, fault);
    else if (own.len == 0 || wanted.len == 0 || slice_equal(own, wanted))
        ask(listing, own.len > 0 ? own : wanted);
    else /* of another customer there is nothing to see */
        pending_answer(listing, 200, SLICE_LITERAL("{\"orders\":[]}"));
}
