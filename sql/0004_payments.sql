-- The payment service. The idempotency key of a charge is derived from the order id.
SELECT om.create_messaging('payments');

-- VOIDED is a tombstone: the order ended before it was charged and refuses the late charge.
CREATE TABLE payments.payments (
    order_id uuid PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('INTENT', 'CAPTURED', 'DECLINED', 'REFUNDING', 'REFUNDED', 'VOIDED')),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency text NOT NULL,
    payment_method text NOT NULL,
    charge_id text,
    refund_id text,
    decline_code text,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
