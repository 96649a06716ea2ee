-- What every service's schema has: an inbox, an outbox and the relay's cursor, partitioned by day.
-- om.create_messaging(schema) makes them; om.maintain_partitions(schema, days) keeps them.

CREATE SCHEMA om;

-- The smallest UUIDv7 of a moment: the inbox is partitioned by the time in its event ids.
CREATE FUNCTION om.uuid_floor(at timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '70008000000000000000')::uuid
$$;

-- Makes the partitions of yesterday to three days ahead and drops those older than `keep_days`.
CREATE FUNCTION om.maintain_partitions(service_schema text, keep_days int) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    day date;
    part record;
BEGIN
    IF NOT pg_has_role(session_user, format('om_%s', service_schema), 'MEMBER') THEN
        RAISE EXCEPTION 'role % may not maintain schema %', session_user, service_schema
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('om.partitions.' || service_schema, 0));
    FOR day IN SELECT generate_series(current_date - 1, current_date + 3, interval '1 day') LOOP
        IF to_regclass(format('%I.outbox_%s', service_schema, to_char(day, 'YYYYMMDD'))) IS NULL THEN
            EXECUTE format('CREATE TABLE %1$I.outbox_%2$s PARTITION OF %1$I.outbox FOR VALUES FROM (%3$L) TO (%4$L)',
                           service_schema, to_char(day, 'YYYYMMDD'),
                           day::timestamptz, (day + 1)::timestamptz);
        END IF;
        IF to_regclass(format('%I.inbox_%s', service_schema, to_char(day, 'YYYYMMDD'))) IS NULL THEN
            EXECUTE format('CREATE TABLE %1$I.inbox_%2$s PARTITION OF %1$I.inbox FOR VALUES FROM (%3$L) TO (%4$L)',
                           service_schema, to_char(day, 'YYYYMMDD'),
                           om.uuid_floor(day::timestamptz), om.uuid_floor((day + 1)::timestamptz));
        END IF;
    END LOOP;
    FOR part IN
        SELECT c.relname FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = service_schema AND c.relkind = 'r'
          AND c.relname ~ '^(inbox|outbox)_[0-9]{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - keep_days
    LOOP
        EXECUTE format('DROP TABLE %I.%I', service_schema, part.relname);
    END LOOP;
END
$$;

-- The role om_<schema> and the messaging tables of one service. Its password is set by whoever
-- installs the system; see docs/architecture.md.
CREATE FUNCTION om.create_messaging(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    service_role text := format('om_%s', service_schema);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service_role) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', service_role);
    END IF;
    EXECUTE format('CREATE SCHEMA %I', service_schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service_schema, service_role);
    EXECUTE format('GRANT USAGE ON SCHEMA om TO %I', service_role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I',
                   service_schema, service_role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO %I',
                   service_schema, service_role);
    EXECUTE format('ALTER ROLE %I SET search_path = %I, om', service_role, service_schema);

    EXECUTE format($t$
        CREATE TABLE %I.inbox (
            event_id uuid NOT NULL,
            consumer text NOT NULL,
            PRIMARY KEY (event_id, consumer)
        ) PARTITION BY RANGE (event_id)
        $t$, service_schema);
    EXECUTE format('CREATE TABLE %I.inbox_default PARTITION OF %1$I.inbox DEFAULT', service_schema);

    EXECUTE format($t$
        CREATE TABLE %I.outbox (
            id bigserial NOT NULL,
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            created_at timestamptz NOT NULL DEFAULT now(),
            event_id uuid NOT NULL,
            subject text NOT NULL,
            traceparent text NOT NULL,
            payload bytea NOT NULL
        ) PARTITION BY RANGE (created_at)
        $t$, service_schema);
    EXECUTE format('CREATE INDEX ON %I.outbox (xid, id)', service_schema);
    EXECUTE format('CREATE TABLE %I.outbox_default PARTITION OF %1$I.outbox DEFAULT', service_schema);

    EXECUTE format($t$
        CREATE TABLE %I.outbox_cursor (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            next_xid xid8 NOT NULL,
            holes xid8[] NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now()
        ) WITH (fillfactor = 20)
        $t$, service_schema);
    EXECUTE format($t$INSERT INTO %I.outbox_cursor (next_xid, holes) VALUES ('0', '{}')$t$,
                   service_schema);
    EXECUTE format('GRANT %I TO CURRENT_USER', service_role);
    PERFORM om.maintain_partitions(service_schema, 8);
END
$$;
REVOKE ALL ON FUNCTION om.create_messaging(text) FROM PUBLIC;
