#include "services/inventory/catalog.h"

#include "services/inventory/catalog_store.h"
#include "shared/base/utf8.h"
#include "shared/contract/currency.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/page_cursor.h"
#include "shared/outbox/outbox.h"
#include "shared/service/transaction.h"

/* --- requests --- */

typedef enum status (*serve_fn)(struct endpoint_call *call, struct json_object *request,
                                struct error *error);

static enum status serve(struct endpoint_call *call, serve_fn fn, struct error *error) {
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status != STATUS_OK)
        return status;
    status = fn(call, request, error);
    json_object_put(request);
    return status;
}

static enum status get_text(struct json_object *request, const char *key, size_t most_bytes,
                            struct slice *value, struct error *error) {
    struct slice text;
    if (json_get_string(request, key, &text, NULL) != STATUS_OK || text.len == 0 ||
        text.len > most_bytes)
        return error_set(error, STATUS_INVALID, "%s: not a text of 1 to %zu bytes", key,
                         most_bytes);
    *value = text;
    return STATUS_OK;
}

static enum status get_int(struct json_object *request, const char *key, int64_t least,
                           int64_t most, int64_t *value, struct error *error) {
    int64_t number;
    if (json_get_int64(request, key, &number, NULL) != STATUS_OK || number < least || number > most)
        return error_set(error, STATUS_INVALID, "%s: not an integer from %lld to %lld", key,
                         (long long)least, (long long)most);
    *value = number;
    return STATUS_OK;
}

/* --- reads --- */

/* Into the open object. */
static void write_product(const struct product *product, struct json_writer *w) {
    json_put_string(w, "sku", product->sku);
    json_put_string(w, "name", product->name);
    json_put_int(w, "priceMinor", product->price_minor);
    json_put_string(w, "currency", product->currency);
    json_put_bool(w, "active", product->is_active);
    json_put_int(w, "version", product->version);
}

static void write_with_stock(const struct product *product, struct json_writer *w) {
    write_product(product, w);
    json_put_int(w, "available", product->on_hand);
}

static enum status serve_get(struct endpoint_call *call, struct json_object *request,
                             struct error *error) {
    struct slice sku;
    struct product product;
    enum status status = get_text(request, "sku", CATALOG_SKU_MAX, &sku, error);
    if (status == STATUS_OK)
        status = catalog_store_find(call->pg, sku, call->arena, &product, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    write_with_stock(&product, &w);
    json_end_object(&w);
    return STATUS_OK;
}

/* --- prices ----------------------------------------------------------------------------------- */

static enum status read_skus(struct json_object *request, struct pg_array *skus,
                             struct error *error) {
    struct json_object *items;
    enum status status = json_get_array(request, "skus", &items, error);
    size_t count = status == STATUS_OK ? json_object_array_length(items) : 0;
    if (status == STATUS_OK && (count == 0 || count > CATALOG_PRICES_MAX))
        status = error_set(error, STATUS_INVALID, "skus: not 1 to %d", CATALOG_PRICES_MAX);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (!json_object_is_type(item, json_type_string))
            return error_set(error, STATUS_INVALID, "skus: not a text at %zu", i);
        pg_array_add_slice(skus, (struct slice){json_object_get_string(item),
                                                (size_t)json_object_get_string_len(item)});
    }
    return status;
}

static void write_prices(const struct product *products, size_t count, struct buf *reply) {
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_key(&w, "products");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&w);
        json_put_string(&w, "sku", products[i].sku);
        json_put_int(&w, "priceMinor", products[i].price_minor);
        json_put_string(&w, "currency", products[i].currency);
        json_put_bool(&w, "active", products[i].is_active);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static enum status serve_prices(struct endpoint_call *call, struct json_object *request,
                                struct error *error) {
    struct pg_array skus;
    struct product *products;
    size_t count;
    pg_array_init(&skus, PG_ARRAY_TEXT);
    enum status status = read_skus(request, &skus, error);
    if (status == STATUS_OK)
        status = catalog_store_list(call->pg, &skus, call->arena, &products, &count, error);
    if (status == STATUS_OK)
        write_prices(products, count, call->reply);
    pg_array_fini(&skus);
    return status;
}

/* --- pages ------------------------------------------------------------------------------------ */

static const struct slice cursor_scope = SLICE_LITERAL("catalog");

