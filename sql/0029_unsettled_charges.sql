-- Charges of orders that ended, and of which nobody knows whether they were made; with 0020's, for who looks for what no
-- event asks for any more.
CREATE INDEX ON payments.payments (updated_at)
    WHERE status = 'VOIDED' AND payment_method <> '' AND charge_id IS NULL AND decline_code IS NULL;
