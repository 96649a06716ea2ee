-- Jobs also discard, and say what became of what they replayed.
ALTER TABLE dlq.jobs
    ADD COLUMN action text NOT NULL DEFAULT 'replay' CHECK (action IN ('replay', 'discard')),
    ADD COLUMN because text CHECK ((because IS NOT NULL) = (action = 'discard')),
    ADD COLUMN discarded bigint NOT NULL DEFAULT 0,
    ADD COLUMN resolved bigint NOT NULL DEFAULT 0,   -- of those replayed
    ADD COLUMN dead_again bigint NOT NULL DEFAULT 0; -- of those replayed

-- Whose replay it was the last time; NULL: of no job.
ALTER TABLE dlq.entries ADD COLUMN job_id uuid;