/* The SKU that the page before ended with; empty for the first page. */
static enum status read_cursor(struct json_object *request, struct arena *arena, struct slice *sku,
                               struct error *error) {
    struct slice cursor;
    struct buf position = {0};
    enum status status = json_get_string(request, "cursor", &cursor, error);
    bool is_first = status == STATUS_NOT_FOUND;
    bool is_ours = status == STATUS_OK && cursor_open(cursor_scope, cursor, &position) &&
                   slice_is_printable(buf_slice(&position)) && utf8_is_valid(buf_slice(&position));
    *sku = arena_slice(arena, buf_slice(&position));
    buf_fini(&position);
    if (is_first || is_ours)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "cursor: not one that a page ended with");
}

static void write_page(const struct product *products, size_t count, bool has_more,
                       struct buf *reply) {
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_key(&w, "products");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&w);
        write_with_stock(&products[i], &w);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (has_more) {
        struct buf cursor = {0};
        cursor_seal(cursor_scope, products[count - 1].sku, &cursor);
        json_put_string(&w, "nextCursor", buf_slice(&cursor));
        buf_fini(&cursor);
    }
    json_end_object(&w);
}

static enum status serve_list(struct endpoint_call *call, struct json_object *request,
                              struct error *error) {
    int64_t limit;
    struct slice after;
    struct product *products;
    size_t count;
    enum status status = get_int(request, "limit", 1, CATALOG_PAGE_MAX, &limit, error);
    if (status != STATUS_OK)
        return status;
    status = read_cursor(request, call->arena, &after, error);
    if (status != STATUS_OK)
        return status;
    /* one more than asked for tells whether there is a next page */
    status = catalog_store_page(call->pg, after, limit + 1, call->arena, &products, &count, error);
    if (status != STATUS_OK)
        return status;
    bool has_more = count > (size_t)limit;
    write_page(products, has_more ? (size_t)limit : count, has_more, call->reply);
    return STATUS_OK;
}

/* --- put --- */

struct put {
    struct product wanted; /* as asked for, then as it is */
    bool has_active;
    int64_t expected_version; /* -1: any */
    bool is_created, is_changed;
};

static enum status parse_put(struct json_object *request, struct put *put, struct error *error) {
    struct product *wanted = &put->wanted;
    struct json_object *active;
    put->expected_version = -1;
    enum status status = get_text(request, "sku", CATALOG_SKU_MAX, &wanted->sku, error);
    if (status == STATUS_OK)
        status = get_text(request, "name", 200, &wanted->name, error);
    if (status == STATUS_OK)
        status = get_int(request, "priceMinor", 0, ORDER_MAX_MINOR, &wanted->price_minor, error);
    if (status == STATUS_OK)
        status = get_text(request, "currency", 3, &wanted->currency, error);
    if (status == STATUS_OK && wanted->price_minor % currency_step_minor(wanted->currency) != 0)
        status = error_set(error, STATUS_INVALID, "priceMinor: " CURRENCY_STEP_MESSAGE);
    if (status == STATUS_OK && json_object_object_get_ex(request, "expectedVersion", NULL))
        status = get_int(request, "expectedVersion", 0, INT64_MAX, &put->expected_version, error);
    put->has_active = json_object_object_get_ex(request, "active", &active);
    if (status == STATUS_OK && put->has_active && !json_object_is_type(active, json_type_boolean))
        status = error_set(error, STATUS_INVALID, "active: not a boolean");
    wanted->is_active = !put->has_active || json_object_get_boolean(active);
    return status;
}

static bool says_the_same(const struct product *a, const struct product *b) {
    return slice_equal(a->name, b->name) && a->price_minor == b->price_minor &&
           slice_equal(a->currency, b->currency) && a->is_active == b->is_active;
}

static enum status create(struct pg *pg, struct put *put, struct error *error) {
    if (put->expected_version > 0)
        return error_set(error, STATUS_CONFLICT, "there is no such product");
    put->is_created = put->is_changed = true;
    put->wanted.version = 1;
    put->wanted.on_hand = 0;
    return catalog_store_insert(pg, &put->wanted, error);
}

static enum status change(struct pg *pg, const struct product *stored, struct put *put,
                          struct error *error) {
    struct product *wanted = &put->wanted;
    put->is_created = false;
    if (!put->has_active)
        wanted->is_active = stored->is_active;
    bool is_same = says_the_same(stored, wanted);
    bool is_repeated = is_same && put->expected_version == stored->version - 1;
    if (put->expected_version >= 0 && put->expected_version != stored->version && !is_repeated)
        return error_set(error, STATUS_CONFLICT, "the product is at version %lld",
                         (long long)stored->version);
    put->is_changed = !is_same;
    wanted->version = stored->version + put->is_changed;
    wanted->on_hand = stored->on_hand;
    return is_same ? STATUS_OK : catalog_store_update(pg, wanted, error);
}

