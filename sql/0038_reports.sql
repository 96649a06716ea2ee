-- What reports walk: in the order of time, and by no row that is not in the report.
CREATE INDEX refunds_by_time ON payments.refunds (created_at, id);
CREATE INDEX payments_refunded ON payments.payments (updated_at, order_id) WHERE status = 'REFUNDED';
CREATE INDEX stock_adjustments_by_time ON inventory.stock_adjustments (adjusted_at, id);
