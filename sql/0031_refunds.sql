-- Refunds of a part, which an administrator asks for, of orders that are completed. What is asked for counts as given back
-- (payments.refunded_minor) from the moment it is asked for, so that no two together are more than was taken.
CREATE TABLE payments.refunds (
    id uuid PRIMARY KEY, -- of the Idempotency-Key it was asked for with
    order_id uuid NOT NULL REFERENCES payments.payments (order_id),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reason text NOT NULL,
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'REFUNDED', 'REFUSED')),
    refund_id text, -- the provider's
    code text,      -- why the provider refused
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON payments.refunds (order_id);
CREATE INDEX ON payments.refunds (due_at) WHERE status = 'PENDING';

-- Null until something was given back.
ALTER TABLE orders.orders ADD COLUMN refunded_minor bigint CHECK (refunded_minor BETWEEN 0 AND total_minor);
