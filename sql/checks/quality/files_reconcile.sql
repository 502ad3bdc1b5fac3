-- severity: error
-- description: A merged file has another number of rows in raw than in processed, rejected and held back together.
WITH merged AS (
    SELECT substr(target_table, 11) AS table_name, batch_id FROM etl.merged_batches
),

landed AS (
    SELECT table_name, batch_id, row_count AS raw_rows FROM etl.rows_by_batch('raw')
),

loaded AS (
    SELECT table_name, batch_id, row_count AS loaded_rows FROM etl.rows_by_batch('processed')
),

loads AS (
    SELECT substr(target_table, 11) AS table_name, update_id FROM etl.table_updates
    WHERE target_table LIKE 'processed.%'
),

-- A landed batch belongs to one file and so to one table: batch_id says enough.
rejected AS (
    SELECT batch_id, sum(rows) AS rejected_rows FROM etl.row_counts
    WHERE place = 'rejected_rows' AND kind = 'load' GROUP BY batch_id
),

held AS (
    SELECT batch_id, sum(rows) AS held_rows FROM etl.row_counts WHERE place = 'held_rows' GROUP BY batch_id
)

-- Full join: rows of a batch that is not merged any more are a finding too.
SELECT
    table_name, batch_id,
    coalesce(landed.raw_rows, 0) AS raw_rows,
    coalesce(loaded.loaded_rows, 0) AS loaded_rows,
    coalesce(rejected.rejected_rows, 0) AS rejected_rows,
    coalesce(held.held_rows, 0) AS held_rows,
    merged.batch_id IS NOT NULL AS is_merged,
    loads.update_id AS redo
FROM merged
FULL JOIN loaded USING (table_name, batch_id)
LEFT JOIN landed USING (table_name, batch_id)
LEFT JOIN rejected USING (batch_id)
LEFT JOIN held USING (batch_id)
INNER JOIN loads USING (table_name)
WHERE merged.batch_id IS NULL
    OR coalesce(landed.raw_rows, 0)
    <> coalesce(loaded.loaded_rows, 0) + coalesce(rejected.rejected_rows, 0) + coalesce(held.held_rows, 0)
