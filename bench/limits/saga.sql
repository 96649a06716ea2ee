-- A batch of :n orders through the whole saga. Each BEGIN ... COMMIT is one service's transaction,
-- each DELETE of outbox rows one pass of its relay. Orders a second = tps x n.
-- pgbench -n -M prepared -f saga.sql -D n=1   -c 8 -j 2 -T 10
-- pgbench -n -M prepared -f saga.sql -D n=256 -c 4 -j 2 -T 10
\set number random(1, 9000000000000000)

-- the orders arrive
BEGIN;
INSERT INTO bench_limit.batch SELECT :number, gen_random_uuid() FROM generate_series(1, :n);
COMMIT;

-- order: stored, created
BEGIN;
WITH arrived AS MATERIALIZED (
    SELECT order_id AS id FROM bench_limit.batch WHERE number = :number
), stored AS (
    INSERT INTO bench_limit.orders SELECT id, 7, 0, 1234, 'k' FROM arrived
), lines AS (
    INSERT INTO bench_limit.order_items
    SELECT id, line, (random() * 999)::int + 1, 1, 100 FROM arrived, generate_series(1, 2) AS line
)
INSERT INTO bench_limit.outbox (order_id, subject, payload)
SELECT id, 'orders.evt.created', convert_to(repeat('x', 256), 'UTF8') FROM arrived;
COMMIT;
BEGIN;
DELETE FROM bench_limit.outbox
WHERE order_id = ANY (ARRAY(SELECT order_id FROM bench_limit.batch WHERE number = :number));
COMMIT;

-- inventory: reserved
BEGIN;
WITH arrived AS MATERIALIZED (
    SELECT order_id AS id FROM bench_limit.batch WHERE number = :number
), fresh AS (
    INSERT INTO bench_limit.inbox SELECT 1, id FROM arrived ON CONFLICT DO NOTHING
    RETURNING event_id
), reserved AS (
    INSERT INTO bench_limit.reservations SELECT event_id, 1 FROM fresh
), wanted AS (
    SELECT sku, sum(quantity) AS quantity FROM bench_limit.order_items
    WHERE order_id = ANY (ARRAY(SELECT event_id FROM fresh))
    GROUP BY sku ORDER BY sku
), taken AS (
    UPDATE bench_limit.stock
    SET on_hand = on_hand - wanted.quantity, reserved = reserved + wanted.quantity
    FROM wanted WHERE stock.sku = wanted.sku
)
INSERT INTO bench_limit.outbox (order_id, subject, payload)
SELECT event_id, 'inventory.evt.reserved', convert_to(repeat('x', 256), 'UTF8') FROM fresh;
COMMIT;
BEGIN;
DELETE FROM bench_limit.outbox
WHERE order_id = ANY (ARRAY(SELECT order_id FROM bench_limit.batch WHERE number = :number));
COMMIT;

-- payment: charged
BEGIN;
WITH arrived AS MATERIALIZED (
    SELECT order_id AS id FROM bench_limit.batch WHERE number = :number
), fresh AS (
    INSERT INTO bench_limit.inbox SELECT 2, id FROM arrived ON CONFLICT DO NOTHING
    RETURNING event_id
), charged AS (
    INSERT INTO bench_limit.payments SELECT event_id, 1234, 1 FROM fresh
)
INSERT INTO bench_limit.outbox (order_id, subject, payload)
SELECT event_id, 'payments.evt.succeeded', convert_to(repeat('x', 256), 'UTF8') FROM fresh;
COMMIT;
BEGIN;
DELETE FROM bench_limit.outbox
WHERE order_id = ANY (ARRAY(SELECT order_id FROM bench_limit.batch WHERE number = :number));
COMMIT;

-- shipping: shipped
BEGIN;
WITH arrived AS MATERIALIZED (
    SELECT order_id AS id FROM bench_limit.batch WHERE number = :number
), fresh AS (
    INSERT INTO bench_limit.inbox SELECT 3, id FROM arrived ON CONFLICT DO NOTHING
    RETURNING event_id
), shipped AS (
    INSERT INTO bench_limit.shipments SELECT event_id, 1 FROM fresh
)
INSERT INTO bench_limit.outbox (order_id, subject, payload)
SELECT event_id, 'shipping.evt.shipped', convert_to(repeat('x', 256), 'UTF8') FROM fresh;
COMMIT;
BEGIN;
DELETE FROM bench_limit.outbox
WHERE order_id = ANY (ARRAY(SELECT order_id FROM bench_limit.batch WHERE number = :number));
COMMIT;

-- notification: sent
BEGIN;
WITH arrived AS MATERIALIZED (
    SELECT order_id AS id FROM bench_limit.batch WHERE number = :number
), fresh AS (
    INSERT INTO bench_limit.inbox SELECT 4, id FROM arrived ON CONFLICT DO NOTHING
    RETURNING event_id
)
INSERT INTO bench_limit.notifications SELECT event_id, 1 FROM fresh;
COMMIT;

-- order: completed
BEGIN;
WITH fresh AS (
    INSERT INTO bench_limit.inbox
    SELECT 5, order_id FROM bench_limit.batch WHERE number = :number ON CONFLICT DO NOTHING
    RETURNING event_id
)
UPDATE bench_limit.orders SET status = 3
WHERE id = ANY (ARRAY(SELECT event_id FROM fresh));
COMMIT;

DELETE FROM bench_limit.batch WHERE number = :number;
