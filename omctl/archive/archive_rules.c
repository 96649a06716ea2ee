#include "omctl/archive/archive_rules.h"

/* never_taken: what cancelled pieces are worth where the money was held at first. */
#define LINES                                                                                      \
    "WITH k AS (SELECT e->>'orderId' AS id, e->'rows' AS r, e#>'{rows,orders.orders,0}' AS o,"     \
    " e#>'{rows,payments.payments,0}' AS p, e#>'{rows,inventory.reservations,0}' AS s,"            \
    " e#>'{rows,shipping.shipments,0}' AS sent, e#>'{rows,loyalty.points,0}' AS y"                 \
    " FROM jsonb_array_elements($1::text::jsonb) e), l AS (SELECT k.*,"                            \
    " CASE WHEN (o->>'steps')::int8 & 64 <> 0 THEN (SELECT"                                        \
    "  coalesce(sum((i->>'cancelled')::int8 * (i->>'unit_price_minor')::int8), 0)::int8"           \
    "  FROM jsonb_array_elements(r->'orders.order_items') i) ELSE 0 END AS never_taken FROM k) "
#define HAS_ENDED_BADLY "o->>'status' IN ('FAILED', 'CANCELLED')"
#define GIVEN_BACK "coalesce((o->>'refunded_minor')::int8, 0)"
#define TOTAL "(o->>'total_minor')::int8"

const struct archive_rule archive_file_rules[] = {
    {"orders",
     "every archived order has ended",
     {"archive_rule_ended",
      LINES "SELECT id FROM l WHERE o IS NULL OR o->>'id' <> id"
            " OR o->>'status' NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')",
      1}},
    {"orders",
     "a completed order is paid once, in full",
     {"archive_rule_paid",
      LINES "SELECT id FROM l WHERE o->>'status' = 'COMPLETED'"
            " AND (p IS NULL OR p->>'status' <> 'CAPTURED' OR (p->>'amount_minor')::int8 <> " TOTAL
            " - never_taken"
            "  OR p->>'currency' <> o->>'currency' OR p->>'charge_id' IS NULL)",
      1}},
    {"orders",
     "an order that ended badly keeps no money",
     {"archive_rule_money",
      LINES "SELECT id FROM l WHERE " HAS_ENDED_BADLY
            " AND p->>'status' NOT IN ('DECLINED', 'REFUNDED', 'VOIDED', 'ABANDONED', 'RELEASED',"
            "  'WITHDRAWN')",
      1}},
    {"orders",
     "what was given back is what its refunds say",
     {"archive_rule_refunds",
      LINES
      "SELECT id FROM l, LATERAL (SELECT"
      "  coalesce(sum((f->>'amount_minor')::int8) FILTER (WHERE f->>'status' <> 'REFUSED'), 0)"
      "   AS asked,"
      "  coalesce(sum((f->>'amount_minor')::int8) FILTER (WHERE f->>'status' = 'REFUNDED'), 0)"
      "   AS made FROM jsonb_array_elements(r->'payments.refunds') f) sums"
      " WHERE coalesce((p->>'refunded_minor')::int8, 0) <> asked"
      "  OR o->>'status' = 'COMPLETED' AND " GIVEN_BACK " <> made",
      1}},
    {"orders",
     "a completed order was sent what it ordered",
     {"archive_rule_items",
      LINES "SELECT id FROM l WHERE o->>'status' = 'COMPLETED' AND (s->>'status' IS DISTINCT FROM"
            "  'SHIPPED' OR (SELECT array_agg((sku, n) ORDER BY sku) FROM (SELECT i->>'sku' AS sku,"
            "   sum((i->>'quantity')::int8 - coalesce((i->>'cancelled')::int8, 0)) AS n"
            "   FROM jsonb_array_elements(r->'orders.order_items') i"
            "   WHERE (i->>'quantity')::int8 > coalesce((i->>'cancelled')::int8, 0)"
            "   GROUP BY 1) ordered) IS DISTINCT FROM"
            "  (SELECT array_agg((sku, n) ORDER BY sku) FROM (SELECT sku, sum(quantity::int8) AS n"
            "   FROM ROWS FROM (jsonb_array_elements_text(s->'skus'),"
            "    jsonb_array_elements_text(s->'quantities')) h(sku, quantity) GROUP BY 1) held))",
      1}},
    {"orders",
     "an order that ended badly holds no stock",
     {"archive_rule_stock",
      LINES "SELECT id FROM l WHERE " HAS_ENDED_BADLY
            " AND s->>'status' IN ('RESERVED', 'ALLOCATED', 'SHIPPED')",
      1}},
    {"orders",
     "a completed order was sent once, under the number it knows, and no other was",
     {"archive_rule_sent",
      LINES "SELECT id FROM l WHERE (o->>'status' = 'COMPLETED') <>"
            "  (coalesce(sent->>'status', '') = 'SHIPPED')"
            " OR o->>'status' = 'COMPLETED'"
            "  AND sent->>'tracking_number' IS DISTINCT FROM o->>'tracking_number'",
      1}},
    {"orders",
     "a completed order earned its points, and no other did",
     {"archive_rule_points",
      LINES "SELECT id FROM l WHERE CASE WHEN o->>'status' = 'COMPLETED' AND " GIVEN_BACK
            " < " TOTAL " THEN (" TOTAL " - " GIVEN_BACK
            " - never_taken) / 100 END IS DISTINCT FROM"
            " CASE WHEN y->>'status' = 'EARNED' THEN (y->>'points')::int8 END",
      1}},
    {"orders",
     "no order is archived twice",
     {"archive_rule_once",
      LINES ", added AS (INSERT INTO archived_orders SELECT id::uuid FROM l ON CONFLICT DO NOTHING"
            " RETURNING id) SELECT id FROM l WHERE id::uuid NOT IN (SELECT id FROM added)",
      1}},
};

