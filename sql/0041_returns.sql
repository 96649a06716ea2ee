-- Returns of what a completed order sent. REQUESTED: announced. RECEIVED: it is here, and its money is to be given back. RETURNED: that
-- is done. REFUSED: nobody waits for it any more.
CREATE TABLE orders.returns (
    id uuid PRIMARY KEY, -- of the Idempotency-Key it was asked for with
    order_id uuid NOT NULL REFERENCES orders.orders (id),
    status text NOT NULL DEFAULT 'REQUESTED' CHECK (status IN ('REQUESTED', 'RECEIVED', 'RETURNED', 'REFUSED')),
    reason text NOT NULL,
    items text NOT NULL, -- JSON, as it was asked for
    received text,       -- JSON, as it was received
    note text,           -- why it was refused
    refunded_minor bigint CHECK (refunded_minor >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON orders.returns (order_id, created_at);

-- Conservation: of what was announced no more comes back.
CREATE TABLE orders.return_items (
    return_id uuid NOT NULL REFERENCES orders.returns (id),
    line smallint NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    restocked bigint NOT NULL DEFAULT 0 CHECK (restocked >= 0),
    written_off bigint NOT NULL DEFAULT 0 CHECK (written_off >= 0),
    PRIMARY KEY (return_id, line),
    CHECK (restocked + written_off <= quantity)
);

-- Pieces that are announced or have come back: of a line never more than were ordered. Null in a line without any.
ALTER TABLE orders.order_items ADD COLUMN coming_back bigint;
ALTER TABLE orders.order_items
    ADD CONSTRAINT order_items_coming_back_check CHECK (coming_back BETWEEN 0 AND quantity) NOT VALID;

-- What customers sent back, and is on hand again.
ALTER TABLE inventory.stock ADD COLUMN returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0);
ALTER TABLE inventory.stock DROP CONSTRAINT stock_check;
ALTER TABLE inventory.stock
    ADD CONSTRAINT stock_check CHECK (received + returned = on_hand + reserved + shipped) NOT VALID;

-- Each return counts once.
CREATE TABLE inventory.returns (
    return_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    skus text[] NOT NULL,
    quantities bigint[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A refund of a return has the return's id.
ALTER TABLE payments.refunds ADD COLUMN is_return boolean NOT NULL DEFAULT false;

ALTER TABLE notifications.notifications DROP CONSTRAINT notifications_kind_check;
ALTER TABLE notifications.notifications ADD CONSTRAINT notifications_kind_check
    CHECK (kind IN ('confirmed', 'shipped', 'failed', 'cancelled', 'returned')) NOT VALID;
ALTER TABLE notifications.pending DROP CONSTRAINT pending_kind_check;
ALTER TABLE notifications.pending ADD CONSTRAINT pending_kind_check
    CHECK (kind IN ('confirmed', 'shipped', 'failed', 'cancelled', 'returned')) NOT VALID;
