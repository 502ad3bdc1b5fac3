-- severity: error
-- description: A landed file has another number of rejected records, or of rows in raw, than its audit row says.
WITH csv_files AS (
    SELECT batch_id, coalesce(audit_id, batch_id) AS audit_id, update_id
    FROM etl.table_updates
    WHERE update_id LIKE 'LoadCsvToPostgres:%'
),

-- The last load of each file, in whichever MongoDB. What an earlier finding voided and no run has done again since is of
-- a file that is gone: nothing can bring back its rejected documents.
json_files AS (
    SELECT last_loads.batch_id, last_loads.batch_id AS audit_id, updates.update_id
    FROM (
        SELECT max(batch_id) AS batch_id FROM etl.batches
        WHERE task = 'LoadJsonToMongo' AND status = 'loaded'
        GROUP BY source
    ) AS last_loads
    INNER JOIN etl.table_updates AS updates USING (batch_id)
    WHERE updates.fingerprint <> 'redo'
),

files AS (
    SELECT
        landed.batch_id, batches.source, batches.target_table, batches.rows_loaded, batches.rows_rejected, landed.update_id
    FROM etl.batches AS batches
    INNER JOIN (SELECT * FROM csv_files UNION ALL SELECT * FROM json_files) AS landed ON landed.audit_id = batches.batch_id
),

raw_rows AS (
    SELECT counted.batch_id, counted.row_count, loads.update_id AS merged_by
    FROM etl.rows_by_batch('raw') AS counted
    LEFT JOIN etl.table_updates AS loads ON loads.target_table = 'processed.' || counted.table_name
),

rejected AS (
    SELECT batch_id, sum(rows) AS row_count FROM etl.row_counts
    WHERE place = 'rejected_rows' AND kind = 'land' GROUP BY batch_id
)

-- Full join: rows that no landed file accounts for are a finding too.
SELECT
    batch_id, files.source, files.rows_rejected,
    coalesce(rejected.row_count, 0) AS kept_rejected,
    files.rows_loaded, raw_rows.row_count AS kept_rows,
    coalesce(files.update_id, raw_rows.merged_by) AS redo
FROM files
FULL JOIN raw_rows USING (batch_id)
LEFT JOIN rejected USING (batch_id)
WHERE (files.batch_id IS NULL AND raw_rows.merged_by IS NOT NULL)
    OR files.rows_rejected <> coalesce(rejected.row_count, 0)
    OR (
        files.target_table LIKE 'raw.%'
        AND files.rows_loaded <> coalesce(raw_rows.row_count, 0)
    )
