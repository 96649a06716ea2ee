-- Orders that were completed within the last ninety days, in every table that keeps them, and of the
-- last seven days their rows of inbox and outbox. No service may run.
-- psql -v rows=10000000 -f old_orders.sql
\set ON_ERROR_STOP on
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET timezone = 'UTC';

-- Filled to the brim: they are not updated any more, and the disk is not ours alone.
ALTER TABLE orders.orders SET (fillfactor = 100);
ALTER TABLE inventory.reservations SET (fillfactor = 100);
ALTER TABLE payments.payments SET (fillfactor = 100);
ALTER TABLE analytics.order_facts SET (fillfactor = 100);

-- Version 7's form, so that indexes grow at their end as they do by use.
CREATE FUNCTION pg_temp.old_id(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
            || '8' || right(lpad(to_hex(n), 15, '0'), 15))::uuid
$$;

-- Accepted evenly, from ninety days to one day ago. One in twenty was out of stock.
CREATE TEMP TABLE old_order AS
SELECT pg_temp.old_id(at, n) AS id, n, at, 'C' || n % 100000 AS customer_id, n % 20 = 0 AS is_failed
FROM (SELECT n, now() - interval '90 days' + (interval '89 days' / :rows) * n AS at
      FROM generate_series(1, :rows) AS n) AS numbered;

INSERT INTO orders.orders (id, tenant, customer_id, flow, status, reason, steps, currency, total_minor,
    payment_method, sealed, tracking_number, correlation_id, traceparent, timeline, accepted_at, taken_at,
    updated_at, version)
SELECT id, 'default', customer_id, 'inventory-first', CASE WHEN is_failed THEN 'FAILED' ELSE 'COMPLETED' END,
       CASE WHEN is_failed THEN CASE WHEN n % 1000 = 0 THEN 'shipping_failed' ELSE 'out_of_stock' END END,
       CASE WHEN is_failed THEN 0 ELSE 7 END, 'USD', 6998,
       'pm_card_visa', repeat('A', 78), CASE WHEN NOT is_failed THEN 'OM' || n END, id::text,
       '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
       (SELECT jsonb_agg(jsonb_build_object('at', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'event', event))
        FROM unnest(CASE WHEN is_failed THEN ARRAY['OrderCreated', 'InventoryRejected', 'OrderFailed']
                         ELSE ARRAY['OrderCreated', 'InventoryReserved', 'PaymentSucceeded', 'OrderConfirmed',
                                    'OrderShipped', 'OrderCompleted'] END) AS event),
       at, at, at, 4
FROM old_order;

INSERT INTO orders.order_items
SELECT id, line, CASE line WHEN 1 THEN 'TSHIRT-BLK-M' ELSE 'PROD-101' END, 1, line * 1000 + 999
FROM old_order, generate_series(1, 2) AS line;

INSERT INTO inventory.reservations
SELECT id, CASE WHEN is_failed THEN 'REJECTED' ELSE 'SHIPPED' END, '{PROD-101,TSHIRT-BLK-M}', '{1,1}',
       CASE WHEN is_failed THEN 'out_of_stock' END, at
FROM old_order;

INSERT INTO payments.payments
SELECT id, 'CAPTURED', 6998, 'USD', 'pm_card_visa', 'ch_' || n, NULL, NULL, at
FROM old_order WHERE NOT is_failed;

INSERT INTO shipping.shipments SELECT id, 'SHIPPED', 'simulated', 'OM' || n, at FROM old_order WHERE NOT is_failed;

INSERT INTO notifications.notifications (order_id, kind, channel, status, created_at)
SELECT id, kind, 'log', 'SENT', at
FROM old_order, unnest(CASE WHEN is_failed THEN ARRAY['failed'] ELSE ARRAY['confirmed', 'shipped'] END) AS kind;

INSERT INTO analytics.order_facts (order_id, created_us, rejected_us, reserved_us, paid_us, confirmed_us, shipped_us,
    completed_us, failed_us, notified_us, flow, reason, captured_minor, captured_currency)
SELECT id, us, CASE WHEN is_failed THEN us ELSE 0 END, done_us, done_us, done_us, done_us, done_us,
       CASE WHEN is_failed THEN us ELSE 0 END, us, 'inventory-first',
       CASE WHEN is_failed THEN 'out_of_stock' ELSE '' END, CASE WHEN is_failed THEN 0 ELSE 6998 END,
       CASE WHEN is_failed THEN '' ELSE 'USD' END
FROM (SELECT *, (extract(epoch FROM at) * 1000000)::bigint AS us,
             CASE WHEN is_failed THEN 0 ELSE (extract(epoch FROM at) * 1000000)::bigint END AS done_us
      FROM old_order) AS timed;

-- What they are found by. One in a thousand of those that failed did so for a rare reason.
INSERT INTO analytics.order_terms
SELECT term, (extract(epoch FROM at) * 1000000)::bigint, id, 6998
FROM (SELECT analytics.term_of(kind, tenant, value) AS term, kind, value
      FROM (VALUES ('s', 'default', 'TSHIRT-BLK-M'), ('s', 'default', 'PROD-101'),
                   ('a', 'default', 'USD' || analytics.amount_class(6998)), ('e', 'default', 'FAILED'),
                   ('r', 'default', 'out_of_stock'), ('r', 'default', 'shipping_failed')) AS known(kind, tenant, value)) AS common,
     old_order
