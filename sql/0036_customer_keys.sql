-- What opens the personal data of a customer, and who was erased. Both are left out of backups of the database, and saved apart:
-- a backup that had the keys would open what was erased since.

-- One key a customer; those without a customer are shared, one a day, for orders that came while nobody could say the customer's.
-- `opener` is sealed by the master key. A shared key that no longer opens keeps its row for a while, so that its texts are known.
CREATE TABLE notifications.customer_keys (
    id text PRIMARY KEY,      -- stands in front of what the key sealed
    tenant text NOT NULL,     -- '' of a shared one
    customer_id text NOT NULL,
    public_key text NOT NULL, -- seals only
    opener text,              -- null: destroyed
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX customer_keys_customer ON notifications.customer_keys (tenant, customer_id) WHERE customer_id <> '';
CREATE INDEX customer_keys_shared ON notifications.customer_keys (created_at) WHERE customer_id = '';
-- Those that a change of the master key has still to reach.
CREATE INDEX customer_keys_master ON notifications.customer_keys (left(opener, 12)) WHERE opener IS NOT NULL;

-- What was sealed before `erased_at` is not opened, whatever sealed it.
CREATE TABLE notifications.customer_erasures (
    tenant text NOT NULL,
    customer_id text NOT NULL,
    first_erased_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz NOT NULL DEFAULT now(), -- the last time
    erased_by text NOT NULL,
    times int NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, customer_id)
);
CREATE INDEX customer_erasures_at ON notifications.customer_erasures (erased_at);

-- ERASED: could not be told any more, since the customer's personal data was erased. It has no event to be sent again.
ALTER TABLE notifications.notifications DROP CONSTRAINT notifications_status_check;
ALTER TABLE notifications.notifications ADD CONSTRAINT notifications_status_check
    CHECK (status IN ('SENT', 'FAILED', 'ERASED')) NOT VALID;

-- Destroys the key that a customer had at a moment, and notes who asked for it. Repeatable: a list of erasures is gone through again
-- when keys come back from a backup, and spares the key of a customer who came back since.
CREATE FUNCTION notifications.erase_customer(of_tenant text, of_customer text, asked_by text, at timestamptz)
RETURNS TABLE (erased_at timestamptz, times int, keys bigint) LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM notifications.customer_keys k
        WHERE k.tenant = of_tenant AND k.customer_id = of_customer AND k.customer_id <> '' AND k.created_at <= at
        RETURNING k.id
    ), noted AS (
        INSERT INTO notifications.customer_erasures AS e (tenant, customer_id, first_erased_at, erased_at, erased_by)
        VALUES (of_tenant, of_customer, at, at, asked_by)
        ON CONFLICT (tenant, customer_id) DO UPDATE SET
            erased_at = greatest(e.erased_at, excluded.erased_at),
            erased_by = CASE WHEN excluded.erased_at > e.erased_at THEN excluded.erased_by ELSE e.erased_by END,
            times = e.times + (excluded.erased_at > e.erased_at)::int
        RETURNING e.erased_at, e.times
    )
    SELECT n.erased_at, n.times, (SELECT count(*) FROM gone) FROM noted n
$$;
