-- What was discarded at the consumers of one service, in its order: asked for by services that have another database.
CREATE INDEX ON dlq.entries (split_part(consumer, '-', 1), updated_at, id) WHERE status = 'discarded';
