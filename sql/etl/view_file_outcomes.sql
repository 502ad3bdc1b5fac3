CREATE OR REPLACE VIEW etl.file_outcomes AS
WITH present AS (
    SELECT
        batches.batch_id,
        batches.source,
        split_part(updates.target_table, '.', 2) AS table_name,
        batches.rows_read
    FROM etl.table_updates AS updates
    INNER JOIN etl.batches AS batches ON batches.batch_id = updates.batch_id
    WHERE updates.target_table LIKE 'raw.%'
),

rejected AS (
    SELECT batch_id, count(*) AS records
    FROM etl.rejected_rows
    GROUP BY batch_id
),

held AS (
    SELECT
        batch_id,
        count(*) FILTER (WHERE status = 'superseded') AS superseded,
        count(*) FILTER (WHERE status = 'waiting') AS waiting
    FROM etl.held_rows
    GROUP BY batch_id
)

SELECT
    present.source,
    present.table_name,
    present.batch_id,
    present.rows_read AS read,
    present.rows_read - coalesce(rejected.records, 0) - coalesce(held.superseded, 0) - coalesce(held.waiting, 0)
        AS loaded,
    coalesce(rejected.records, 0) AS rejected,
    coalesce(held.superseded, 0) AS superseded,
    coalesce(held.waiting, 0) AS waiting
FROM present
LEFT JOIN rejected ON rejected.batch_id = present.batch_id
LEFT JOIN held ON held.batch_id = present.batch_id;

COMMENT ON VIEW etl.file_outcomes IS
    'What became of the records of each file by now. Grain: one row for each CSV file that is landed.';
COMMENT ON COLUMN etl.file_outcomes.source IS 'The file, relative to the raw folder.';
COMMENT ON COLUMN etl.file_outcomes.table_name IS 'Its table.';
COMMENT ON COLUMN etl.file_outcomes.batch_id IS 'The batch that landed it.';
COMMENT ON COLUMN etl.file_outcomes.read IS 'Records in the file.';
COMMENT ON COLUMN etl.file_outcomes.loaded IS
    'Records that stand in processed: the rest, which the checks in sql/checks/quality compare with the tables.';
COMMENT ON COLUMN etl.file_outcomes.rejected IS 'Records rejected at landing or loading.';
COMMENT ON COLUMN etl.file_outcomes.superseded IS 'Records that lost to a later one of the same key.';
COMMENT ON COLUMN etl.file_outcomes.waiting IS 'Sessions whose user or title is not there.';
