-- The inventory service: the catalog, stock and reservations.
SELECT om.create_messaging('inventory');

CREATE TABLE inventory.products (
    sku text PRIMARY KEY,
    name text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    currency text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Conservation is a constraint: what came in is on hand, reserved or shipped.
CREATE TABLE inventory.stock (
    sku text PRIMARY KEY REFERENCES inventory.products,
    received bigint NOT NULL CHECK (received >= 0),
    on_hand bigint NOT NULL CHECK (on_hand >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    shipped bigint NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    CHECK (received = on_hand + reserved + shipped)
) WITH (fillfactor = 50);

-- RELEASED without items is a tombstone: the release came first and refuses the late reservation.
CREATE TABLE inventory.reservations (
    order_id uuid PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('RESERVED', 'REJECTED', 'RELEASED', 'SHIPPED')),
    skus text[] NOT NULL,
    quantities bigint[] NOT NULL,
    reason text,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
