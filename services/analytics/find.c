#include "services/analytics/find.h"

#include "services/analytics/term_store.h"

/* --- ways ------------------------------------------------------------------------------------- */

/* The ways to the orders that the filter has: each alone leads to all of them. */
enum { WAYS_MOST = 4 };

struct ways {
    struct term_lead items[WAYS_MOST];
    size_t count;
};

static struct term_lead *add_way(struct ways *ways) {
    return &ways->items[ways->count++];
}

static void add_term(struct ways *ways, int64_t term) {
    struct term_lead *way = add_way(ways);
    way->terms[way->count++] = term;
}

static void add_amounts(struct ways *ways, const struct order_filter *filter) {
    struct term_lead *way = add_way(ways);
    int last = amount_class_of(filter->most_minor);
    for (int i = amount_class_of(filter->least_minor); i <= last; i++)
        way->terms[way->count++] = term_of_amount(filter->tenant, filter->currency, i);
}

/* A reason alone says that the order ended badly, which fewer do than have a SKU that is as
   frequent as can be counted: of ways that are alike the first one leads. */
static void find_ways(const struct order_filter *filter, struct ways *ways) {
    if (filter->reason.len > 0)
        add_term(ways, term_of(TERM_REASON, filter->tenant, filter->reason));
    else if (status_is_term(filter->status))
        add_term(ways, term_of(TERM_STATUS, filter->tenant, filter->status));
    if (filter->sku.len > 0)
        add_term(ways, term_of(TERM_SKU, filter->tenant, filter->sku));
    if (filter->currency.len > 0 && order_filter_has_amount(filter))
        add_amounts(ways, filter);
}

/* The shortest of the ways leads. */
static enum status choose_lead(struct pg *pg, const struct order_filter *filter,
                               const struct ways *ways, size_t *lead, struct error *error) {
    int64_t least = INT64_MAX;
    enum status status = STATUS_OK;
    *lead = 0;
    for (size_t i = 0; i < ways->count && ways->count > 1 && status == STATUS_OK; i++) {
        int64_t count = 0;
        status = terms_store_count(pg, filter, &ways->items[i], &count, error);
        if (count < least) {
            least = count;
            *lead = i;
        }
    }
    return status;
}

/* Amounts stand in each row. */
static struct term_walk walk_along(const struct order_filter *filter, const struct ways *ways,
                                   size_t lead) {
    struct term_walk walk = {.filter = filter, .lead = &ways->items[lead]};
    for (size_t i = 0, other = 0; i < ways->count; i++)
        if (i != lead && ways->items[i].count == 1 && other < 2)
            walk.others[other++] = ways->items[i].terms[0];
    return walk;
}

/* --- answering -------------------------------------------------------------------------------- */

/* A parcel or a payment is one order's, or a few where somebody made up the number. */
static enum status find_reference(struct pg *pg, const struct order_filter *filter,
                                  struct term_page *page, struct error *error) {
    const bool is_payment = filter->payment_id.len > 0;
    const struct order_filter all = {.limit = ORDER_PAGE_MOST,
                                     .is_oldest_first = true,
                                     .most_minor = INT64_MAX,
                                     .to_us = INT64_MAX,
                                     .after = {.at_us = -1}};
    struct term_lead lead = {.count = 1};
    const struct term_walk walk = {.filter = &all, .lead = &lead};
    lead.terms[0] = is_payment ? term_of(TERM_PAYMENT, slice_of(NULL), filter->payment_id)
                               : term_of(TERM_TRACKING, slice_of(NULL), filter->tracking_number);
    enum status status = terms_store_walk(pg, &walk, page, error);
    page->goes_on = false;
    return status;
}

static enum status find_page(struct pg *pg, const struct order_filter *filter,
                             struct term_page *page, struct error *error) {
    struct ways ways = {0};
    size_t lead;
    find_ways(filter, &ways);
    if (ways.count == 0)
        return error_set(error, STATUS_INVALID, "nothing that orders are found by");
    enum status status = choose_lead(pg, filter, &ways, &lead, error);
    if (status != STATUS_OK)
        return status;
    const struct term_walk walk = walk_along(filter, &ways, lead);
    return terms_store_walk(pg, &walk, page, error);
}

static void write_found(const struct term_page *found, struct slice scope, struct buf *out) {
    char id[UUID_TEXT_SIZE];
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_key(&w, "ids");
    json_begin_array(&w);
    for (size_t i = 0; i < found->count; i++) {
        uuid_format(&found->places[i].id, id);
        json_string(&w, slice_of(id));
    }
    json_end_array(&w);
    if (found->goes_on)
        order_filter_put_next(&w, scope, &found->end);
    json_end_object(&w);
}

static enum status answer(struct endpoint_call *call, struct json_object *question,
                          struct buf *scope, struct error *error) {
    struct order_filter filter = {0};
    struct term_page *found = arena_alloc(call->arena, sizeof(*found));
    enum status status = order_filter_read(question, &filter, error);
    if (status != STATUS_OK)
        return status;
    order_filter_scope(&filter, "found", scope);
    status = order_filter_open(question, buf_slice(scope), &filter, error);
    if (status != STATUS_OK)
        return status;
    bool is_reference = filter.tracking_number.len > 0 || filter.payment_id.len > 0;
    status = is_reference ? find_reference(call->pg, &filter, found, error)
                          : find_page(call->pg, &filter, found, error);
    if (status == STATUS_OK)
        write_found(found, buf_slice(scope), call->reply);
    return status;
}

enum status analytics_endpoint_find(struct endpoint_call *call, struct error *error) {
    struct json_object *question = NULL;
    struct buf scope = {0};
    enum status status = json_parse(call->request, &question, error);
    if (status == STATUS_OK)
        status = answer(call, question, &scope, error);
    buf_fini(&scope);
    json_object_put(question);
    return status;
}
