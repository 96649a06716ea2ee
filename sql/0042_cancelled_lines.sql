-- Pieces of orders that their customers cancel before they are sent. REQUESTED: shipping decides. CANCELLED: they are not sent.
-- REFUSED: they have been sent. WHOLE: they were all that was left, so the order's own end says what became of them.
CREATE TABLE orders.line_cancels (
    id uuid PRIMARY KEY, -- of the Idempotency-Key it was asked for with
    order_id uuid NOT NULL REFERENCES orders.orders (id),
    status text NOT NULL CHECK (status IN ('REQUESTED', 'CANCELLED', 'REFUSED', 'WHOLE')),
    reason text NOT NULL,
    items text NOT NULL, -- JSON, as it was asked for
    lines bigint[] NOT NULL,
    quantities bigint[] NOT NULL, -- of each of these lines
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON orders.line_cancels (order_id, created_at);

-- Pieces of a line that are cancelled: they are not sent, and so do not come back. Null in a line without any.
ALTER TABLE orders.order_items ADD COLUMN cancelled bigint;
ALTER TABLE orders.order_items
    ADD CONSTRAINT order_items_cancelled_check CHECK (cancelled BETWEEN 0 AND quantity) NOT VALID,
    DROP CONSTRAINT order_items_coming_back_check,
    ADD CONSTRAINT order_items_coming_back_check
        CHECK (coming_back BETWEEN 0 AND quantity - coalesce(cancelled, 0)) NOT VALID;

-- Of money that was held for more pieces than are sent less is taken: amount_minor is what is to be paid in the end, and cut_minor, which is
-- null in other payments, what it is less than was asked for.
ALTER TABLE payments.payments
    ADD COLUMN cut_minor bigint CHECK (cut_minor >= 0),
    DROP CONSTRAINT payments_authorized_check,
    DROP CONSTRAINT payments_captured_check,
    ADD CONSTRAINT payments_authorized_check
        CHECK (authorized_minor BETWEEN 0 AND amount_minor + coalesce(cut_minor, 0)) NOT VALID,
    ADD CONSTRAINT payments_captured_check
        CHECK (captured_minor BETWEEN 0 AND least(authorized_minor, amount_minor)) NOT VALID;

COMMENT ON COLUMN orders.orders.steps IS
    'bits: 1 reserved, 2 paid, 4 shipped, 8 cancel wanted, 16 overdue, 32 pays on shipment, 64 authorized, 128 capture refused, 256 customer asked, 512 allocated, 1024 part shipped, 2048 lines cancelled, 4096 lines asked to be';
