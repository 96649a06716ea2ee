-- Payment in steps: money that is held until its order has been shipped.

-- AUTHORIZING: to be held, or being held. ABANDONED: its order ended meanwhile. AUTHORIZED: held. CAPTURING: to be taken, or being
-- taken. VOIDING: to be let go. RELEASED: let go. UNCAPTURED: could not be taken, for good, though the order has left the house.
ALTER TABLE payments.payments DROP CONSTRAINT payments_status_check;
ALTER TABLE payments.payments ADD CONSTRAINT payments_status_check
    CHECK (status IN ('INTENT', 'CAPTURED', 'DECLINED', 'REFUNDING', 'REFUNDED', 'VOIDED',
                      'AUTHORIZING', 'ABANDONED', 'AUTHORIZED', 'CAPTURING', 'VOIDING', 'RELEASED', 'UNCAPTURED'));

-- Null in a payment that was charged in one step: its status says all then, and no row is longer for it.
ALTER TABLE payments.payments
    ADD COLUMN authorized_minor bigint,
    ADD COLUMN captured_minor bigint,
    ADD COLUMN refunded_minor bigint;
-- Conservation: nobody takes more than was held, nor gives back more than was taken. Rows that are there have none of it.
ALTER TABLE payments.payments
    ADD CONSTRAINT payments_authorized_check CHECK (authorized_minor BETWEEN 0 AND amount_minor) NOT VALID,
    ADD CONSTRAINT payments_captured_check
        CHECK (captured_minor BETWEEN 0 AND coalesce(authorized_minor, amount_minor)) NOT VALID,
    ADD CONSTRAINT payments_refunded_check
        CHECK (refunded_minor BETWEEN 0 AND coalesce(captured_minor, amount_minor)) NOT VALID,
    ADD CONSTRAINT payments_steps_check
        CHECK (status NOT IN ('AUTHORIZED', 'CAPTURING', 'VOIDING', 'RELEASED', 'UNCAPTURED')
            OR authorized_minor IS NOT NULL AND captured_minor IS NULL AND refunded_minor IS NULL) NOT VALID;

-- What is owed, or not known, for who looks for what no event asks for any more; with 0020's and 0029's.
CREATE INDEX ON payments.payments (updated_at) WHERE status IN ('CAPTURING', 'VOIDING', 'ABANDONED');

COMMENT ON COLUMN orders.orders.steps IS
    'bits: 1 reserved, 2 paid, 4 shipped, 8 cancel wanted, 16 overdue, 32 pays on shipment, 64 authorized, 128 capture refused';
