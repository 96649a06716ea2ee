-- Wishes to cancel that came before their order: each waits here for it, and cancels it as soon as it
-- is there. One whose order does not come within a day is dropped.
CREATE TABLE orders.early_cancels (
    order_id uuid NOT NULL,
    tenant text NOT NULL,
    event_id uuid NOT NULL,
    correlation_id text NOT NULL,
    traceparent text NOT NULL,
    wanted_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, tenant)
);
CREATE INDEX ON orders.early_cancels (wanted_at);
