-- The dead letters of one order, newest first.
CREATE INDEX ON dlq.entries (order_id, failed_at, id) WHERE order_id IS NOT NULL;
