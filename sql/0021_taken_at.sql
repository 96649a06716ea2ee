-- What the watchdog walks, every two seconds. The BRIN index knew nothing of pages that were not summarized, and at
-- more than some 400 orders a second requests to summarize are lost: all orders since the last VACUUM were read each time.
CREATE INDEX orders_by_taking ON orders.orders (taken_at);
DROP INDEX orders.orders_taken_at_idx;
