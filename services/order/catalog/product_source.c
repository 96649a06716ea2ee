#include "services/order/catalog/product_source.h"

#include "shared/base/clock.h"
#include "shared/nats/mesh_call.h"

#include <stdatomic.h>
#include <stdlib.h>

#define ANSWER_MS 1000
#define REST_US INT64_C(5000000)
#define ASKED_AT_ONCE 500 /* CATALOG_PRICES_MAX */

static atomic_int_fast64_t rests_until_us; /* monotonic */

enum status products_of_inventory(struct batch *batch, struct slice request,
                                  struct json_object **reply, struct error *error) {
    if (clock_monotonic_us() < atomic_load(&rests_until_us))
        return error_set(error, STATUS_UNAVAILABLE, "inventory has not answered");
    enum status status =
        mesh_call(batch->nats, "mesh.inventory.product.prices", request, ANSWER_MS, reply, error);
    if (status == STATUS_TIMEOUT)
        atomic_store(&rests_until_us, clock_monotonic_us() + REST_US);
    return status;
}

/* --- the question ----------------------------------------------------------------------------- */

static int compare_skus(const void *a, const void *b) {
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static size_t sort_distinct(struct slice *skus, size_t count) {
    size_t kept = 0;
    qsort(skus, count, sizeof(*skus), compare_skus);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_equal(skus[i], skus[kept - 1]))
            skus[kept++] = skus[i];
    }
    return kept;
}

static void write_question(const struct slice *skus, size_t count, struct buf *question) {
    struct json_writer w = json_writer(question);
    json_begin_object(&w);
    json_key(&w, "skus");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        json_string(&w, skus[i]);
    json_end_array(&w);
    json_end_object(&w);
}

/* --- the answer ------------------------------------------------------------------------------- */

static enum status take_price(struct json_object *product, struct arena *arena,
                              struct catalog_price *price, struct error *error) {
    struct json_object *active;
    struct slice sku, currency;
    enum status status = json_get_string(product, "sku", &sku, error);
    if (status == STATUS_OK)
        status = json_get_string(product, "currency", &currency, error);
    if (status == STATUS_OK)
        status = json_get_int64(product, "priceMinor", &price->price_minor, error);
    if (status != STATUS_OK)
        return status;
    price->sku = arena_slice(arena, sku);
    price->currency = arena_slice(arena, currency);
    price->is_active =
        json_object_object_get_ex(product, "active", &active) && json_object_get_boolean(active);
    return STATUS_OK;
}

static enum status take_prices(struct json_object *reply, struct arena *arena,
                               struct catalog_price *prices, size_t most, size_t *count,
                               struct error *error) {
    struct json_object *products;
    enum status status = json_get_array(reply, "products", &products, error);
    size_t found = status == STATUS_OK ? json_object_array_length(products) : 0;
    if (found > most)
        return error_set(error, STATUS_INVALID, "inventory answers with more than was asked for");
    for (size_t i = 0; i < found && status == STATUS_OK; i++)
        status =
            take_price(json_object_array_get_idx(products, i), arena, &prices[(*count)++], error);
    return status;
}

enum status product_source_ask(struct batch *batch, products_fn ask, struct slice *skus,
                               size_t count, struct catalog *catalog, struct error *error) {
    size_t distinct = sort_distinct(skus, count), found = 0;
    struct catalog_price *prices = arena_alloc(batch->arena, (distinct + 1) * sizeof(*prices));
    enum status status = STATUS_OK;
    for (size_t i = 0; i < distinct && status == STATUS_OK; i += ASKED_AT_ONCE) {
        size_t asked = distinct - i < ASKED_AT_ONCE ? distinct - i : ASKED_AT_ONCE;
        struct json_object *reply = NULL;
        struct buf question = {0};
        write_question(&skus[i], asked, &question);
        status = ask(batch, buf_slice(&question), &reply, error);
        if (status == STATUS_OK)
            status = take_prices(reply, batch->arena, prices, asked, &found, error);
        json_object_put(reply);
        buf_fini(&question);
    }
    *catalog = (struct catalog){prices, found};
    return status;
}
