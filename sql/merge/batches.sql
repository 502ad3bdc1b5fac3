-- Which batches of {raw} came, and which were withdrawn, since {processed} was merged last. A full merge takes all
-- batches out and in again; rows that come out the same are not rewritten.
CREATE TEMP TABLE incoming_batches ON COMMIT DROP AS
SELECT current_batches.batch_id
FROM current_batches
WHERE %(full)s OR NOT EXISTS (
    SELECT FROM etl.merged_batches AS merged
    WHERE merged.target_table = %(processed)s AND merged.batch_id = current_batches.batch_id
);

CREATE TEMP TABLE withdrawn_batches ON COMMIT DROP AS
SELECT merged.batch_id
FROM etl.merged_batches AS merged
WHERE merged.target_table = %(processed)s AND (%(full)s OR NOT EXISTS (
    SELECT FROM current_batches WHERE current_batches.batch_id = merged.batch_id
));

-- An index scan of a few batches and a scan of all of them are told apart by these counts.
ANALYZE current_batches, incoming_batches, withdrawn_batches;

-- Of other batches, rows that were changed, added or taken away as their file was edited.
CREATE TEMP TABLE edited (batch_id bigint, _row bigint) ON COMMIT DROP;

WITH noted AS (
    DELETE FROM etl.edited_rows AS edited_rows
    USING etl.merged_batches AS merged
    WHERE merged.target_table = %(processed)s AND merged.batch_id = edited_rows.batch_id
    RETURNING edited_rows.batch_id, edited_rows._row
)

INSERT INTO edited
SELECT batch_id, _row FROM noted
WHERE batch_id NOT IN (SELECT batch_id FROM withdrawn_batches);

ANALYZE edited;

DELETE FROM etl.merged_batches AS merged
USING withdrawn_batches AS withdrawn
WHERE merged.target_table = %(processed)s AND merged.batch_id = withdrawn.batch_id;

INSERT INTO etl.merged_batches (target_table, batch_id)
SELECT %(processed)s, batch_id FROM incoming_batches;

-- What was rejected of them when they were merged before.
DELETE FROM etl.rejected_rows
WHERE stage = 'load' AND batch_id IN (
    SELECT batch_id FROM incoming_batches UNION ALL SELECT batch_id FROM withdrawn_batches
);

DELETE FROM etl.rejected_rows AS rejected
USING edited
WHERE rejected.stage = 'load' AND rejected.batch_id = edited.batch_id AND rejected.record = edited._row;
