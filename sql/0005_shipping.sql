-- The shipping service.
SELECT om.create_messaging('shipping');

CREATE TABLE shipping.shipments (
    order_id uuid PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('SHIPPED', 'FAILED')),
    carrier text NOT NULL,
    tracking_number text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
