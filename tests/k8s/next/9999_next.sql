-- What an expanding migration does: it adds to what the version before works on, and takes nothing away.
ALTER TABLE orders.orders ADD COLUMN next_note text;
CREATE TABLE orders.next_notes (order_id uuid PRIMARY KEY, note text NOT NULL DEFAULT '');
GRANT SELECT, INSERT ON orders.next_notes TO om_orders;
