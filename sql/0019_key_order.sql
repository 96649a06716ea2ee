-- Of the orders of one idempotency key the one that was accepted first has it: the one whose command
-- has the lower sequence in the stream ORDERS, whichever is taken in first. `ousted_id` is the order
-- that had the key before one accepted earlier came.
ALTER TABLE orders.idempotency_keys
    ADD COLUMN sequence bigint NOT NULL DEFAULT 0,  -- 0: nothing is earlier
    ADD COLUMN stored_us bigint NOT NULL DEFAULT 0, -- by the broker's clock, compared with itself only
    ADD COLUMN ousted_id uuid;

-- Orders that the gateway accepted without knowing who has their key: nobody has heard of them yet, as
-- each waits until all that was accepted before it is taken in.
CREATE TABLE orders.held_orders (
    order_id uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now()
);
