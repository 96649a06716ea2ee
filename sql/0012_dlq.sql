-- The dead-letter service. The <STREAM>_DLQ streams hold the entries; this is their index, with what
-- became of each.
SELECT om.create_messaging('dlq');

-- One row a (stream, consumer, event). `generation` counts how often it came here.
CREATE TABLE dlq.entries (
    id text PRIMARY KEY, -- <stream>.<consumer>.<event id>
    stream text NOT NULL,
    consumer text NOT NULL,
    event_id text NOT NULL, -- seq-<n> where the message is no event
    order_id text,
    type text,
    subject text NOT NULL,
    stream_sequence bigint NOT NULL, -- of the message that failed last
    dlq_sequence bigint NOT NULL,    -- of its entry in <stream>_DLQ
    generation int NOT NULL,
    status text NOT NULL CHECK (status IN ('dead', 'replaying', 'replayed', 'resolved', 'discarded')),
    reason text NOT NULL CHECK (reason IN ('rejected', 'max_deliveries', 'no_report')),
    error_code text,
    error text NOT NULL,
    deliveries int NOT NULL,
    service text,
    replay_sequence bigint, -- of the message that the last replay published
    first_failed_at timestamptz NOT NULL,
    failed_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX ON dlq.entries (failed_at, id);
CREATE INDEX ON dlq.entries (stream, consumer, failed_at, id) WHERE status = 'dead';
CREATE INDEX ON dlq.entries (stream, consumer, replay_sequence) WHERE status = 'replayed';

-- Which messages have ended here, kept longer than their streams: a server may repeat an advisory
-- long after the entry was resolved.
CREATE TABLE dlq.failures (
    stream text NOT NULL,
    consumer text NOT NULL,
    stream_sequence bigint NOT NULL,
    entry_id text NOT NULL,
    generation int NOT NULL,
    dlq_sequence bigint NOT NULL,
    reason text NOT NULL,
    error_code text,
    error text NOT NULL,
    deliveries int NOT NULL,
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (stream, consumer, stream_sequence)
);
CREATE INDEX ON dlq.failures (entry_id);

-- The last word of a consumer on each message, until an advisory follows. DONE stays for a while: it
-- says that what failed before it is none of ours.
CREATE TABLE dlq.reports (
    stream text NOT NULL,
    consumer text NOT NULL,
    stream_sequence bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('RETRY', 'REJECT', 'DONE')),
    attempt int NOT NULL,
    report jsonb NOT NULL,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (stream, consumer, stream_sequence)
) WITH (fillfactor = 70);
CREATE INDEX ON dlq.reports (reported_at);

-- Messages whose deliveries ran out without a last word: their consumer was killed, by them or by a
-- neighbour. Each is sent to it once more, one at a time; only what fails then is a dead letter. Kept
-- like failures, and for the same reason. A service's consumers share its process, and so its end.
CREATE TABLE dlq.chances (
    stream text NOT NULL,
    consumer text NOT NULL,
    stream_sequence bigint NOT NULL,
    service text NOT NULL GENERATED ALWAYS AS (split_part(consumer, '-', 1)) STORED,
    entry_id text NOT NULL, -- of the dead letter it may become
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'given', 'passed', 'failed', 'expired')),
    chance_sequence bigint, -- of the message that was sent
    noted_at timestamptz NOT NULL DEFAULT now(),
    given_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (stream, consumer, stream_sequence)
) WITH (fillfactor = 70);
CREATE INDEX ON dlq.chances (service, noted_at) WHERE state = 'waiting';
CREATE UNIQUE INDEX ON dlq.chances (service) WHERE state = 'given';

-- Who did what to which entry or job.
CREATE TABLE dlq.actions (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL, -- replay, discard, replay_all, cancel
    entry_id text,
    job_id uuid,
    generation int,
    detail text
);
CREATE INDEX ON dlq.actions (entry_id, id);

-- Replays of many entries.
CREATE TABLE dlq.jobs (
    id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
    filter jsonb NOT NULL,
    rate_per_second int NOT NULL,
    actor text NOT NULL,
    total bigint NOT NULL,
    replayed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    position_at timestamptz, -- how far the job has come: failed_at and id of its last entry
    position_id text,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    detail text
) WITH (fillfactor = 50);
