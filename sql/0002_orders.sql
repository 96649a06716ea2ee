-- The order service. Statuses and reasons are those of shared/order_terms.h.
SELECT om.create_messaging('orders');

CREATE TABLE orders.orders (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    customer_id text NOT NULL,
    flow text NOT NULL,
    status text NOT NULL
        CHECK (status IN ('PENDING', 'CONFIRMED', 'COMPLETED', 'FAILED', 'CANCELLED')),
    reason text,
    steps smallint NOT NULL DEFAULT 0, -- bits: 1 reserved, 2 paid, 4 shipped
    currency text NOT NULL,
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    payment_method text NOT NULL,
    sealed text NOT NULL DEFAULT '',
    tracking_number text,
    correlation_id text NOT NULL,
    traceparent text NOT NULL,
    timeline jsonb NOT NULL, -- [{"at": RFC 3339, "event": "OrderCreated"}, ...] as applied
    accepted_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    version int NOT NULL DEFAULT 1
) WITH (fillfactor = 40); -- three updates in its life, each on the same page (HOT)

CREATE TABLE orders.order_items (
    order_id uuid NOT NULL,
    line smallint NOT NULL,
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    PRIMARY KEY (order_id, line)
);

-- The truth behind the Redis guard: which order a key stands for, for 24 hours.
CREATE TABLE orders.idempotency_keys (
    tenant text NOT NULL,
    key_hash bytea NOT NULL,
    order_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key_hash)
);
CREATE INDEX ON orders.idempotency_keys (created_at);

-- Prices, copied from inventory.product_changed events.
CREATE TABLE orders.catalog (
    sku text PRIMARY KEY,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL
);
