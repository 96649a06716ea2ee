-- The analytics service: what is known of each order, and the counts that follow from it. Both
-- tables are one projection: the streams can make it again (omctl rebuild analytics).
SELECT om.create_messaging('analytics');

-- A projection's tables in the schema `home`: analytics itself, or where its successor grows.
CREATE FUNCTION analytics.create_projection(home text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    -- One row an order: when the first event of each kind happened, in microseconds since 1970
    -- (0: not seen), and what some of them say. Rows join in any order, however often.
    EXECUTE format($t$
        CREATE TABLE %I.order_facts (
            order_id uuid PRIMARY KEY,
            created_us bigint NOT NULL DEFAULT 0,
            reserved_us bigint NOT NULL DEFAULT 0,
            rejected_us bigint NOT NULL DEFAULT 0,
            released_us bigint NOT NULL DEFAULT 0,
            paid_us bigint NOT NULL DEFAULT 0,
            declined_us bigint NOT NULL DEFAULT 0,
            refunded_us bigint NOT NULL DEFAULT 0,
            confirmed_us bigint NOT NULL DEFAULT 0,
            shipped_us bigint NOT NULL DEFAULT 0,
            unshipped_us bigint NOT NULL DEFAULT 0,
            completed_us bigint NOT NULL DEFAULT 0,
            failed_us bigint NOT NULL DEFAULT 0,
            cancelled_us bigint NOT NULL DEFAULT 0,
            notified_us bigint NOT NULL DEFAULT 0,
            unnotified_us bigint NOT NULL DEFAULT 0,
            flow text NOT NULL DEFAULT '',
            reason text NOT NULL DEFAULT '',
            captured_minor bigint NOT NULL DEFAULT 0,
            captured_currency text NOT NULL DEFAULT '',
            refunded_minor bigint NOT NULL DEFAULT 0,
            refunded_currency text NOT NULL DEFAULT ''
        ) WITH (fillfactor = 40)
        $t$, home); -- an update for each of its events, on the same page (HOT)

    -- Counts a bucket of time. `bin` is the histogram's, 0 where there is none.
    EXECUTE format($t$
        CREATE TABLE %I.counts (
            granularity text COLLATE "C" NOT NULL CHECK (granularity IN ('minute', 'hour', 'day')),
            at timestamptz NOT NULL,
            measure text COLLATE "C" NOT NULL,
            label text COLLATE "C" NOT NULL,
            bin smallint NOT NULL,
            value bigint NOT NULL,
            PRIMARY KEY (granularity, at, measure, label, bin)
        ) WITH (fillfactor = 50)
        $t$, home);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I.order_facts, %1$I.counts TO om_analytics',
                   home);
END
$$;
REVOKE ALL ON FUNCTION analytics.create_projection(text) FROM PUBLIC;
SELECT analytics.create_projection('analytics');
