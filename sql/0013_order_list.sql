-- Listing orders, newest or oldest first, of all customers or of one.
-- Neither key ever changes, so that no update leaves its page for these indexes. Status and reason
-- are in no index, nor in any index's predicate, for the same reason: a listing that filters by them
-- walks these.
CREATE INDEX orders_by_time ON orders.orders (tenant, accepted_at, id);
CREATE INDEX orders_by_customer ON orders.orders (tenant, customer_id, accepted_at, id);
