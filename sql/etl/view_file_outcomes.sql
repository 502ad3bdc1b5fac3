CREATE OR REPLACE VIEW etl.file_outcomes AS
SELECT
    batches.source,
    substr(updates.target_table, 5) AS table_name,
    updates.batch_id,
    batches.rows_read AS read,
    batches.rows_read - kept.rejected - kept.superseded - kept.waiting AS loaded,
    kept.rejected, kept.superseded, kept.waiting
FROM etl.table_updates AS updates
INNER JOIN etl.batches AS batches ON batches.batch_id = coalesce(updates.audit_id, updates.batch_id)
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(rows) FILTER (WHERE place = 'rejected_rows'), 0)::bigint AS rejected,
        coalesce(sum(rows) FILTER (WHERE kind = 'superseded'), 0)::bigint AS superseded,
        coalesce(sum(rows) FILTER (WHERE kind LIKE 'waiting%'), 0)::bigint AS waiting
    FROM etl.row_counts
    WHERE row_counts.batch_id = updates.batch_id
) AS kept
WHERE updates.target_table LIKE 'raw.%';

COMMENT ON VIEW etl.file_outcomes IS 'What became of the records of each file by now. Grain: one row for each CSV file that is landed.';
COMMENT ON COLUMN etl.file_outcomes.source IS 'The file, relative to the raw folder.';
COMMENT ON COLUMN etl.file_outcomes.table_name IS 'Its table.';
COMMENT ON COLUMN etl.file_outcomes.batch_id IS 'The number that its rows carry: the batch that landed it first.';
COMMENT ON COLUMN etl.file_outcomes.read IS 'Records in the file.';
COMMENT ON COLUMN etl.file_outcomes.loaded IS
    'Records that stand in processed: the rest, which the checks in sql/checks/quality compare with the tables.';
COMMENT ON COLUMN etl.file_outcomes.rejected IS 'Records rejected at landing or loading.';
COMMENT ON COLUMN etl.file_outcomes.superseded IS 'Records that lost to a later one of the same key.';
COMMENT ON COLUMN etl.file_outcomes.waiting IS 'Records that refer to a row that is not there.';
