-- What a redrive publishes again must not wake what an operator discarded. The consumer that it was discarded at finds
-- it in its inbox, as if it had done it; all others get it. `service_schema` is whose outbox was set back. Returns how
-- many there were. A consumer is called as its service, or begins so (payment-failed); a schema may be its plural.
CREATE FUNCTION om.keep_discarded(service_schema text) RETURNS bigint LANGUAGE plpgsql AS
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
            INSERT INTO %1$I.inbox (event_id, consumer)
            SELECT o.event_id, e.stream || '/' || e.consumer
            FROM dlq.entries e
            JOIN %2$I.outbox o ON o.event_id::text = e.event_id
            WHERE e.status = 'discarded' AND o.xid >= (SELECT next_xid FROM %2$I.outbox_cursor)
              AND %3$L IN (split_part(e.consumer, '-', 1), split_part(e.consumer, '-', 1) || 's')
            ON CONFLICT DO NOTHING
            $q$, consumer_schema, service_schema, consumer_schema);
        GET DIAGNOSTICS added = ROW_COUNT;
        kept := kept + added;
    END LOOP;
    RETURN kept;
END
$$;
REVOKE ALL ON FUNCTION om.keep_discarded(text) FROM PUBLIC;
