-- What operators discarded, for consumers that ask for it and write no inbox (ONCE_BY_EFFECT in shared/consume/batch.h). A
-- statement that reads the inbox by id locks each of its days; this is one small table.
CREATE FUNCTION om.add_discarded(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format($t$
        CREATE TABLE %I.discarded (
            event_id uuid NOT NULL,
            consumer text NOT NULL, -- as in the inbox
            kept_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (event_id, consumer)
        )$t$, service_schema);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.discarded TO %I', service_schema,
                   format('om_%s', service_schema));
END
$$;
REVOKE ALL ON FUNCTION om.add_discarded(text) FROM PUBLIC;
SELECT om.add_discarded(schemaname) FROM pg_tables WHERE tablename = 'outbox_cursor';

-- Schemas that come later have it, too.
ALTER FUNCTION om.create_messaging(text) RENAME TO create_messaging_with_checkpoints;
CREATE FUNCTION om.create_messaging(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM om.create_messaging_with_checkpoints(service_schema);
    PERFORM om.add_discarded(service_schema);
END
$$;
REVOKE ALL ON FUNCTION om.create_messaging(text) FROM PUBLIC;

-- The inbox has them, too: for consumers that take from it, and for the version before. No stream keeps an event that is
-- older than those that go here.
CREATE OR REPLACE FUNCTION om.keep_discarded(service_schema text) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
    consumer_schema text;
    added bigint;
    kept bigint := 0;
BEGIN
    IF to_regclass('dlq.entries') IS NULL THEN
        RETURN 0;
    END IF;
    FOR consumer_schema IN SELECT schemaname FROM pg_tables WHERE tablename = 'inbox' LOOP
        EXECUTE format($q$
            WITH discarded AS (
                SELECT DISTINCT o.event_id, e.stream || '/' || e.consumer AS consumer
                FROM dlq.entries e
                JOIN %2$I.outbox o ON o.event_id::text = e.event_id
                WHERE e.status = 'discarded' AND o.xid >= (SELECT next_xid FROM %2$I.outbox_cursor)
                  AND %3$L IN (split_part(e.consumer, '-', 1), split_part(e.consumer, '-', 1) || 's')),
            apart AS (
                INSERT INTO %1$I.discarded (event_id, consumer) SELECT event_id, consumer FROM discarded
                ON CONFLICT (event_id, consumer) DO UPDATE SET kept_at = now())
            INSERT INTO %1$I.inbox (event_id, consumer) SELECT event_id, consumer FROM discarded
            ON CONFLICT DO NOTHING
            $q$, consumer_schema, service_schema, consumer_schema);
        GET DIAGNOSTICS added = ROW_COUNT;
        kept := kept + added;
        EXECUTE format('DELETE FROM %I.discarded WHERE kept_at < now() - interval ''60 days''', consumer_schema);
    END LOOP;
    RETURN kept;
END
$$;
REVOKE ALL ON FUNCTION om.keep_discarded(text) FROM PUBLIC;

-- What was kept until now. Nothing is missed where an entry was discarded and never kept: it is kept before it comes again.
DO
$$
DECLARE
    consumer_schema text;
BEGIN
    IF to_regclass('dlq.entries') IS NULL THEN
        RETURN;
    END IF;
    FOR consumer_schema IN SELECT schemaname FROM pg_tables WHERE tablename = 'inbox' LOOP
        EXECUTE format($q$
            INSERT INTO %1$I.discarded (event_id, consumer)
            SELECT i.event_id, i.consumer
            FROM (SELECT CASE WHEN event_id ~ '^[0-9a-f-]{36}$' THEN event_id::uuid END AS event_id,
                         stream || '/' || consumer AS consumer
                  FROM dlq.entries WHERE status = 'discarded') e
            JOIN %1$I.inbox i USING (event_id, consumer)
            ON CONFLICT DO NOTHING
            $q$, consumer_schema);
    END LOOP;
END
$$;
