-- By which a relay notices that a stream lost what it had acknowledged, and goes back: shared/outbox/setback.h.
CREATE FUNCTION om.add_checkpoints(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format($t$
        ALTER TABLE %I.outbox_cursor
            ADD COLUMN acknowledged text NOT NULL DEFAULT '', -- the last message of each stream
            ADD COLUMN repeats_until xid8 NOT NULL DEFAULT '0', -- rows below it may be known to a stream that lost them
            ADD COLUMN repeat_generation int NOT NULL DEFAULT 0 -- so they go by an id of this generation
        $t$, service_schema);
    EXECUTE format($t$
        CREATE TABLE %I.outbox_checkpoints (
            stream text NOT NULL,
            taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            sequence bigint NOT NULL, -- all below the cursor is stored at or below it, or nobody waits for it
            event_id uuid,            -- what is stored there, where that is known
            floor bigint NOT NULL,    -- all consumers were done with what is at or below it
            next_xid xid8 NOT NULL,
            holes xid8[] NOT NULL,
            PRIMARY KEY (stream, taken_at)
        )$t$, service_schema);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.outbox_checkpoints TO %I', service_schema,
                   format('om_%s', service_schema));
END
$$;
REVOKE ALL ON FUNCTION om.add_checkpoints(text) FROM PUBLIC;
SELECT om.add_checkpoints(schemaname) FROM pg_tables WHERE tablename = 'outbox_cursor';

-- Schemas that come later have them, too.
ALTER FUNCTION om.create_messaging(text) RENAME TO create_messaging_tables;
CREATE FUNCTION om.create_messaging(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM om.create_messaging_tables(service_schema);
    PERFORM om.add_checkpoints(service_schema);
END
$$;
REVOKE ALL ON FUNCTION om.create_messaging(text) FROM PUBLIC;

-- om.keep_discarded() reads the dead letters and writes other services' inboxes, which no service may by itself.
CREATE FUNCTION om.keep_own_discarded(service_schema text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    PERFORM om.require_keeper(service_schema);
    RETURN om.keep_discarded(service_schema);
END
$$;
