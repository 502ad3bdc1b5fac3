-- severity: error
-- description: A landed file has another number of rejected records, or of rows in raw, than its ledger row says.
WITH csv_batches AS (
    SELECT batch_id FROM etl.table_updates WHERE update_id LIKE 'LoadCsvToPostgres:%'
),

-- Markers of JSON files are in MongoDB; here their last load stands for them.
json_batches AS (
    SELECT max(batch_id) AS batch_id FROM etl.batches
    WHERE task = 'LoadJsonToMongo' AND status = 'loaded'
    GROUP BY source
),

raw_rows AS (
    SELECT _batch_id AS batch_id, count(*) AS row_count FROM raw.users GROUP BY _batch_id
    UNION ALL
    SELECT _batch_id AS batch_id, count(*) AS row_count FROM raw.viewing_sessions GROUP BY _batch_id
),

rejected AS (
    SELECT batch_id, count(*) AS row_count FROM etl.rejected_rows WHERE stage = 'land' GROUP BY batch_id
)

SELECT
    batches.batch_id,
    batches.source,
    batches.rows_rejected,
    coalesce(rejected.row_count, 0) AS kept_rejected,
    batches.rows_loaded,
    raw_rows.row_count AS kept_rows
FROM etl.batches AS batches
LEFT JOIN rejected USING (batch_id)
LEFT JOIN raw_rows USING (batch_id)
WHERE batches.batch_id IN (SELECT batch_id FROM csv_batches UNION ALL SELECT batch_id FROM json_batches)
    AND (
        batches.rows_rejected <> coalesce(rejected.row_count, 0)
        OR (
            batches.target_table IN ('raw.users', 'raw.viewing_sessions')
            AND batches.rows_loaded <> coalesce(raw_rows.row_count, 0)
        )
    )
