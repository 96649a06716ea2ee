#include "omctl/seed.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/outbox/outbox.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#define WAIT_TIMEOUT_MS 60000
#define WAIT_POLL_MS 50
#define PROGRESS_EVERY_US INT64_C(1000000)

static const struct product {
    const char *sku;
    const char *name;
    int64_t price_minor; /* US cents */
    int64_t pieces;
} products[] = {
    {"TSHIRT-BLK-M", "T-shirt, black, M", 1999, 1000000},
    {"TSHIRT-GRY-S", "T-shirt, grey, S", 1999, 5}, /* few, so that one can run out */
    {"SKU-123", "Mug", 1200, 10000},
    {"PROD-101", "Headphones", 4999, 10000},
    {"PROD-205", "Phone case", 1995, 10000},
    {"ITEM1001", "Backpack", 4500, 10000},
    {"ITEM2003", "Keyboard", 5999, 10000},
};
static const size_t product_count = sizeof(products) / sizeof(products[0]);
static const char currency[] = "USD";

/* The columns of `products` as parameters of one statement. */
struct columns {
    struct pg_array skus;
    struct pg_array names;
    struct pg_array prices;
    struct pg_array pieces;
};

static void columns_init(struct columns *columns) {
    pg_array_init(&columns->skus, PG_ARRAY_TEXT);
    pg_array_init(&columns->names, PG_ARRAY_TEXT);
    pg_array_init(&columns->prices, PG_ARRAY_INT64);
    pg_array_init(&columns->pieces, PG_ARRAY_INT64);
    for (size_t i = 0; i < product_count; i++) {
        pg_array_add_slice(&columns->skus, slice_of(products[i].sku));
        pg_array_add_slice(&columns->names, slice_of(products[i].name));
        pg_array_add_int64(&columns->prices, products[i].price_minor);
        pg_array_add_int64(&columns->pieces, products[i].pieces);
    }
}

static void columns_fini(struct columns *columns) {
    pg_array_fini(&columns->skus);
    pg_array_fini(&columns->names);
    pg_array_fini(&columns->prices);
    pg_array_fini(&columns->pieces);
}

/* Adds the products that are not there, with their stock; the rows are theirs. */
static enum status insert_products(struct pg *pg, struct pg_result **inserted,
                                   struct error *error) {
    static const struct pg_statement insert = {
        .name = "seed_insert",
        .sql = "WITH wanted AS ("
               "  SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[])"
               "    AS w(sku, name, price_minor, pieces)),"
               " added AS ("
               "  INSERT INTO inventory.products (sku, name, price_minor, currency)"
               "  SELECT sku, name, price_minor, $5::text FROM wanted"
               "  ON CONFLICT (sku) DO NOTHING"
               "  RETURNING sku, name, price_minor, currency, active, version),"
               " stocked AS ("
               "  INSERT INTO inventory.stock (sku, received, on_hand)"
               "  SELECT added.sku, wanted.pieces, wanted.pieces"
               "  FROM added JOIN wanted ON wanted.sku = added.sku),"
               " ledger AS ("
               "  INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)"
               "  SELECT gen_random_uuid(), added.sku, wanted.pieces, 'opening stock',"
               "   wanted.pieces"
               "  FROM added JOIN wanted ON wanted.sku = added.sku)"
               " SELECT sku, name, price_minor, currency, active, version FROM added",
        .param_count = 5,
    };
    struct columns columns;
    columns_init(&columns);
    const struct pg_param params[] = {
        pg_array(&columns.skus),   pg_array(&columns.names),    pg_array(&columns.prices),
        pg_array(&columns.pieces), pg_text(slice_of(currency)),
    };
    enum status status = pg_query(pg, &insert, params, inserted, error);
    columns_fini(&columns);
    return status;
}

static void announce(struct outbox *outbox, const struct pg_result *rows, int row) {
    struct slice sku = pg_get_slice(rows, row, 0);
    struct buf data = {0};
    struct json_writer w = json_writer(&data);
    json_begin_object(&w);
    json_put_string(&w, "sku", sku);
    json_put_string(&w, "name", pg_get_slice(rows, row, 1));
    json_put_int(&w, "priceMinor", pg_get_int64(rows, row, 2));
    json_put_string(&w, "currency", pg_get_slice(rows, row, 3));
    json_put_bool(&w, "active", pg_get_bool(rows, row, 4));
    json_put_int(&w, "version", pg_get_int64(rows, row, 5));
    json_end_object(&w);
    outbox_add(outbox, EVENT_PRODUCT_CHANGED, sku, NULL, buf_slice(&data));
    buf_fini(&data);
}

