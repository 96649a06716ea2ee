#include "tests/support/check/checker_invariants.h"

#include "tests/support/check/checker_streams.h"

const char checker_tables_sql[] =
    "CREATE TEMP TABLE client_log (key text, status int, order_id text, sent_us int8,"
    "  latency_us int8, kind text, attempts int,"
    "  key_hash bytea GENERATED ALWAYS AS"
    "    (sha256('\\x64656661756c7400'::bytea || decode(replace(key, '\\', '\\\\'), 'escape')))"
    "    STORED);" /* hex: "default" and a NUL, the tenant before the key */
    "CREATE INDEX ON client_log (order_id); CREATE INDEX ON client_log (key_hash);"
    "CREATE TEMP TABLE stream_event (stream text, type text, event_id text, subject text);"
    "CREATE TEMP TABLE poison (entry text);"
    "CREATE TEMP TABLE dead_letter (entry text, generation int);"
    "CREATE TEMP TABLE moment (order_id uuid, nth int8, event text);";

/* Applied order breaks ties of the clock. */
const char checker_moments_sql[] =
    "TRUNCATE dead_letter;"
    "WITH moved AS (DELETE FROM stream_event WHERE type = '" CHECKER_DEAD_LETTER "' RETURNING *)"
    "  INSERT INTO dead_letter SELECT event_id, subject::int FROM moved;"
    "TRUNCATE moment;"
    "INSERT INTO moment"
    "  SELECT o.id, row_number() OVER (PARTITION BY o.id"
    "    ORDER BY (t.entry->>'at')::timestamptz, t.applied), t.entry->>'event' || CASE"
    "    WHEN t.entry->>'event' = 'PartiallyShipped' THEN ' ' || (t.entry->>'detail') ELSE '' END"
    "  FROM orders.orders o, jsonb_array_elements(o.timeline) WITH ORDINALITY t(entry, applied);"
    "CREATE INDEX IF NOT EXISTS moment_order ON moment (order_id, event);"
    "ANALYZE moment; ANALYZE stream_event; ANALYZE client_log;";

/* Main's and the others', alike. */
#define ALL_STOCK                                                                                  \
    "SELECT sku, 'main' AS warehouse, received, returned, on_hand, reserved, shipped"              \
    "  FROM inventory.stock"                                                                       \
    " UNION ALL SELECT sku, warehouse, received, 0, on_hand, reserved, shipped"                    \
    "  FROM inventory.warehouse_stock"

/* What the cancelled pieces of `o` are worth, and what of it is never taken: money that is held at
   first, where an order was charged at once it is given back. */
#define CANCELLED_MINOR                                                                            \
    "(SELECT coalesce(sum(c.cancelled * c.unit_price_minor), 0)::int8 FROM orders.order_items c"   \
    "   WHERE c.order_id = o.id)"
#define NEVER_TAKEN "CASE WHEN o.steps & 64 <> 0 THEN " CANCELLED_MINOR " ELSE 0 END"

