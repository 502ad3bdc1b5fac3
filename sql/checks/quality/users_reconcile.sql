-- severity: error
-- description: A merged file has another number of rows in raw than in processed, rejected and held back together.
WITH merged AS (
    SELECT batch_id FROM etl.merged_batches WHERE target_table = 'processed.users'
),

landed AS (
    SELECT _batch_id AS batch_id, count(*) AS raw_rows FROM raw.users GROUP BY _batch_id
),

loaded AS (
    SELECT _batch_id AS batch_id, count(*) AS loaded_rows FROM processed.users GROUP BY _batch_id
),

-- A landed batch belongs to one file and so to one table: batch_id says enough.
rejected AS (
    SELECT batch_id, count(*) AS rejected_rows FROM etl.rejected_rows WHERE stage = 'load' GROUP BY batch_id
),

held AS (
    SELECT batch_id, count(*) AS held_rows FROM etl.held_rows GROUP BY batch_id
)

-- Full join: rows of a batch that is not merged any more are a finding too.
SELECT
    batch_id,
    coalesce(landed.raw_rows, 0) AS raw_rows,
    coalesce(loaded.loaded_rows, 0) AS loaded_rows,
    coalesce(rejected.rejected_rows, 0) AS rejected_rows,
    coalesce(held.held_rows, 0) AS held_rows,
    merged.batch_id IS NOT NULL AS is_merged,
    'LoadUsers' AS redo
FROM merged
FULL JOIN loaded USING (batch_id)
LEFT JOIN landed USING (batch_id)
LEFT JOIN rejected USING (batch_id)
LEFT JOIN held USING (batch_id)
WHERE merged.batch_id IS NULL
    OR coalesce(landed.raw_rows, 0)
    <> coalesce(loaded.loaded_rows, 0) + coalesce(rejected.rejected_rows, 0) + coalesce(held.held_rows, 0)