const size_t archive_file_rule_count = sizeof(archive_file_rules) / sizeof(archive_file_rules[0]);

/* --- sums ------------------------------------------------------------------------------------- */

const struct archive_sum archive_sums[] = {
    {"inventory",
     "CREATE TEMP TABLE archived_stock (sku text, warehouse text, shipped int8, returned int8,"
     " PRIMARY KEY (sku, warehouse))",
     {"archive_sum_stock",
      LINES ", pieces AS (SELECT sku, coalesce(warehouse, 'main') AS warehouse, quantity::int8 AS"
            "  shipped, 0 AS returned FROM l, ROWS FROM (jsonb_array_elements_text(s->'skus'),"
            "   jsonb_array_elements_text(s->'quantities'), jsonb_array_elements_text("
            "    nullif(s->'warehouses', 'null'))) h(sku, quantity, warehouse)"
            "  WHERE s->>'status' = 'SHIPPED'"
            " UNION ALL SELECT sku, 'main', 0, quantity::int8 FROM l,"
            "  jsonb_array_elements(r->'inventory.returns') b,"
            "  ROWS FROM (jsonb_array_elements_text(b->'skus'),"
            "   jsonb_array_elements_text(b->'quantities')) h(sku, quantity))"
            " INSERT INTO archived_stock AS a SELECT sku, warehouse, sum(shipped), sum(returned)"
            " FROM pieces GROUP BY 1, 2 ON CONFLICT (sku, warehouse) DO UPDATE SET"
            "  shipped = a.shipped + excluded.shipped, returned = a.returned + excluded.returned",
      1}},
    {"loyalty",
     "CREATE TEMP TABLE archived_points (tenant text, customer_id text, points int8,"
     " PRIMARY KEY (tenant, customer_id))",
     {"archive_sum_points",
      LINES "INSERT INTO archived_points AS a SELECT y->>'tenant', y->>'customer_id',"
            " sum((y->>'points')::int8) FROM l WHERE y->>'status' = 'EARNED' GROUP BY 1, 2"
            " ON CONFLICT (tenant, customer_id) DO UPDATE SET points = a.points + excluded.points",
      1}},
    {"analytics",
     "CREATE TEMP TABLE archived_facts (orders int8)",
     {"archive_sum_facts",
      LINES "INSERT INTO archived_facts SELECT count(*) FROM l, jsonb_array_elements("
            "  r->'analytics.order_facts') f WHERE (f->>'created_us')::int8 <> 0"
            " OR (f->>'failed_us')::int8 <> 0 OR (f->>'cancelled_us')::int8 <> 0",
      1}},
};