const struct invariant invariants[] = {
    {'A', "every 202 is an order",
     "SELECT key || ' ' || order_id FROM client_log l WHERE status = 202 AND NOT EXISTS"
     "  (SELECT FROM orders.orders o WHERE o.id = l.order_id::uuid)"},
    {'A', "every order was asked for",
     "SELECT o.id::text FROM orders.orders o"
     "  WHERE NOT EXISTS (SELECT FROM client_log l WHERE l.order_id = o.id::text)"
     "    AND NOT EXISTS (SELECT FROM orders.idempotency_keys k JOIN client_log l USING (key_hash)"
     "                    WHERE k.order_id = o.id)"},

    {'B', "a key and a body are always answered with the same order",
     "SELECT key FROM client_log WHERE status = 202 AND key <> '' GROUP BY key, kind"
     "  HAVING count(DISTINCT order_id) > 1"},
    {'B', "one order a key is fulfilled",
     "SELECT l.key FROM client_log l JOIN orders.orders o ON o.id::text = l.order_id"
     "  WHERE l.key <> '' AND o.status IN ('CONFIRMED', 'COMPLETED')"
     "  GROUP BY l.key HAVING count(DISTINCT o.id) > 1"},
    {'B', "a fulfilled order is the one its key stands for",
     "SELECT l.key FROM client_log l JOIN orders.orders o ON o.id::text = l.order_id"
     "  LEFT JOIN orders.idempotency_keys k ON k.tenant = o.tenant AND k.key_hash = l.key_hash"
     "  WHERE l.key <> '' AND o.status IN ('CONFIRMED', 'COMPLETED')"
     "    AND k.order_id IS DISTINCT FROM o.id"},

    {'C', "a fulfilled order is paid once, in full",
     "SELECT o.id::text FROM orders.orders o LEFT JOIN payments.payments p ON p.order_id = o.id"
     "  WHERE o.status IN ('CONFIRMED', 'COMPLETED') AND (p.status IS DISTINCT FROM"
     "      CASE WHEN o.steps & 128 <> 0 THEN 'UNCAPTURED' ELSE 'CAPTURED' END"
     "    OR p.amount_minor <> o.total_minor - " NEVER_TAKEN
     " OR p.currency <> o.currency OR p.charge_id IS NULL"
     "    OR (o.steps & 64 <> 0 AND p.authorized_minor IS DISTINCT FROM o.total_minor)"
     "    OR (o.steps & 192 = 64 AND p.captured_minor IS DISTINCT FROM"
     "      o.total_minor - " CANCELLED_MINOR "))"},
    {'C', "what was taken for cancelled pieces is given back",
     "SELECT o.id::text FROM orders.orders o WHERE o.status = 'COMPLETED' AND o.steps & 64 = 0"
     "  AND " CANCELLED_MINOR " <> (SELECT coalesce(sum(r.amount_minor), 0)"
     "    FROM orders.line_cancels l JOIN payments.refunds r ON r.id = l.id"
     "    WHERE l.order_id = o.id AND l.status = 'CANCELLED' AND r.status = 'REFUNDED')"},
    {'D', "what is cancelled of each line is what was asked for and not refused",
     "SELECT coalesce(i.order_id, l.order_id)::text || ' ' || coalesce(i.line, l.line)"
     "  FROM (SELECT * FROM orders.order_items WHERE cancelled > 0) i"
     "  FULL JOIN (SELECT order_id, line, sum(pieces) AS pieces FROM orders.line_cancels,"
     "      unnest(lines, quantities) u(line, pieces) WHERE status = 'CANCELLED'"
     "    GROUP BY order_id, line) l USING (order_id, line)"
     "  WHERE coalesce(i.cancelled, 0) <> coalesce(l.pieces, 0)"},
    {'E', "nobody waits for a wish to cancel pieces whose order has ended well",
     "SELECT l.id::text FROM orders.line_cancels l JOIN orders.orders o ON o.id = l.order_id"
     "  WHERE l.status = 'REQUESTED' AND o.status = 'COMPLETED'"},
    {'C', "an order that ended badly keeps no money",
     "SELECT o.id::text || ' ' || p.status FROM orders.orders o"
     "  JOIN payments.payments p ON p.order_id = o.id"
     "  WHERE o.status IN ('FAILED', 'CANCELLED')"
     "    AND p.status NOT IN ('DECLINED', 'REFUNDED', 'VOIDED', 'ABANDONED', 'RELEASED',"
     "      'WITHDRAWN')"},
    {'C', "a payment waits for its customer no longer than its order",
     "SELECT order_id::text FROM payments.actions a JOIN orders.orders o ON o.id = a.order_id"
     "  WHERE o.status IN ('COMPLETED', 'FAILED', 'CANCELLED')"
     "  UNION ALL SELECT order_id::text FROM payments.payments p WHERE"
     "    (status IN ('CHALLENGED', 'HOLD_CHALLENGED'))"
     "      <> EXISTS (SELECT FROM payments.actions a WHERE a.order_id = p.order_id)"},
    {'C', "whose customer was asked knows until when",
     "SELECT id::text FROM orders.orders"
     "  WHERE (steps & 256 <> 0) <> (action_until IS NOT NULL)"},
    {'C', "what was let go had been held, and was not taken",
     "SELECT p.order_id::text FROM payments.payments p JOIN orders.orders o ON o.id = p.order_id"
     "  WHERE p.status = 'RELEASED' AND (p.authorized_minor IS DISTINCT FROM o.total_minor"
     "    OR p.captured_minor IS NOT NULL OR p.charge_id IS NULL)"},
    {'C', "a refund gives back what was captured",
     "SELECT p.order_id::text FROM payments.payments p JOIN orders.orders o ON o.id = p.order_id"
     "  WHERE p.status = 'REFUNDED' AND (p.amount_minor <> o.total_minor"
     "    OR p.charge_id IS NULL OR p.refund_id IS NULL)"},
    {'C', "what is given back in part adds up, and is not more than was taken",
     "SELECT p.order_id::text || ' ' || p.refunded_minor FROM payments.payments p"
     "  LEFT JOIN (SELECT order_id, sum(amount_minor) FILTER (WHERE status <> 'REFUSED') AS asked,"
     "      sum(amount_minor) FILTER (WHERE status = 'REFUNDED') AS made,"
     "      count(*) FILTER (WHERE status = 'PENDING') AS open"
     "    FROM payments.refunds GROUP BY order_id) r USING (order_id)"
     "  JOIN orders.orders o ON o.id = p.order_id"
     "  WHERE coalesce(p.refunded_minor, 0) <> coalesce(r.asked, 0)"
     "    OR coalesce(p.refunded_minor, 0) > coalesce(p.captured_minor, p.amount_minor)"
     "    OR r.open > 0 OR (o.status = 'COMPLETED' AND"
     "      coalesce(o.refunded_minor, 0) <> coalesce(r.made, 0))"},
    {'C', "what was given back of each line is what the refunds of its pieces say",
     "SELECT coalesce(l.order_id, r.order_id)::text || ' ' || coalesce(l.line, r.line)"
     "  FROM payments.refunded_lines l FULL JOIN (SELECT order_id, line, sum(pieces) AS pieces"
     "    FROM payments.refunds, unnest(lines, quantities) u(line, pieces)"
     "    WHERE status <> 'REFUSED' GROUP BY order_id, line) r USING (order_id, line)"
     "  WHERE coalesce(l.refunded, 0) <> coalesce(r.pieces, 0)"},
    {'C', "no charge pays two orders",
     "SELECT charge_id FROM payments.payments WHERE charge_id <> ''"
     "  GROUP BY charge_id HAVING count(*) > 1"},
    {'C', "every payment belongs to an order",
     "SELECT order_id::text FROM payments.payments p WHERE NOT EXISTS"
     "  (SELECT FROM orders.orders o WHERE o.id = p.order_id)"},

    {'D', "received + returned = on hand + reserved + shipped, none negative",
     "SELECT sku || ' ' || warehouse FROM (" ALL_STOCK ") s"
     "  WHERE received + returned <> on_hand + reserved + shipped OR on_hand < 0 OR reserved < 0 "
     "OR shipped < "
     "0"},
    {'D', "what was received is the sum of the ledger's deltas",
     "SELECT s.sku || ' ' || s.warehouse FROM (" ALL_STOCK ") s LEFT JOIN ("
     "    SELECT sku, coalesce(warehouse, 'main') AS warehouse, sum(delta) AS total"
     "    FROM inventory.stock_adjustments GROUP BY 1, 2) ledger USING (sku, warehouse)"
     "  WHERE s.received <> coalesce(ledger.total, 0)"},
    {'D', "what is on hand again is what came back to be restocked",
     "SELECT coalesce(s.sku, back.sku) FROM inventory.stock s FULL JOIN ("
     "    SELECT o.sku, sum(i.restocked) AS restocked FROM orders.returns r"
     "    JOIN orders.return_items i ON i.return_id = r.id"
     "    JOIN orders.order_items o ON o.order_id = r.order_id AND o.line = i.line"
     "    GROUP BY o.sku) back USING (sku)"
     "  WHERE coalesce(s.returned, 0) <> coalesce(back.restocked, 0)"},
    {'D', "no more of a line comes back than was sent",
     "SELECT o.order_id::text || ' ' || o.line FROM orders.order_items o LEFT JOIN ("
     "    SELECT r.order_id, i.line, sum(CASE r.status WHEN 'REFUSED' THEN 0"
     "      WHEN 'REQUESTED' THEN i.quantity ELSE i.restocked + i.written_off END) AS pieces"
     "    FROM orders.returns r JOIN orders.return_items i ON i.return_id = r.id"
     "    GROUP BY r.order_id, i.line) back USING (order_id, line)"
     "  WHERE coalesce(o.coming_back, 0) <> coalesce(back.pieces, 0) OR back.pieces > "
     "o.quantity - coalesce(o.cancelled, 0)"},
    {'C', "what came back is given back",
     "SELECT r.id::text || ' ' || r.status FROM orders.returns r"
     "  LEFT JOIN payments.refunds p ON p.id = r.id AND p.status = 'REFUNDED'"
     "  WHERE r.status = 'RECEIVED' OR (r.status = 'RETURNED'"
     "    AND r.refunded_minor <> coalesce(p.amount_minor, 0))"
     "    OR (r.status IN ('REQUESTED', 'REFUSED') AND p.id IS NOT NULL)"},
    {'D', "reservations add up to what the stock says",
     "SELECT s.sku || ' ' || s.warehouse FROM (" ALL_STOCK ") s LEFT JOIN ("
     "    SELECT i.sku, coalesce(i.warehouse, 'main') AS warehouse,"
     "    coalesce(sum(i.quantity) FILTER (WHERE r.status IN ('RESERVED', 'ALLOCATED')), 0)"
     "      AS reserved,"
     "    coalesce(sum(i.quantity) FILTER (WHERE r.status = 'SHIPPED'), 0) AS shipped"
     "  FROM inventory.reservations r,"
     "    unnest(r.skus, r.quantities, r.warehouses) i(sku, quantity, warehouse)"
     "  GROUP BY 1, 2) held USING (sku, warehouse)"
     "  WHERE s.reserved <> coalesce(held.reserved, 0) OR s.shipped <> coalesce(held.shipped, 0)"},
    {'D', "a fulfilled order holds exactly its items",
     "SELECT o.id::text FROM orders.orders o LEFT JOIN inventory.reservations r"
     "    ON r.order_id = o.id AND r.status IN ('RESERVED', 'ALLOCATED', 'SHIPPED')"
     "  WHERE o.status IN ('CONFIRMED', 'COMPLETED') AND"
     "    (SELECT array_agg((i.sku, i.quantity) ORDER BY i.sku) FROM (SELECT sku,"
     "       sum(quantity - coalesce(cancelled, 0)) AS quantity FROM orders.order_items"
     "       WHERE order_id = o.id AND quantity > coalesce(cancelled, 0) GROUP BY sku) i)"
     "    IS DISTINCT FROM"
     "    (SELECT array_agg((i.sku, i.quantity) ORDER BY i.sku) FROM (SELECT l.sku, sum(l.quantity)"
     "       AS quantity FROM unnest(r.skus, r.quantities) l(sku, quantity) GROUP BY l.sku) i)"},
    {'D', "an order that ended badly holds nothing",
     "SELECT o.id::text || ' ' || r.status FROM orders.orders o"
     "  JOIN inventory.reservations r ON r.order_id = o.id"
     "  WHERE o.status IN ('FAILED', 'CANCELLED')"
     "    AND r.status IN ('RESERVED', 'ALLOCATED', 'SHIPPED')"},
    {'D', "every reservation belongs to an order",
     "SELECT order_id::text FROM inventory.reservations r WHERE NOT EXISTS"
     "  (SELECT FROM orders.orders o WHERE o.id = r.order_id)"},

    {'E', "every order is final",
     "SELECT id::text || ' ' || status FROM orders.orders"
     "  WHERE status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')"},
    {'E', "every order ends as its kind must",
     "SELECT l.key || ' ' || l.kind || ' ' || o.status || ' ' || coalesce(o.reason, '')"
     "  FROM client_log l JOIN orders.orders o ON o.id::text = l.order_id"
     "  WHERE (l.kind IN ('ok', 'held', 'asked') AND o.status <> 'COMPLETED')"
     "    OR (l.kind = 'declined' AND (o.status, o.reason) IS DISTINCT FROM"
     "        ('FAILED', 'payment_declined'))"
     "    OR (l.kind = 'stock' AND (o.status, o.reason) IS DISTINCT FROM"
     "        ('FAILED', 'out_of_stock'))"},

    {'F', "a completed order is shipped once, under the number it knows",
     "SELECT o.id::text FROM orders.orders o LEFT JOIN shipping.shipments s ON s.order_id = o.id"
     "  WHERE o.status = 'COMPLETED' AND (s.status IS DISTINCT FROM 'SHIPPED'"
     "    OR s.tracking_number IS DISTINCT FROM o.tracking_number)"},
    {'F', "of a completed order each warehouse that held some sent one parcel, as the order knows",
     "SELECT o.id::text FROM orders.orders o JOIN inventory.reservations r ON r.order_id = o.id"
     "  WHERE o.status = 'COMPLETED' AND r.warehouses IS NOT NULL AND"
     "    ((SELECT array_agg(DISTINCT w ORDER BY w) FROM unnest(r.warehouses) w) IS DISTINCT FROM"
     "     (SELECT array_agg(s.warehouse ORDER BY s.warehouse) FROM orders.shipments s"
     "        WHERE s.order_id = o.id AND s.tracking_number IS NOT NULL)"
     "    OR (SELECT count(DISTINCT w) FROM unnest(r.warehouses) w) > 1 AND"
     "     (SELECT array_agg((s.part, s.warehouse, s.tracking_number) ORDER BY s.part)"
     "        FROM orders.shipments s WHERE s.order_id = o.id) IS DISTINCT FROM"
     "     (SELECT array_agg((p.part, p.warehouse, p.tracking_number) ORDER BY p.part)"
     "        FROM shipping.parcels p WHERE p.order_id = o.id))"},
    {'F', "no parcel is left behind", "SELECT order_id::text FROM shipping.in_parts"},
    {'F', "an order that ended badly before shipping is not shipped",
     "SELECT o.id::text FROM orders.orders o JOIN shipping.shipments s ON s.order_id = o.id"
     "  WHERE o.status <> 'COMPLETED' AND s.status = 'SHIPPED'"},
    {'F', "customers hear of each turn once",
     "SELECT o.id::text || ' ' || told.kind FROM orders.orders o"
     "  JOIN (VALUES ('COMPLETED', 'confirmed'), ('COMPLETED', 'shipped'), ('FAILED', 'failed'),"
     "    ('CANCELLED', 'cancelled')) told(status, kind) ON told.status = o.status"
     "  WHERE NOT EXISTS (SELECT FROM notifications.notifications n"
     "    WHERE n.order_id = o.id AND n.kind = told.kind)"},
    {'F', "no event of an order is there twice under two ids",
     "SELECT subject || ' ' || type FROM stream_event"
     "  WHERE type <> 'inventory.product_changed' AND type NOT LIKE 'notification.%'"
     "    AND stream <> 'ADVISORIES' AND type <> 'order.returned'"
     "    AND type <> 'order.lines_cancelled' AND (type <> 'payment.refunded' OR subject NOT IN"
     "      (SELECT id::text FROM orders.orders WHERE status = 'COMPLETED' OR steps & 2048 <> 0))"
     "  GROUP BY subject, type HAVING count(DISTINCT event_id) > 1"},
    {'F', "no event id stands for two events",
     "SELECT event_id FROM stream_event WHERE type <> 'order.submit' GROUP BY event_id"
     "  HAVING count(DISTINCT (type, subject)) > 1"},

    {'G', "no event was rejected",
     /* A report that a newer one replaced while it was delivered is not an event. */
     "SELECT subject || ' ' || type FROM stream_event WHERE stream = 'ADVISORIES'"
     "  AND type NOT LIKE '%.max_deliver' AND subject NOT LIKE 'FAILURES/%'"
     "  AND NOT EXISTS (SELECT FROM poison)"},
    {'G', "what ran out of deliveries in hand was done at its last chance",
     "SELECT entry_id || ' ' || state FROM (SELECT DISTINCT ON (entry_id) entry_id, state"
     "    FROM dlq.chances ORDER BY entry_id, stream_sequence DESC) last"
     "  WHERE state <> 'passed' AND NOT EXISTS (SELECT FROM poison)"},
    {'G', "every poison is one dead letter",
     "SELECT entry FROM poison LEFT JOIN dead_letter USING (entry) GROUP BY entry"
     "  HAVING count(*) FILTER (WHERE generation = 1) <> 1"},
    {'G', "no failure is a dead letter twice",
     "SELECT entry || ' ' || generation FROM dead_letter GROUP BY entry, generation"
     "  HAVING count(*) > 1"},
    {'G', "nothing healthy is a dead letter",
     "SELECT entry FROM dead_letter EXCEPT SELECT entry FROM poison"},

    {'H', "nothing is in a timeline twice",
     "SELECT order_id::text || ' ' || event FROM moment WHERE event !~ "
     "'^Return|^OrderReturned|^Lines'"
     "  AND (event <> 'PaymentRefunded' OR order_id NOT IN"
     "    (SELECT id FROM orders.orders WHERE status = 'COMPLETED' OR steps & 2048 <> 0))"
     "  GROUP BY order_id, event HAVING count(*) > 1"},
    {'H', "every effect comes after its cause",
     "SELECT m.order_id::text || ' ' || m.event FROM moment m JOIN (VALUES"
     "    (NULL, 'InventoryReserved', 'OrderCreated'), (NULL, 'InventoryRejected', 'OrderCreated'),"
     "    (NULL, 'PaymentSucceeded', 'OrderCreated'), (NULL, 'PaymentFailed', 'OrderCreated'),"
     "    (NULL, 'PaymentAuthorized', 'OrderCreated'),"
     "    ('inventory-first', 'PaymentAuthorized', 'InventoryReserved'),"
     "    (NULL, 'CaptureRequested', 'OrderShipped'),"
     "    (NULL, 'PaymentCaptured', 'CaptureRequested'),"
     "    (NULL, 'CaptureFailed', 'CaptureRequested'),"
     "    (NULL, 'PaymentVoided', 'PaymentAuthorized'),"
     "    (NULL, 'PaymentActionRequired', 'OrderCreated'),"
     "    ('inventory-first', 'PaymentActionRequired', 'InventoryReserved'),"
     "    ('inventory-first', 'PaymentSucceeded', 'InventoryReserved'),"
     "    ('inventory-first', 'PaymentFailed', 'InventoryReserved'),"
     "    ('payment-first', 'InventoryReserved', 'PaymentSucceeded'),"
     "    ('payment-first', 'InventoryRejected', 'PaymentSucceeded'),"
     "    (NULL, 'OrderConfirmed', 'PaymentSucceeded'),"
     "    (NULL, 'OrderConfirmed', 'InventoryReserved'), (NULL, 'OrderShipped', 'OrderConfirmed'),"
     "    (NULL, 'ShippingFailed', 'OrderConfirmed'), (NULL, 'OrderCompleted', 'OrderShipped'),"
     "    (NULL, 'StopRequested', 'OrderConfirmed'), (NULL, 'ShippingStopped', 'StopRequested'),"
     "    (NULL, 'OrderCancelled', 'CancelRequested'),"
     "    (NULL, 'ReturnRequested', 'OrderCompleted'), (NULL, 'OrderReturned', 'ReturnRequested'),"
     "    (NULL, 'ReturnRefused', 'ReturnRequested'),"
     "    (NULL, 'LinesStopRequested', 'OrderConfirmed'),"
     "    (NULL, 'LinesStopRequested', 'LinesCancelRequested'),"
     "    (NULL, 'LinesCancelled', 'LinesCancelRequested'),"
     "    (NULL, 'LinesCancelled', 'OrderConfirmed'),"
     "    (NULL, 'LinesNotCancelled', 'LinesStopRequested'),"
     "    (NULL, 'InventoryReleased', 'InventoryReserved'),"
     "    (NULL, 'PaymentRefunded', 'PaymentSucceeded'))"
     "    rule(flow, event, cause) ON rule.event = m.event"
     "  JOIN orders.orders o ON o.id = m.order_id AND coalesce(rule.flow, o.flow) = o.flow"
     "  LEFT JOIN moment c ON c.order_id = m.order_id AND c.nth < m.nth AND (c.event = rule.cause"
     "    OR (rule.cause = 'PaymentSucceeded' AND c.event = 'PaymentAuthorized'))"
     "  WHERE c.order_id IS NULL"},
    {'H', "compensation follows the end it compensates",
     "SELECT m.order_id::text || ' ' || m.event FROM moment m"
     "  WHERE m.event IN ('InventoryReleased', 'PaymentRefunded', 'PaymentVoided') AND NOT EXISTS"
     "    (SELECT FROM moment c WHERE c.order_id = m.order_id AND c.nth < m.nth"
     "       AND (c.event IN ('OrderFailed', 'OrderCancelled')"
     "         OR (c.event IN ('OrderCompleted', 'LinesCancelled') AND m.event = "
     "'PaymentRefunded')))"},
    {'H', "an order ends once, and its status says how",
     "SELECT o.id::text || ' ' || o.status FROM orders.orders o LEFT JOIN moment m"
     "    ON m.order_id = o.id AND m.event IN ('OrderCompleted', 'OrderFailed', 'OrderCancelled')"
     "  WHERE o.status IN ('COMPLETED', 'FAILED', 'CANCELLED')"
     "  GROUP BY o.id, o.status"
     "  HAVING array_agg(m.event) <> ARRAY['Order' || initcap(o.status)]"
     "    OR count(m.event) <> 1"},
    {'H', "a failed order has the failure its reason names",
     "SELECT o.id::text || ' ' || coalesce(o.reason, 'no reason') FROM orders.orders o"
     "  LEFT JOIN (VALUES ('out_of_stock', 'InventoryRejected'),"
     "    ('payment_declined', 'PaymentFailed'), ('shipping_failed', 'ShippingFailed'))"
     "    rule(reason, cause) USING (reason)"
     "  WHERE o.status = 'FAILED' AND (o.reason IS NULL OR (rule.cause IS NOT NULL AND NOT EXISTS"
     "    (SELECT FROM moment m WHERE m.order_id = o.id AND m.event = rule.cause)))"},

    {'I', "analytics counts each order once, under its status",
     "SELECT concat_ws(' ', granularity, status, o.n, c.n) FROM"
     "    (SELECT granularity, status, count(*) AS n FROM orders.orders,"
     "      unnest('{minute,hour,day}'::text[]) granularity GROUP BY granularity, status) o"
     "  FULL JOIN"
     "    (SELECT granularity, label AS status, sum(value) AS n FROM analytics.counts"
     "      WHERE measure = 'status' GROUP BY granularity, label HAVING sum(value) <> 0) c"
     "  USING (granularity, status) WHERE o.n IS DISTINCT FROM c.n"},
    {'I', "revenue is what the fulfilled orders came to",
     "SELECT concat_ws(' ', granularity, currency, o.minor, c.minor) FROM"
     "    (SELECT granularity, currency, sum(total_minor - coalesce(refunded_minor, 0)"
     "        - " NEVER_TAKEN ") AS minor FROM orders.orders o,"
     "      unnest('{minute,hour,day}'::text[]) granularity"
     "      WHERE status IN ('CONFIRMED', 'COMPLETED') AND steps & 128 = 0"
     "      GROUP BY granularity, currency) o"
     "  FULL JOIN"
     "    (SELECT granularity, label AS currency,"
     "        sum(CASE measure WHEN 'refunded' THEN -value ELSE value END) AS minor"
     "      FROM analytics.counts WHERE measure IN ('captured', 'refunded')"
     "      GROUP BY granularity, label) c"
     "  USING (granularity, currency) WHERE coalesce(o.minor, 0) <> coalesce(c.minor, 0)"},
    {'I', "every completed order earned its points, and no other did",
     "SELECT coalesce(o.id, p.order_id)::text FROM"
     "    (SELECT * FROM orders.orders WHERE status = 'COMPLETED'"
     "      AND (refunded_minor IS NULL OR refunded_minor < total_minor)) o"
     "  FULL JOIN (SELECT * FROM loyalty.points WHERE status = 'EARNED') p ON p.order_id = o.id"
     "  WHERE (o.tenant, o.customer_id, (o.total_minor - coalesce(o.refunded_minor, 0)"
     "    - " NEVER_TAKEN ") / 100)"
     "    IS DISTINCT FROM (p.tenant, p.customer_id, p.points)"},
    {'I', "a customer's balance is the sum of its points",
     "SELECT concat_ws(' ', tenant, customer_id, b.points, p.points) FROM loyalty.balances b"
     "  FULL JOIN (SELECT tenant, customer_id, sum(points) AS points FROM loyalty.points"
     "    WHERE status = 'EARNED' GROUP BY tenant, customer_id) p USING (tenant, customer_id)"
     "  WHERE coalesce(b.points, 0) <> coalesce(p.points, 0)"},
};

