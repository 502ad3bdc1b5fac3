-- The rows that may come to stand in {target}: valid rows that came (typed in the view stg_incoming), and held rows
-- whose turn may have come, which follow as `reconsidered`.

-- Rows of {target} whose raw row is gone, or another by now.
CREATE TEMP TABLE leaving ON COMMIT DROP AS
SELECT {key}, _batch_id, _row
FROM {target}
WHERE _batch_id IN (SELECT batch_id FROM withdrawn_batches)
UNION ALL
SELECT {key}, _batch_id, _row
FROM {target} AS target
WHERE _batch_id IN (SELECT batch_id FROM edited)
    AND EXISTS (SELECT FROM edited WHERE edited.batch_id = target._batch_id AND edited._row = target._row);

-- Keys whose row leaves, or whose waiting row does.
CREATE TEMP TABLE vacated_keys ON COMMIT DROP AS
SELECT {key_text} AS key
FROM leaving AS staged
UNION
SELECT held.key
FROM etl.held_rows AS held
INNER JOIN withdrawn_batches AS withdrawn ON withdrawn.batch_id = held.batch_id
WHERE held.waits_for IS NOT NULL
UNION
SELECT held.key
FROM etl.held_rows AS held
INNER JOIN edited ON edited.batch_id = held.batch_id AND edited._row = held._row
WHERE held.waits_for IS NOT NULL;

DELETE FROM etl.held_rows AS held
USING withdrawn_batches AS withdrawn
WHERE held.batch_id = withdrawn.batch_id;

DELETE FROM etl.held_rows AS held
USING edited
WHERE held.batch_id = edited.batch_id AND held._row = edited._row;

CREATE TEMP TABLE candidates ON COMMIT DROP AS
SELECT {columns}, _batch_id, _row
FROM stg_incoming
WHERE valid;

ANALYZE candidates ({key});

-- The rest, by an anti-join: cheaper than trying all values a second time.
CREATE TEMP TABLE invalid_rows ON COMMIT DROP AS
SELECT source_row.*
FROM incoming_rows AS source_row
WHERE NOT EXISTS (
    SELECT FROM candidates
    WHERE candidates._batch_id = source_row._batch_id AND candidates._row = source_row._row
);

ANALYZE invalid_rows;

-- Held rows of affected keys, and those whose parent came.
CREATE TEMP TABLE reconsidered ON COMMIT DROP AS
SELECT found.batch_id, found._row
FROM (SELECT key FROM vacated_keys UNION SELECT {key_text} FROM candidates AS staged) AS affected
CROSS JOIN LATERAL (
    SELECT held.batch_id, held._row FROM etl.held_rows AS held
    WHERE held.table_name = {name} AND held.key = affected.key {by_key}
) AS found
UNION
SELECT held.batch_id, held._row
FROM etl.held_rows AS held
WHERE held.table_name = {name} AND held.parent_came;

ANALYZE reconsidered;

-- These are valid, their neighbours need not be: they are set apart before anything is cast.
CREATE TEMP TABLE reconsidered_rows ON COMMIT DROP AS
SELECT source_row.*
FROM {raw} AS source_row
INNER JOIN reconsidered ON reconsidered.batch_id = source_row._batch_id AND reconsidered._row = source_row._row
-- Mostly there are none, and then the raw table need not be read.
WHERE EXISTS (SELECT FROM reconsidered);
