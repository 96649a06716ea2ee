-- Webhook subscriptions of tenants, and what is sent to them.
SELECT om.create_messaging('webhooks');

-- Where a tenant wants its events. `failing_since` is of the first failure behind the last success, and
-- nothing is sent before `resting_until`.
CREATE TABLE webhooks.endpoints (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    url text NOT NULL,
    event_types text[] NOT NULL CHECK (cardinality(event_types) > 0), -- order.created ..., or *
    description text NOT NULL DEFAULT '',
    secret text NOT NULL, -- sealed, as personal data is
    enabled boolean NOT NULL DEFAULT true,
    off_reason text CHECK (off_reason IN ('client', 'gone', 'failing')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    failures int NOT NULL DEFAULT 0, -- in a row
    failing_since timestamptz,
    resting_until timestamptz NOT NULL DEFAULT '-infinity',
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_error text,
    CHECK (enabled = (off_reason IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX ON webhooks.endpoints (tenant, created_at, id);

-- One row an event and endpoint: the queue, and the log of what was sent. A row is taken by pushing due_at
-- ahead, so that a process that dies leaves it to be taken again.
CREATE TABLE webhooks.deliveries (
    endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
    event_id uuid NOT NULL, -- the webhook-id
    event_type text NOT NULL,
    order_id uuid,          -- none of a ping
    body bytea NOT NULL,
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    attempts int NOT NULL DEFAULT 0,
    response_status int,    -- of the last attempt, if an answer came
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    wanted_at timestamptz NOT NULL DEFAULT now(), -- given up so long behind this; moved by a resend
    due_at timestamptz NOT NULL DEFAULT now(),
    tried_at timestamptz,
    PRIMARY KEY (endpoint_id, event_id)
) WITH (fillfactor = 80);
CREATE INDEX ON webhooks.deliveries (endpoint_id, due_at) WHERE status = 'PENDING';
CREATE INDEX ON webhooks.deliveries (endpoint_id, event_id) WHERE status = 'FAILED';
CREATE INDEX ON webhooks.deliveries (created_at);

-- A refund names no tenant: it waits here for the end of its order, which does, or finds it here.
CREATE TABLE webhooks.refunds (
    order_id uuid PRIMARY KEY,
    tenant text,    -- none yet: only the refund has come
    event_id uuid,  -- none yet: only the order's end has come
    event_time timestamptz,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON webhooks.refunds (created_at);
