-- Refunds that are owed, for who looks for those that no event asks for any more.
CREATE INDEX ON payments.payments (updated_at) WHERE status = 'REFUNDING';
