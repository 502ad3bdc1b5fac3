-- What is in question when processed.{table} is brought to the present batches: keys that lose the row that
-- stands for them, the valid rows that came (the view `arrived`, typed in `typed`), apart from those that cannot
-- be typed, and rows held back so far.

-- Keys that lose the row that stands for them now.
CREATE TEMP TABLE leaving ON COMMIT DROP AS
SELECT {key} AS key
FROM processed.{table}
WHERE _batch_id IN (SELECT batch_id FROM removed_batches)
UNION
SELECT held.key
FROM etl.held_rows AS held
INNER JOIN removed_batches AS removed ON removed.batch_id = held.batch_id
WHERE held.table_name = {name} AND held.status = 'waiting';

DELETE FROM etl.held_rows AS held
USING removed_batches AS removed
WHERE held.table_name = {name} AND held.batch_id = removed.batch_id;

CREATE TEMP TABLE candidates ON COMMIT DROP AS
SELECT {typed_columns}, typed._batch_id, typed._row
FROM typed
WHERE typed.valid;

ANALYZE candidates ({key});

-- The rest, by an anti-join: cheaper than trying all values a second time.
CREATE TEMP TABLE unfit ON COMMIT DROP AS
SELECT source_row.*
FROM arrived AS source_row
WHERE NOT EXISTS (
    SELECT FROM candidates
    WHERE candidates._batch_id = source_row._batch_id AND candidates._row = source_row._row
);

ANALYZE unfit;

-- Held rows that get another chance: of keys in question, or whose parents have arrived.
CREATE TEMP TABLE reconsidered ON COMMIT DROP AS
SELECT held.batch_id, held._row
FROM etl.held_rows AS held
{held_parents}
WHERE held.table_name = {name} AND (
    held.key IN (SELECT key FROM leaving)
    OR held.key IN (SELECT {key} FROM candidates)
    OR (held.status = 'waiting' AND NOT ({waits}))
);

ANALYZE reconsidered;

-- These are valid, their neighbours need not be: they are set apart before anything is cast.
CREATE TEMP TABLE again ON COMMIT DROP AS
SELECT source_row.*
FROM raw.{table} AS source_row
INNER JOIN reconsidered ON reconsidered.batch_id = source_row._batch_id AND reconsidered._row = source_row._row
-- Mostly there are none, and then the raw table need not be read.
WHERE EXISTS (SELECT FROM reconsidered);