/* The order service prices by this event. */
static enum status announce(struct pg *pg, const struct product *product, struct error *error) {
    struct outbox *outbox = outbox_create();
    struct buf data = {0};
    struct json_writer w = json_writer(&data);
    json_begin_object(&w);
    write_product(product, &w);
    json_end_object(&w);
    outbox_add(outbox, EVENT_PRODUCT_CHANGED, product->sku, NULL, buf_slice(&data));
    enum status status = outbox_write(outbox, pg, error);
    buf_fini(&data);
    outbox_destroy(&outbox);
    return status;
}

static enum status decide_put(struct pg *pg, struct arena *arena, void *state,
                              struct error *error) {
    struct put *put = state;
    struct product stored;
    enum status status = catalog_store_lock(pg, put->wanted.sku, arena, &stored, error);
    if (status == STATUS_NOT_FOUND)
        status = create(pg, put, error);
    else if (status == STATUS_OK)
        status = change(pg, &stored, put, error);
    if (status == STATUS_OK && put->is_changed)
        status = announce(pg, &put->wanted, error);
    return status;
}

static enum status serve_put(struct endpoint_call *call, struct json_object *request,
                             struct error *error) {
    struct put put = {0};
    enum status status = parse_put(request, &put, error);
    if (status == STATUS_OK)
        status = transact(call, decide_put, &put, error);
    if (status != STATUS_OK)
        return status;
    call->has_committed = put.is_changed;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    write_with_stock(&put.wanted, &w);
    json_put_bool(&w, "created", put.is_created);
    json_end_object(&w);
    return STATUS_OK;
}

/* --- adjust --- */

struct adjust {
    struct adjustment wanted;
    bool is_replayed;
};

static enum status parse_adjust(struct json_object *request, struct adjustment *wanted,
                                struct error *error) {
    struct slice id;
    enum status status = get_text(request, "adjustmentId", UUID_TEXT_LEN, &id, error);
    if (status == STATUS_OK && !uuid_parse(id, &wanted->id))
        status = error_set(error, STATUS_INVALID, "adjustmentId: not a UUID");
    if (status == STATUS_OK)
        status = get_text(request, "sku", CATALOG_SKU_MAX, &wanted->sku, error);
    if (status == STATUS_OK)
        status =
            get_int(request, "delta", -CATALOG_DELTA_MAX, CATALOG_DELTA_MAX, &wanted->delta, error);
    if (status == STATUS_OK && wanted->delta == 0)
        status = error_set(error, STATUS_INVALID, "delta: nothing to adjust");
    if (status == STATUS_OK)
        status = get_text(request, "reason", 200, &wanted->reason, error);
    return status;
}

static enum status replay(const struct adjustment *stored, struct adjust *adjust,
                          struct error *error) {
    const struct adjustment *wanted = &adjust->wanted;
    if (!slice_equal(stored->sku, wanted->sku) || stored->delta != wanted->delta ||
        !slice_equal(stored->reason, wanted->reason) ||
        !slice_equal(stored->warehouse, wanted->warehouse))
        return error_set(error, STATUS_INVALID, "the id stands for another adjustment");
    adjust->wanted.on_hand = stored->on_hand;
    adjust->is_replayed = true;
    return STATUS_OK;
}

/* The ledger is read behind the lock, so a repetition finds what the first one
 * did. */
static enum status decide_adjust(struct pg *pg, struct arena *arena, void *state,
                                 struct error *error) {
    struct adjust *adjust = state;
    struct adjustment stored;
    int64_t on_hand;
    enum status status = catalog_store_lock_stock(pg, adjust->wanted.sku, &on_hand, error);
    if (status != STATUS_OK)
        return status;
    status = catalog_store_find_adjustment(pg, &adjust->wanted.id, arena, &stored, error);
    if (status == STATUS_OK)
        return replay(&stored, adjust, error);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_OK;
    if (status == STATUS_OK && adjust->wanted.warehouse.len > 0)
        status = catalog_store_lock_elsewhere(pg, adjust->wanted.sku, adjust->wanted.warehouse,
                                              &on_hand, error);
    if (status != STATUS_OK)
        return status;
    if (on_hand + adjust->wanted.delta < 0)
        return error_set(error, STATUS_CONFLICT, "only %lld are on hand", (long long)on_hand);
    if (on_hand + adjust->wanted.delta > CATALOG_STOCK_MAX)
        return error_set(error, STATUS_CONFLICT, "too many would be on hand");
    adjust->wanted.on_hand = on_hand + adjust->wanted.delta;
    return catalog_store_adjust(pg, &adjust->wanted, error);
}

