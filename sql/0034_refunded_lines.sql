-- Refunds by lines: which pieces of an order were given back, so that no piece is paid back twice, however often and by whomever.
CREATE TABLE payments.refunded_lines (
    order_id uuid NOT NULL REFERENCES payments.payments (order_id),
    line smallint NOT NULL,                              -- orders.order_items.line
    quantity bigint NOT NULL CHECK (quantity > 0),       -- pieces that were ordered, without those cancelled
    refunded bigint NOT NULL CHECK (refunded BETWEEN 0 AND quantity),
    PRIMARY KEY (order_id, line)
);

-- Null in a refund of an amount. What the provider refuses may be given back again, and so may its pieces.
ALTER TABLE payments.refunds
    ADD COLUMN items text,          -- JSON, as it was asked for
    ADD COLUMN lines bigint[],
    ADD COLUMN quantities bigint[];

-- Points follow what stays paid. LIMITED, without a customer: a part was given back before the order completed, and it earns no
-- more than these. `moved` is what the last refund of a part took from the points.
ALTER TABLE loyalty.points ADD COLUMN moved bigint;
ALTER TABLE loyalty.points DROP CONSTRAINT points_status_check, DROP CONSTRAINT points_check;
ALTER TABLE loyalty.points
    ADD CONSTRAINT points_status_check CHECK (status IN ('EARNED', 'RETURNED', 'LIMITED')),
    ADD CONSTRAINT points_check CHECK (customer_id IS NOT NULL AND tenant IS NOT NULL
        OR status = 'RETURNED' AND points = 0 OR status = 'LIMITED');
