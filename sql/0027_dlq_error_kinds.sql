-- Dead letters by what went wrong: errors that differ only in their numbers and ids are one kind. An SQLSTATE in
-- parentheses is no number. Printable ASCII and short, so that a kind fits into a filter.
CREATE FUNCTION dlq.kind_of(error text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT left(coalesce(nullif(regexp_replace(regexp_replace(regexp_replace(error,
        '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '#', 'gi'),
        '(?<!\([0-9A-Z]{0,4})[0-9]+', '#', 'g'),
        '[^ -~]+', '?', 'g'), ''), '-'), 150)
$$;
ALTER TABLE dlq.entries ADD COLUMN error_kind text NOT NULL GENERATED ALWAYS AS (dlq.kind_of(error)) STORED;
CREATE INDEX ON dlq.entries (stream, consumer, reason, error_code, error_kind, failed_at) WHERE status = 'dead';
