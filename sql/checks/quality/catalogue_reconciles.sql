-- severity: error
-- description: The titles loaded and the documents rejected are not the documents that the extraction read.
WITH loaded AS (
    SELECT batches.*, 'ExtractMongoToCsv ' || marker.run_date AS redo
    FROM etl.batches AS batches
    INNER JOIN etl.table_updates AS marker USING (batch_id)
    WHERE marker.update_id = 'LoadNormalizedJsonsToPostgres'
),

titles AS (
    SELECT count(*) AS row_count FROM processed.content WHERE removed_at IS NULL
),

rejected AS (
    SELECT count(*) AS row_count FROM etl.rejected_rows WHERE stage = 'extract'
)

SELECT
    loaded.batch_id,
    extracted.rows_read AS documents_extracted,
    loaded.rows_read,
    loaded.rows_loaded,
    titles.row_count AS titles,
    loaded.rows_rejected,
    rejected.row_count AS kept_rejected,
    loaded.redo
FROM loaded
INNER JOIN etl.batches AS extracted ON extracted.batch_id = (loaded.details ->> 'extraction')::bigint
CROSS JOIN titles
CROSS JOIN rejected
WHERE loaded.rows_read <> extracted.rows_read
    OR loaded.rows_loaded <> titles.row_count
    OR loaded.rows_rejected <> rejected.row_count
