-- The loyalty service.
SELECT om.create_messaging('loyalty');

-- The ledger: an order's points are earned once and returned once. RETURNED without a customer is a
-- tombstone: the order was refunded before it completed, and earns nothing later.
CREATE TABLE loyalty.points (
    order_id uuid PRIMARY KEY,
    tenant text,
    customer_id text,
    points bigint NOT NULL CHECK (points >= 0),
    status text NOT NULL CHECK (status IN ('EARNED', 'RETURNED')),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (customer_id IS NOT NULL AND tenant IS NOT NULL OR status = 'RETURNED' AND points = 0)
) WITH (fillfactor = 80);

-- The sum of each customer's earned points.
CREATE TABLE loyalty.balances (
    tenant text NOT NULL,
    customer_id text NOT NULL,
    points bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, customer_id)
) WITH (fillfactor = 50);
