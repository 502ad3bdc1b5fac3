-- severity: error
-- description: The documents loaded and rejected are not those that the extraction read, or not the rows that are there.
WITH loaded AS (
    SELECT batches.*, 'ExtractMongoToCsv ' || marker.run_date AS redo
    FROM etl.batches AS batches
    INNER JOIN etl.table_updates AS marker USING (batch_id)
    WHERE marker.update_id = 'LoadNormalizedJsonsToPostgres'
),

-- The tables that have one row for each document, with the documents loaded into them.
documents AS (
    SELECT each.key AS table_name, each.value::bigint AS row_count
    FROM loaded
    CROSS JOIN jsonb_each_text(loaded.details -> 'documents') AS each
),

present AS (
    SELECT table_name, row_count AS documents_loaded, etl.present_rows(table_name) AS rows_present FROM documents
),

rejected AS (
    SELECT count(*) AS row_count
    FROM etl.rejected_rows
    INNER JOIN loaded USING (batch_id)
)

SELECT
    loaded.batch_id, extracted.rows_read AS documents_extracted, loaded.rows_read, loaded.rows_loaded,
    present.table_name, present.documents_loaded, present.rows_present, loaded.rows_rejected,
    rejected.row_count AS kept_rejected, loaded.redo
FROM loaded
INNER JOIN etl.batches AS extracted ON extracted.batch_id = (loaded.details ->> 'extraction')::bigint
LEFT JOIN present ON true
CROSS JOIN rejected
WHERE loaded.rows_read <> extracted.rows_read
    OR loaded.rows_rejected <> rejected.row_count
    OR loaded.rows_loaded <> (SELECT coalesce(sum(row_count), 0) FROM documents)
    OR present.documents_loaded <> present.rows_present
