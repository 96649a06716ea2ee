-- One order a transaction: the order, two lines and one outbox row. Orders a second = tps.
-- pgbench -n -M prepared -f accept.sql -c 32 -j 2 -T 10
\set customer random(1, 100000)
WITH new_order AS (
    SELECT gen_random_uuid() AS id
), stored AS (
    INSERT INTO bench_limit.orders SELECT id, :customer, 0, 1234, 'k' FROM new_order
), lines AS (
    INSERT INTO bench_limit.order_items
    SELECT id, line, line, 1, 100 FROM new_order, generate_series(1, 2) AS line
)
INSERT INTO bench_limit.outbox (order_id, subject, payload)
SELECT id, 'orders.evt.created', convert_to(repeat('x', 256), 'UTF8') FROM new_order;
