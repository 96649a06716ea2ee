-- The catalog's pages are in the order of the SKU's bytes, whatever the database's collation is.
CREATE INDEX products_by_sku ON inventory.products (sku COLLATE "C");

-- The ledger of stock: what came in or was written off, and why. Rows are only ever inserted; a
-- SKU's deltas add up to what inventory.stock says was received. The id is the caller's, so that an
-- adjustment sent twice is done once.
CREATE TABLE inventory.stock_adjustments (
    id uuid PRIMARY KEY,
    sku text NOT NULL,
    delta bigint NOT NULL CHECK (delta <> 0),
    reason text NOT NULL,
    on_hand bigint NOT NULL CHECK (on_hand >= 0), -- after it
    adjusted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_adjustments_by_sku ON inventory.stock_adjustments (sku, adjusted_at);

INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)
SELECT gen_random_uuid(), sku, received, 'opening stock', on_hand
FROM inventory.stock WHERE received > 0;
