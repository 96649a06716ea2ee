-- Payments that their customer has to confirm (3-D Secure).

-- CHALLENGED: charged as soon as its customer has confirmed it; HOLD_CHALLENGED: held then. WITHDRAWING: its order ended
-- meanwhile, so nobody is to confirm it any more; WITHDRAWN: nobody can.
ALTER TABLE payments.payments DROP CONSTRAINT payments_status_check;
ALTER TABLE payments.payments ADD CONSTRAINT payments_status_check
    CHECK (status IN ('INTENT', 'CAPTURED', 'DECLINED', 'REFUNDING', 'REFUNDED', 'VOIDED',
                      'AUTHORIZING', 'ABANDONED', 'AUTHORIZED', 'CAPTURING', 'VOIDING', 'RELEASED', 'UNCAPTURED',
                      'CHALLENGED', 'HOLD_CHALLENGED', 'WITHDRAWING', 'WITHDRAWN'));
CREATE INDEX ON payments.payments (updated_at) WHERE status = 'WITHDRAWING';

-- One row for each payment that waits for its customer; it goes when that has an end. It has what is to be told then, when no
-- event of the order is at hand.
CREATE TABLE payments.actions (
    order_id uuid PRIMARY KEY REFERENCES payments.payments (order_id),
    until timestamptz NOT NULL,  -- the customer has so long
    due_at timestamptz NOT NULL, -- the provider is asked then
    asked_at timestamptz NOT NULL DEFAULT now(),
    event text NOT NULL -- that asked for the payment, as it came
);
CREATE INDEX ON payments.actions (due_at);

-- Null in an order that never waited for its customer; the url is in the timeline. The time of an order that did begins anew then.
ALTER TABLE orders.orders ADD COLUMN action_until timestamptz;
COMMENT ON COLUMN orders.orders.steps IS
    'bits: 1 reserved, 2 paid, 4 shipped, 8 cancel wanted, 16 overdue, 32 pays on shipment, 64 authorized, 128 capture refused, 256 customer asked, 512 allocated, 1024 part shipped';
