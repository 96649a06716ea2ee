-- Notices that a channel has still to send. A row is taken by pushing due_at ahead, so that a process
-- that dies leaves it to be taken again, and goes when the notice is in notifications.notifications.
CREATE TABLE notifications.pending (
    order_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('confirmed', 'shipped', 'failed', 'cancelled')),
    channel text NOT NULL CHECK (channel IN ('smtp', 'webhook', 'sms')),
    event bytea NOT NULL, -- the envelope it is told by; personal data stays sealed
    attempts int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind, channel)
);
CREATE INDEX pending_due ON notifications.pending (channel, due_at);