static void write_adjusted(const struct adjust *adjust, struct buf *reply) {
    const struct adjustment *made = &adjust->wanted;
    char id[UUID_TEXT_SIZE];
    uuid_format(&made->id, id);
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_put_text(&w, "adjustmentId", id);
    json_put_string(&w, "sku", made->sku);
    if (made->warehouse.len > 0)
        json_put_string(&w, "warehouse", made->warehouse);
    json_put_int(&w, "delta", made->delta);
    json_put_string(&w, "reason", made->reason);
    json_put_int(&w, "available", made->on_hand);
    json_put_bool(&w, "replayed", adjust->is_replayed);
    json_end_object(&w);
}

static enum status make_adjustment(struct endpoint_call *call, struct adjust *adjust,
                                   struct error *error) {
    enum status status = transact(call, decide_adjust, adjust, error);
    if (status == STATUS_OK)
        write_adjusted(adjust, call->reply);
    return status;
}

static enum status serve_adjust(struct endpoint_call *call, struct json_object *request,
                                struct error *error) {
    struct adjust adjust = {0};
    enum status status = parse_adjust(request, &adjust.wanted, error);
    return status == STATUS_OK ? make_adjustment(call, &adjust, error) : status;
}

static enum status serve_adjust_elsewhere(struct endpoint_call *call, struct json_object *request,
                                          struct error *error) {
    struct adjust adjust = {0};
    struct slice *warehouse = &adjust.wanted.warehouse;
    enum status status = parse_adjust(request, &adjust.wanted, error);
    if (status == STATUS_OK)
        status = get_text(request, "warehouse", CATALOG_WAREHOUSE_MAX, warehouse, error);
    if (status == STATUS_OK && slice_is(*warehouse, "main"))
        status = error_set(error, STATUS_INVALID, "warehouse: main has a subject of its own");
    return status == STATUS_OK ? make_adjustment(call, &adjust, error) : status;
}

/* --- stock by warehouse --- */

static void write_levels(const struct stock_levels *levels, struct json_writer *w) {
    json_key(w, "warehouses");
    json_begin_array(w);
    for (size_t i = 0; i < levels->count; i++) {
        const struct stock_level *level = &levels->rows[i];
        json_begin_object(w);
        json_put_string(w, "warehouse", level->warehouse);
        json_put_int(w, "received", level->received);
        json_put_int(w, "onHand", level->on_hand);
        json_put_int(w, "reserved", level->reserved);
        json_put_int(w, "shipped", level->shipped);
        json_end_object(w);
    }
    json_end_array(w);
}

static enum status serve_stock(struct endpoint_call *call, struct json_object *request,
                               struct error *error) {
    struct slice sku;
    struct stock_levels levels = {0};
    enum status status = get_text(request, "sku", CATALOG_SKU_MAX, &sku, error);
    if (status == STATUS_OK)
        status = catalog_store_levels(call->pg, sku, call->arena, &levels, error);
    if (status == STATUS_OK && levels.count == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such product");
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    json_put_string(&w, "sku", sku);
    write_levels(&levels, &w);
    json_end_object(&w);
    return STATUS_OK;
}

static enum status serve_warehouses(struct endpoint_call *call, struct json_object *request,
                                    struct error *error) {
    (void)request;
    struct stock_levels levels = {0};
    enum status status = catalog_store_warehouses(call->pg, call->arena, &levels, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    write_levels(&levels, &w);
    json_end_object(&w);
    return STATUS_OK;
}

/* --- the endpoints --- */

enum status catalog_endpoint_get(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_get, error);
}

enum status catalog_endpoint_prices(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_prices, error);
}

enum status catalog_endpoint_list(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_list, error);
}

enum status catalog_endpoint_put(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_put, error);
}

enum status catalog_endpoint_adjust(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_adjust, error);
}

enum status catalog_endpoint_adjust_elsewhere(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_adjust_elsewhere, error);
}

enum status catalog_endpoint_stock(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_stock, error);
}

enum status catalog_endpoint_warehouses(struct endpoint_call *call, struct error *error) {
    return serve(call, serve_warehouses, error);
}