const size_t invariant_count = sizeof(invariants) / sizeof(invariants[0]);

const struct invariant whole_stream_invariants[] = {
    {'F', "what became of each notice is announced once",
     "SELECT order_id::text || ' ' || r.status || ' ' || r.n || ', ' || coalesce(e.n, 0)"
     "  FROM (SELECT order_id, CASE status WHEN 'SENT' THEN status ELSE 'FAILED' END AS status,"
     "    count(*) AS n FROM notifications.notifications WHERE kind <> 'returned' GROUP BY 1, 2) r"
     "  LEFT JOIN (SELECT subject, type, count(DISTINCT event_id) AS n FROM stream_event"
     "    WHERE stream = 'NOTIFICATIONS' GROUP BY subject, type) e"
     "    ON e.subject = r.order_id::text AND e.type = 'notification.' || lower(r.status)"
     "  WHERE r.n IS DISTINCT FROM e.n"},
    {'F', "every event of a completed order is in its stream",
     "SELECT o.id::text || ' ' || due.type FROM orders.orders o CROSS JOIN (VALUES"
     "    ('order.submit'), ('order.created'), ('inventory.reserved'), ('payment.succeeded'),"
     "    ('order.confirmed'), ('shipping.shipped'), ('order.completed')) due(type)"
     "  WHERE o.status = 'COMPLETED' AND (due.type <> 'payment.succeeded' OR o.steps & 64 = 0)"
     "  EXCEPT SELECT subject || ' ' || type FROM stream_event"},
    {'F', "every event of the money of an order that was paid once it was shipped is in its stream",
     "SELECT o.id::text || ' ' || due.type FROM orders.orders o CROSS JOIN (VALUES"
     "    ('payment.authorized', 64), ('order.capture_requested', 64),"
     "    ('payment.captured', 66), ('payment.capture_failed', 192)) due(type, steps)"
     "  WHERE o.status = 'COMPLETED' AND o.steps & due.steps = due.steps"
     "  EXCEPT SELECT subject || ' ' || type FROM stream_event"},
    {'F', "every order whose pieces were cancelled told of them",
     "SELECT id::text || ' order.lines_cancelled' FROM orders.orders"
     "  WHERE steps & 2048 <> 0 AND status = 'COMPLETED'"
     "  EXCEPT SELECT subject || ' ' || type FROM stream_event"},
    {'F', "every question to a customer is in its stream",
     "SELECT id::text || ' payment.action_required' FROM orders.orders WHERE steps & 256 <> 0"
     "  EXCEPT SELECT subject || ' ' || type FROM stream_event"},
    {'F', "every order that ended badly was announced",
     "SELECT id::text || ' order.' || lower(status) FROM orders.orders"
     "  WHERE status IN ('FAILED', 'CANCELLED')"
     "  EXCEPT SELECT subject || ' ' || type FROM stream_event"},
};

const size_t whole_stream_invariant_count =
    sizeof(whole_stream_invariants) / sizeof(whole_stream_invariants[0]);
