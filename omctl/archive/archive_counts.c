#include "omctl/archive/archive_counts.h"

#include "omctl/archive/archive_store.h"
#include "services/analytics/measure.h"
#include "services/analytics/store.h"
#include "shared/base/arena.h"
#include "shared/pg/pg_result.h"

#define ARENA_BYTES ((size_t)256 * 1024)

/* A rebuild has read the facts already, or is about to: nothing may go from one place to the other
   meanwhile. */
static enum status keep_rebuild_out(struct pg *pg, struct error *error) {
    static const struct pg_statement lock = {
        .name = "archive_rebuild",
        .sql = "SELECT pg_try_advisory_xact_lock_shared("
               "hashtextextended('om.rebuild.analytics', 0))",
    };
    struct pg_result *result = NULL;
    enum status status = pg_query(pg, &lock, NULL, &result, error);
    if (status == STATUS_OK && !pg_get_bool(result, 0, 0))
        status = error_set(error, STATUS_CONFLICT, "omctl rebuild analytics is at work");
    pg_result_free(&result);
    return status;
}

/* Ids are in the order of the lines, which is theirs. */
static enum status wanted_facts(struct slice body, struct arena *arena, size_t count,
                                struct order_facts **wanted, struct error *error) {
    static const char start[] = "{\"orderId\":\"";
    *wanted = arena_alloc(arena, (count + 1) * sizeof(**wanted));
    for (size_t i = 0; i < count; i++) {
        struct slice line = slice_take_line(&body);
        (*wanted)[i] = (struct order_facts){0};
        if (!slice_take_prefix(&line, start) || line.len < UUID_TEXT_LEN ||
            !uuid_parse((struct slice){line.ptr, UUID_TEXT_LEN}, &(*wanted)[i].order_id))
            return error_set(error, STATUS_INVALID, "a line is no order");
    }
    return STATUS_OK;
}

static enum status count_facts(struct pg *pg, struct slice body, size_t count, struct arena *arena,
                               struct error *error) {
    struct order_facts *wanted = NULL, *known = NULL;
    struct tally tally = {.arena = arena};
    size_t found = 0;
    enum status status = wanted_facts(body, arena, count, &wanted, error);
    if (status == STATUS_OK)
        status = facts_store_lock(pg, arena, wanted, count, &known, &found, error);
    for (size_t i = 0; i < found; i++)
        facts_measure(&known[i], 1, &tally);
    tally_settle(&tally);
    return status == STATUS_OK ? counts_store_keep(pg, &tally, error) : status;
}

/* As services/analytics/terms.c makes them of an order's events. */
static const struct pg_statement remove_terms = {
    .name = "archive_remove_terms",
    .sql =
        "WITH lines AS ("
        " SELECT (e->>'orderId')::uuid AS id, e->'rows' AS r"
        " FROM jsonb_array_elements($1::text::jsonb) e"
        "), orders AS ("
        " SELECT id, r, r#>'{orders.orders,0}' AS o,"
        "  coalesce(nullif((r#>>'{analytics.order_facts,0,created_us}')::int8, 0),"
        "   greatest((r#>>'{analytics.order_facts,0,failed_us}')::int8,"
        "    (r#>>'{analytics.order_facts,0,cancelled_us}')::int8), 0) AS at_us"
        " FROM lines"
        "), terms(id, at_us, term) AS ("
        " SELECT id, at_us, analytics.term_of('s', o->>'tenant', i->>'sku')"
        "  FROM orders, jsonb_array_elements(r->'orders.order_items') i"
        " UNION ALL SELECT id, at_us, analytics.term_of('a', o->>'tenant', (o->>'currency')"
        "   || analytics.amount_class((o->>'total_minor')::int8)) FROM orders"
        " UNION ALL SELECT id, at_us, analytics.term_of('e', o->>'tenant', o->>'status')"
        "  FROM orders WHERE o->>'reason' IS NOT NULL"
        " UNION ALL SELECT id, at_us, analytics.term_of('r', o->>'tenant', o->>'reason')"
        "  FROM orders WHERE o->>'reason' IS NOT NULL"
        " UNION ALL SELECT id, 0, analytics.term_of('p', '', r#>>'{payments.payments,0,charge_id}')"
        "  FROM orders WHERE r#>>'{payments.payments,0,charge_id}' IS NOT NULL"
        " UNION ALL SELECT id, 0, analytics.term_of('t', '', o->>'tracking_number')"
        "  FROM orders WHERE o->>'tracking_number' IS NOT NULL"
        " UNION ALL SELECT id, 0, analytics.term_of('t', '', p->>'tracking_number')"
        "  FROM orders, jsonb_array_elements(r->'shipping.parcels') p"
        ") DELETE FROM analytics.order_terms t USING terms d"
        " WHERE t.term = d.term AND t.at_us = d.at_us AND t.order_id = d.id",
    .param_count = 1,
};

static enum status forget_terms(struct pg *pg, struct slice body, struct error *error) {
    struct buf array = {0};
    archive_array(body, &array);
    const struct pg_param param = pg_text(buf_slice(&array));
    enum status status = pg_query(pg, &remove_terms, &param, NULL, error);
    buf_fini(&array);
    return status;
}

enum status archive_counts_keep(struct pg *pg, struct pg_array *ids, struct slice body,
                                struct error *error) {
    struct arena *arena = arena_create(ARENA_BYTES);
    enum status status = keep_rebuild_out(pg, error);
    if (status == STATUS_OK)
        status = forget_terms(pg, body, error);
    if (status == STATUS_OK)
        status = count_facts(pg, body, (size_t)ids->count, arena, error);
    arena_destroy(&arena);
    return status;
}
