-- Partitions by the days of UTC, whatever the session's time zone; rows of a default partition go where they belong.
-- om.partitions_due() lists what there is to do, and om.keep_partition() does one of it, in a transaction of its own, so
-- that no day waits for another.

-- When the row was written, which an event id made elsewhere does not tell.
CREATE FUNCTION om.date_inbox(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('ALTER TABLE %I.inbox ADD COLUMN taken_at timestamptz NOT NULL DEFAULT now()', service_schema);
END
$$;
REVOKE ALL ON FUNCTION om.date_inbox(text) FROM PUBLIC;
SELECT om.date_inbox(schemaname) FROM pg_tables WHERE tablename = 'outbox_cursor';

CREATE FUNCTION om.require_keeper(service_schema text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    IF NOT pg_has_role(session_user, format('om_%s', service_schema), 'MEMBER') THEN
        RAISE EXCEPTION 'role % may not maintain schema %', session_user, service_schema
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

-- The moment in a UUIDv7.
CREATE FUNCTION om.uuid_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$
    SELECT to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
$$;

-- The day partitions that there are. Older ones may begin and end at another zone's midnight.
CREATE FUNCTION om.day_partitions(service_schema text, parent text)
    RETURNS TABLE (part text, starts timestamptz, ends timestamptz)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS
$$
    SELECT c.relname,
           CASE parent WHEN 'inbox' THEN om.uuid_time(bound[1]::uuid) ELSE bound[1]::timestamptz END,
           CASE parent WHEN 'inbox' THEN om.uuid_time(bound[2]::uuid) ELSE bound[2]::timestamptz END
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid,
    regexp_match(pg_get_expr(c.relpartbound, c.oid), $r$FROM \('(.+)'\) TO \('(.+)'\)$r$) bound
    WHERE i.inhparent = to_regclass(format('%I.%I', service_schema, parent)) AND bound IS NOT NULL
$$;

-- The names of partitions that are to be made (yesterday to three days ahead, and each day that has rows in a default
-- partition), to be dropped (all of it before the day `oldest`), or to be rid of old rows (a default partition).
CREATE FUNCTION om.partitions_due(service_schema text, oldest date) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS
$$
DECLARE
    parent text;
BEGIN
    PERFORM om.require_keeper(service_schema);
    FOREACH parent IN ARRAY ARRAY['outbox', 'inbox'] LOOP
        RETURN QUERY EXECUTE format($q$
            WITH parts AS (SELECT * FROM om.day_partitions(%1$L, %2$L)),
            strays AS (SELECT %3$s AS at, %4$s AS written FROM %1$I.%2$I_default),
            days AS (
                SELECT current_date + i AS day FROM generate_series(-1, 3) i
                UNION SELECT at::date FROM strays WHERE at >= $1 AND at < current_date + 4)
            SELECT name FROM (SELECT day, %2$L || to_char(day, '_YYYYMMDD') AS name FROM days) d
            WHERE day >= $1 AND NOT EXISTS (SELECT FROM parts WHERE part = name)
            UNION ALL SELECT part FROM parts WHERE ends <= $1
            UNION ALL SELECT %2$L || '_default' WHERE EXISTS (SELECT FROM strays WHERE written < $1)
            $q$, service_schema, parent,
            CASE parent WHEN 'inbox' THEN 'om.uuid_time(event_id)' ELSE 'created_at' END,
            CASE parent WHEN 'inbox' THEN 'taken_at' ELSE 'created_at' END) USING oldest;
    END LOOP;
END
$$;

-- Makes the partition of a day of UTC, or of what other partitions leave of it and of the hours before it, and moves the
-- rows that it should have out of the default partition.
CREATE FUNCTION om.make_partition(service_schema text, parent text, day date) RETURNS void
    LANGUAGE plpgsql SET timezone = 'UTC' SET datestyle = 'ISO' AS
$$
DECLARE
    part text := parent || to_char(day, '_YYYYMMDD');
    key text := CASE parent WHEN 'inbox' THEN 'event_id' ELSE 'created_at' END;
    first timestamptz;
    past timestamptz;
    bounds text[];
BEGIN
    SELECT coalesce(max(ends), day) INTO first FROM om.day_partitions(service_schema, parent)
    WHERE ends > day - 1 AND ends < day + 1;
    SELECT coalesce(min(starts), day + 1) INTO past FROM om.day_partitions(service_schema, parent)
    WHERE starts > first AND starts < day + 1;
    bounds := CASE parent WHEN 'inbox' THEN ARRAY[om.uuid_floor(first)::text, om.uuid_floor(past)::text]
                          ELSE ARRAY[first::text, past::text] END;
    EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING DEFAULTS)', service_schema, part, parent);
    EXECUTE format('WITH moved AS (DELETE FROM %1$I.%3$I_default WHERE %4$I >= %5$L AND %4$I < %6$L RETURNING *)'
                   ' INSERT INTO %1$I.%2$I SELECT * FROM moved',
                   service_schema, part, parent, key, bounds[1], bounds[2]);
    EXECUTE format('ALTER TABLE %1$I.%3$I ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%4$L) TO (%5$L)',
                   service_schema, part, parent, bounds[1], bounds[2]);
END
$$;

-- Does what partitions_due() names. An error is returned and not raised: NULL when all is well. Nothing that the relay
-- has still to publish is dropped. The lock keeps out writers, whose row might else be bound for the default partition
-- when its day is made.
CREATE FUNCTION om.keep_partition(service_schema text, part text, oldest date) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '200ms' AS
$$
DECLARE
    parent text := split_part(part, '_', 1);
    waits text := 'false';
    is_waiting boolean;
BEGIN
    PERFORM om.require_keeper(service_schema);
    IF part !~ '^(inbox|outbox)_([0-9]{8}|default)$' THEN
        RAISE EXCEPTION 'no partition' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF parent = 'outbox' THEN
        waits := format('(xid >= (SELECT next_xid FROM %1$I.outbox_cursor)'
                        ' OR xid = ANY (ARRAY(SELECT unnest(holes) FROM %1$I.outbox_cursor)))', service_schema);
    END IF;
    IF part LIKE '%default' THEN
        EXECUTE format('DELETE FROM %1$I.%2$I WHERE ctid = ANY (ARRAY('
                       ' SELECT ctid FROM %1$I.%2$I WHERE %3$I < $1 AND NOT %4$s LIMIT 100000))', service_schema, part,
                       CASE parent WHEN 'inbox' THEN 'taken_at' ELSE 'created_at' END, waits) USING oldest;
        RETURN NULL;
    END IF;
    EXECUTE format('LOCK TABLE ONLY %I.%I IN EXCLUSIVE MODE', service_schema, parent);
    IF NOT EXISTS (SELECT FROM om.day_partitions(service_schema, parent) d WHERE d.part = keep_partition.part) THEN
        PERFORM om.make_partition(service_schema, parent, to_date(right(part, 8), 'YYYYMMDD'));
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I WHERE %s)', service_schema, part, waits) INTO is_waiting;
    IF NOT is_waiting
       AND EXISTS (SELECT FROM om.day_partitions(service_schema, parent) d
                   WHERE d.part = keep_partition.part AND ends <= oldest) THEN
        EXECUTE format('DROP TABLE %I.%I', service_schema, part);
    END IF;
    RETURN NULL;
EXCEPTION WHEN query_canceled OR OTHERS THEN
    RETURN format('%s.%s: %s (%s)', service_schema, part, SQLERRM, SQLSTATE);
END
$$;

-- All of it at once: for schemas that are new, whose inbox lacks the date, for people, and for the version before.
CREATE OR REPLACE FUNCTION om.maintain_partitions(service_schema text, keep_days int) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS
$$
DECLARE
    oldest date := current_date - keep_days;
    part text;
    fault text;
BEGIN
    PERFORM om.require_keeper(service_schema);
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(format('%I.inbox', service_schema))
                                              AND attname = 'taken_at') THEN
        PERFORM om.date_inbox(service_schema);
    END IF;
    FOR part IN SELECT om.partitions_due(service_schema, oldest) LOOP
        fault := om.keep_partition(service_schema, part, oldest);
        IF fault IS NOT NULL THEN
            RAISE WARNING '%', fault;
        END IF;
    END LOOP;
END
$$;