const size_t archive_sum_count = sizeof(archive_sums) / sizeof(archive_sums[0]);

#define ALL_STOCK                                                                                  \
    "(SELECT sku, 'main' AS warehouse, reserved, shipped, returned FROM inventory.stock"           \
    " UNION ALL SELECT sku, warehouse, reserved, shipped, 0 FROM inventory.warehouse_stock)"

const struct archive_rule archive_whole_rules[] = {
    {"inventory",
     "the stock holds, has sent and has back what orders in tables and files say",
     {"archive_rule_all_stock",
      "SELECT k.sku || ' ' || k.warehouse FROM " ALL_STOCK " k LEFT JOIN ("
      " SELECT i.sku, coalesce(i.warehouse, 'main') AS warehouse,"
      "  sum(i.quantity) FILTER (WHERE r.status IN ('RESERVED', 'ALLOCATED')) AS reserved,"
      "  sum(i.quantity) FILTER (WHERE r.status = 'SHIPPED') AS shipped"
      " FROM inventory.reservations r,"
      "  unnest(r.skus, r.quantities, r.warehouses) i(sku, quantity, warehouse) GROUP BY 1, 2"
      ") held USING (sku, warehouse) LEFT JOIN ("
      " SELECT i.sku, 'main' AS warehouse, sum(i.quantity) AS returned FROM inventory.returns r,"
      "  unnest(r.skus, r.quantities) i(sku, quantity) GROUP BY 1"
      ") back USING (sku, warehouse) LEFT JOIN archived_stock a USING (sku, warehouse)"
      " WHERE k.reserved <> coalesce(held.reserved, 0)"
      " OR k.shipped <> coalesce(held.shipped, 0) + coalesce(a.shipped, 0)"
      " OR k.returned <> coalesce(back.returned, 0) + coalesce(a.returned, 0)",
      0}},
    {"loyalty",
     "a customer's balance is the sum of the points in tables and files",
     {"archive_rule_all_points",
      "SELECT concat_ws(' ', tenant, customer_id) FROM loyalty.balances b FULL JOIN ("
      " SELECT tenant, customer_id, sum(points) AS points FROM ("
      "  SELECT tenant, customer_id, points FROM loyalty.points WHERE status = 'EARNED'"
      "  UNION ALL SELECT * FROM archived_points) p GROUP BY 1, 2"
      ") p USING (tenant, customer_id) WHERE coalesce(b.points, 0) <> coalesce(p.points, 0)",
      0}},
    {"analytics",
     "analytics counts each order in tables and files once",
     {"archive_rule_all_counts",
      "SELECT concat_ws(' ', granularity, counted, known) FROM (SELECT granularity,"
      "  sum(value) AS counted FROM analytics.counts WHERE measure = 'status' GROUP BY 1) c,"
      " (SELECT (SELECT count(*) FROM analytics.order_facts WHERE created_us <> 0 OR failed_us <> 0"
      "   OR cancelled_us <> 0) + (SELECT coalesce(sum(orders), 0) FROM archived_facts) AS known) f"
      " WHERE counted <> known",
      0}},
};

const size_t archive_whole_rule_count =
    sizeof(archive_whole_rules) / sizeof(archive_whole_rules[0]);
