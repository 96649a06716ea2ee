-- A batch of :n events through one consumer: inbox, effect, outbox, in one transaction, without the
-- events themselves. Events a second = tps x n. The payload is as long as what ours writes.
-- pgbench -n -M prepared -f consume.sql -D n=256 -c 1 -T 10
BEGIN;
WITH arrived AS MATERIALIZED (
    SELECT gen_random_uuid() AS id FROM generate_series(1, :n)
), fresh AS (
    INSERT INTO bench_limit.inbox SELECT 1, id FROM arrived ON CONFLICT DO NOTHING
    RETURNING event_id
), effect AS (
    INSERT INTO bench_limit.reservations SELECT event_id, 1 FROM fresh
)
INSERT INTO bench_limit.outbox (order_id, subject, payload)
SELECT event_id, 'inventory.evt.released', convert_to(repeat('x', 256), 'UTF8') FROM fresh;
COMMIT;
