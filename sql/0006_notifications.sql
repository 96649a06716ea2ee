-- The notification service: what was sent about which order, once a kind and channel.
SELECT om.create_messaging('notifications');

CREATE TABLE notifications.notifications (
    order_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('confirmed', 'shipped', 'failed', 'cancelled')),
    channel text NOT NULL,
    status text NOT NULL CHECK (status IN ('SENT', 'FAILED')),
    detail text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind, channel)
);
