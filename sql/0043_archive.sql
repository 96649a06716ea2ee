-- Orders that `omctl archive` has moved to files, which are what is left of them.

-- One row a file: the audit knows by it which files there must be, and what they must be like. It is written by the transaction that
-- takes the orders out of orders.orders.
CREATE TABLE orders.archives (
    number bigint PRIMARY KEY,
    sha256 text NOT NULL,
    orders int NOT NULL CHECK (orders > 0),
    first_ended_at timestamptz NOT NULL, -- the last change of the orders
    last_ended_at timestamptz NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now()
);

-- The ids that follow from an Idempotency-Key: a repetition meets its order here and is not ordered again.
CREATE TABLE orders.archived_ids (
    id uuid PRIMARY KEY
);

-- What those orders count for. The counts have it, too; `omctl rebuild analytics` starts from it.
CREATE TABLE analytics.archived_counts (
    granularity text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    measure text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    bin smallint NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (granularity, at, measure, label, bin)
) WITH (fillfactor = 50);

CREATE INDEX returns_by_order ON inventory.returns (order_id);
