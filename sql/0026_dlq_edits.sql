-- What somebody changed in a dead letter's message before it was replayed. The original stays in
-- <STREAM>_DLQ.
CREATE TABLE dlq.edits (
    id uuid PRIMARY KEY,
    entry_id text NOT NULL,
    generation int NOT NULL, -- that was replayed so
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    reason text NOT NULL,
    headers jsonb NOT NULL, -- {name: [values]}; with an empty list the header is left out
    body text               -- NULL: the original's
);
CREATE INDEX ON dlq.edits (entry_id, at);

-- The edit of the replay that is under way, or was the last; NULL: as it was.
ALTER TABLE dlq.entries ADD COLUMN edit_id uuid;
