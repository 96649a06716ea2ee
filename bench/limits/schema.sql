-- The tables behind the database limits: what every saga of this shape has to write, and no more.
-- Made afresh before each run: psql -f schema.sql
DROP SCHEMA IF EXISTS bench_limit CASCADE;
CREATE SCHEMA bench_limit;
SET search_path = bench_limit;

CREATE TABLE orders (
    id uuid PRIMARY KEY,
    customer_id int NOT NULL,
    status int NOT NULL,
    total_minor bigint NOT NULL,
    idempotency_key text
) WITH (fillfactor = 80);

CREATE TABLE order_items (
    order_id uuid,
    line int,
    sku int NOT NULL,
    quantity int NOT NULL,
    unit_price_minor bigint NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE stock (
    sku int PRIMARY KEY,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE reservations (order_id uuid PRIMARY KEY, status int NOT NULL);

CREATE TABLE payments (
    order_id uuid PRIMARY KEY,
    amount_minor bigint NOT NULL,
    status int NOT NULL
);

CREATE TABLE shipments (order_id uuid PRIMARY KEY, status int NOT NULL);

CREATE TABLE notifications (order_id uuid PRIMARY KEY, status int NOT NULL);

CREATE TABLE inbox (consumer int, event_id uuid, PRIMARY KEY (consumer, event_id));

CREATE TABLE outbox (
    id bigserial PRIMARY KEY,
    order_id uuid NOT NULL,
    subject text NOT NULL,
    payload bytea NOT NULL
);
CREATE INDEX ON outbox (order_id);

-- The orders of one run of saga.sql, standing in for the events that carry them between services.
CREATE TABLE batch (number bigint, order_id uuid);
CREATE INDEX ON batch (number);

INSERT INTO stock (sku, on_hand) SELECT sku, 1000000000000 FROM generate_series(1, 1000) AS sku;
