-- The token bucket of each channel to another system that has a rate, OM_SMTP_RATE and its like: when it would be full again.
CREATE TABLE notifications.rates (
    channel text PRIMARY KEY CHECK (channel IN ('smtp', 'webhook', 'sms')),
    free_at timestamptz NOT NULL
) WITH (fillfactor = 50);
-- Full. Who finds no row has nobody to wait for.
INSERT INTO notifications.rates SELECT unnest(ARRAY['smtp', 'webhook', 'sms']), '-infinity';