WHERE kind IN ('s', 'a') OR is_failed AND value <> CASE WHEN n % 1000 = 0 THEN 'out_of_stock' ELSE 'shipping_failed' END;
INSERT INTO analytics.order_terms
SELECT analytics.term_of(kind, '', prefix || n), 0, id, 0
FROM old_order, (VALUES ('t', 'OM'), ('p', 'ch_')) AS reference(kind, prefix) WHERE NOT is_failed;

-- As analytics counts: by status, revenue, facts, and the bins of some latencies.
INSERT INTO analytics.counts
SELECT granularity, date_trunc(granularity, minute), measure, label, bin, sum(n)
FROM (SELECT date_trunc('minute', at) AS minute, count(*) AS n FROM old_order GROUP BY 1) AS by_minute,
     unnest('{minute,hour,day}'::text[]) AS granularity,
     (VALUES ('status', 'COMPLETED', 0), ('captured', 'USD', 0), ('fact', 'created', 0), ('fact', 'completed', 0),
             ('latency', 'order', 40), ('latency', 'order', 44), ('latency', 'payment', 40),
             ('latency', 'shipping', 40)) AS counted(measure, label, bin)
GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (granularity, at, measure, label, bin) DO UPDATE SET value = counts.value + excluded.value;

INSERT INTO loyalty.points
SELECT id, 'default', customer_id, 69, 'EARNED', at FROM old_order WHERE NOT is_failed;
INSERT INTO loyalty.balances
SELECT 'default', customer_id, sum(69), max(at) FROM old_order WHERE NOT is_failed GROUP BY customer_id
ON CONFLICT (tenant, customer_id) DO UPDATE SET points = balances.points + excluded.points;

-- Keys live for a day: those of the last one.
INSERT INTO orders.idempotency_keys (tenant, key_hash, order_id, created_at)
SELECT 'default', sha256(convert_to(id::text, 'UTF8')), id, now() - interval '24 hours' * random()
FROM old_order WHERE n > :rows - :rows / 90;

-- One in a thousand was a dead letter once, and was replayed; a few wait.
INSERT INTO dlq.entries (id, stream, consumer, event_id, order_id, type, subject, stream_sequence, dlq_sequence,
    generation, status, reason, error_code, error, deliveries, service, replay_sequence, first_failed_at, failed_at)
SELECT 'ORDERS.notification.' || id, 'ORDERS', 'notification', id, id, 'order.confirmed', 'orders.evt.confirmed', n, n,
       1, CASE WHEN n % 100000 = 0 THEN 'dead' ELSE 'resolved' END, 'max_deliveries', 'crypto', 'cannot be opened', 4,
       'notification', n, at, at
FROM old_order WHERE n % 1000 = 0;
INSERT INTO dlq.failures
SELECT stream, consumer, stream_sequence, id, 1, dlq_sequence, reason, error_code, error, deliveries, failed_at
FROM dlq.entries WHERE error = 'cannot be opened'
ON CONFLICT DO NOTHING;
INSERT INTO dlq.reports
SELECT stream, consumer, stream_sequence, 'DONE', 1, '{}', greatest(failed_at, now() - interval '7 days')
FROM dlq.entries WHERE error = 'cannot be opened'
ON CONFLICT DO NOTHING;

-- Inbox and outbox are kept for eight days, a partition each. Old rows lie in theirs.
SELECT om.make_partition('orders', parent, current_date - back)
FROM unnest('{inbox,outbox}'::text[]) AS parent, generate_series(2, 7) AS back
WHERE to_regclass(format('orders.%s_%s', parent, to_char(current_date - back, 'YYYYMMDD'))) IS NULL;
INSERT INTO orders.inbox (event_id, consumer, taken_at)
SELECT pg_temp.old_id(recent, n), 'PAYMENTS/order', recent
FROM (SELECT n, now() - interval '6 days' * (1 - n::float8 / :rows) - interval '1 day' AS recent FROM old_order) AS moved
ON CONFLICT DO NOTHING;
INSERT INTO orders.outbox (created_at, event_id, subject, traceparent, payload)
SELECT now() - interval '6 days' * (1 - n::float8 / :rows) - interval '1 day', id, 'orders.evt.completed', '',
       convert_to(repeat('x', 200), 'UTF8')
FROM old_order;
-- All of it was relayed.
UPDATE orders.outbox_cursor SET next_xid = pg_snapshot_xmax(pg_current_snapshot()), holes = '{}';

DROP TABLE old_order;
ALTER TABLE orders.orders SET (fillfactor = 40);
ALTER TABLE inventory.reservations SET (fillfactor = 50);
ALTER TABLE payments.payments SET (fillfactor = 50);
ALTER TABLE analytics.order_facts SET (fillfactor = 40);
-- As autovacuum has done by then.
VACUUM ANALYZE;
CHECKPOINT;
