-- Stopping, and the watchdog over orders that do not end.

-- STOPPED is a tombstone: the order was stopped before it was shipped and refuses the late shipment.
ALTER TABLE shipping.shipments DROP CONSTRAINT shipments_status_check;
ALTER TABLE shipping.shipments
    ADD CONSTRAINT shipments_status_check CHECK (status IN ('SHIPPED', 'FAILED', 'STOPPED'));

-- When the order service took the order in: its time runs from here. Never updated, and rising in
-- the order of the table's pages, so the block range index costs next to nothing and no update
-- leaves its page for it.
ALTER TABLE orders.orders ADD COLUMN taken_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX ON orders.orders USING brin (taken_at) WITH (pages_per_range = 32, autosummarize = on);

-- One row, which all instances' watchdogs share: whoever locks it has the turn.
CREATE TABLE orders.watch (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    turn_at timestamptz NOT NULL DEFAULT now(),     -- of the last turn
    resumed_at timestamptz NOT NULL DEFAULT now(),  -- watched without a gap since
    settled_to timestamptz NOT NULL DEFAULT '-infinity' -- nothing taken before needs a look
) WITH (fillfactor = 20);
INSERT INTO orders.watch DEFAULT VALUES;
COMMENT ON COLUMN orders.orders.steps IS 'bits: 1 reserved, 2 paid, 4 shipped, 8 cancel wanted, 16 overdue';