/* The outbox is found by the search path, as it is for the inventory service's own role. */
static enum status use_inventory_schema(struct pg *pg, struct error *error) {
    static const struct pg_statement set_path = {
        .name = "seed_path",
        .sql = "SELECT set_config('search_path', 'inventory, om', true)",
    };
    struct pg_result *result;
    enum status status = pg_query(pg, &set_path, NULL, &result, error);
    if (status == STATUS_OK)
        pg_result_free(&result);
    return status;
}

enum status seed_demo(struct pg *pg, size_t *added, struct error *error) {
    struct outbox *outbox = outbox_create();
    struct pg_result *rows = NULL;
    enum status status = pg_begin(pg, error);
    if (status != STATUS_OK)
        goto out;
    status = use_inventory_schema(pg, error);
    if (status == STATUS_OK)
        status = insert_products(pg, &rows, error);
    if (status == STATUS_OK) {
        for (int row = 0; row < pg_rows(rows); row++)
            announce(outbox, rows, row);
        status = outbox_write(outbox, pg, error);
    }
    if (status == STATUS_OK)
        status = pg_commit(pg, error);
    if (status == STATUS_OK)
        *added = outbox_count(outbox);
    else
        pg_rollback(pg);
out:
    pg_result_free(&rows);
    outbox_destroy(&outbox);
    return status;
}

/* Where each service has a database of its own, this one is inventory's. */
static enum status require_catalog(struct pg *pg, struct error *error) {
    static const struct pg_statement find = {
        .name = "seed_find_catalog",
        .sql = "SELECT to_regclass('orders.catalog') IS NOT NULL",
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &find, NULL, &result, error);
    if (status == STATUS_OK && !pg_get_bool(result, 0, 0))
        status = error_set(error, STATUS_INVALID,
                           "the order service has another database: do without --wait");
    pg_result_free(&result);
    return status;
}

static enum status count_known(struct pg *pg, size_t *known, struct error *error) {
    static const struct pg_statement count = {
        .name = "seed_count_known",
        .sql = "SELECT count(*) FROM orders.catalog WHERE sku = ANY($1::text[])",
        .param_count = 1,
    };
    struct columns columns;
    columns_init(&columns);
    const struct pg_param params[] = {pg_array(&columns.skus)};
    struct pg_result *result;
    enum status status = pg_query(pg, &count, params, &result, error);
    columns_fini(&columns);
    if (status != STATUS_OK)
        return status;
    *known = (size_t)pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

enum status seed_wait(struct pg *pg, int64_t timeout_ms, FILE *out, struct error *error) {
    int64_t started_us = clock_monotonic_us(), said_us = started_us;
    enum status status = require_catalog(pg, error);
    if (status != STATUS_OK)
        return status;
    for (;;) {
        size_t known = 0;
        status = count_known(pg, &known, error);
        if (status != STATUS_OK || known == product_count)
            return status;
        int64_t now_us = clock_monotonic_us();
        if (now_us - started_us > timeout_ms * 1000)
            return error_set(error, STATUS_TIMEOUT, "the order service knows %zu of %zu prices",
                             known, product_count);
        if (now_us - said_us >= PROGRESS_EVERY_US) {
            fprintf(out, "the order service knows %zu of %zu prices\n", known, product_count);
            said_us = now_us;
        }
        clock_sleep_ms(WAIT_POLL_MS);
    }
}

int seed_command(const struct omctl_config *config, int argc, char **argv) {
    bool wait = false;
    const struct command_option options[] = {{.name = "--wait", .flag = &wait}};
    struct error error;
    struct pg *pg = NULL;
    size_t added = 0;
    if (command_parse(options, 1, argc, argv, &error) != STATUS_OK) {
        (void)command_failed("seed", &error);
        return COMMAND_USAGE;
    }
    enum status status = command_open_database(config, &pg, &error);
    if (status == STATUS_OK)
        status = seed_demo(pg, &added, &error);
    if (status == STATUS_OK) {
        printf("demo catalog: %zu products added, %zu were there\n", added, product_count - added);
        if (wait)
            status = seed_wait(pg, WAIT_TIMEOUT_MS, stdout, &error);
    }
    pg_destroy(&pg);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("seed", &error);
}
