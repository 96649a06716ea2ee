-- Orders in parts: several warehouses give what one order wants, and each sends a parcel of its own.

-- Orders whose parcels have not all left. Whether an order is shipped is decided once, by its row in shipments; this is how far it is.
CREATE TABLE shipping.in_parts (
    order_id uuid PRIMARY KEY REFERENCES shipping.shipments,
    snapshot text NOT NULL,       -- of the order, with its allocations
    cause_id uuid NOT NULL,       -- the order.confirmed
    correlation_id text NOT NULL,
    traceparent text NOT NULL,
    sent int NOT NULL DEFAULT 0 CHECK (sent >= 0), -- parcels that have left
    due_at timestamptz NOT NULL DEFAULT now()      -- of the next one
) WITH (fillfactor = 50);
CREATE INDEX ON shipping.in_parts (due_at);

-- The parcels of orders in parts that have left.
CREATE TABLE shipping.parcels (
    order_id uuid NOT NULL REFERENCES shipping.shipments,
    part int NOT NULL CHECK (part > 0),
    warehouse text NOT NULL,
    tracking_number text NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, part)
);

-- What the order service knows of them, from the reservation on. Orders that main serves alone have none.
CREATE TABLE orders.shipments (
    order_id uuid NOT NULL,
    part int NOT NULL CHECK (part > 0),
    warehouse text NOT NULL,
    items jsonb NOT NULL, -- [{"sku","quantity"}]
    carrier text,         -- null until it has left, as is the rest
    tracking_number text,
    shipped_at timestamptz,
    PRIMARY KEY (order_id, part),
    CHECK ((shipped_at IS NULL) = (tracking_number IS NULL))
);

COMMENT ON COLUMN orders.orders.steps IS
    'bits: 1 reserved, 2 paid, 4 shipped, 8 cancel wanted, 16 overdue, 32 pays on shipment, 64 authorized, 128 capture refused, 512 allocated, 1024 part shipped';
