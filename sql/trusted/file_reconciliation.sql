-- Materialized, since analysts may not count in the tables.
CREATE MATERIALIZED VIEW trusted.file_reconciliation AS
-- Numbers of rows kept up as they change, not taken from the audit: what that says is what is to be verified.
WITH loaded AS MATERIALIZED (
    SELECT table_name, batch_id, row_count FROM etl.rows_by_batch('processed')
),

typed AS (
    SELECT relname AS table_name
    FROM pg_class
    INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attname = '_batch_id'
    WHERE relnamespace = 'processed'::regnamespace AND relkind = 'r'
),

outcomes AS (
    SELECT
        o.source, o.table_name, o.batch_id, o.read,
        CASE
            WHEN o.table_name IN (SELECT table_name FROM typed) THEN coalesce(l.row_count, 0)
            ELSE o.loaded  -- a table that stays in raw
        END AS loaded,
        o.rejected, o.superseded, o.waiting
    FROM etl.file_outcomes AS o
    LEFT JOIN loaded AS l ON l.table_name = o.table_name AND l.batch_id = o.batch_id
)

SELECT
    source, table_name, batch_id, read AS rows_read, loaded AS rows_loaded, rejected AS rows_rejected,
    superseded AS rows_superseded, waiting AS rows_waiting,
    read - loaded - rejected - superseded - waiting AS difference
FROM outcomes;

CREATE UNIQUE INDEX file_reconciliation_key ON trusted.file_reconciliation (batch_id);

COMMENT ON MATERIALIZED VIEW trusted.file_reconciliation IS
    'What became of the records of each CSV file by now. Grain: one row for each file that is landed. '
    'Example: SELECT source, rows_read, rows_rejected, rows_waiting FROM trusted.file_reconciliation '
    'WHERE rows_rejected > 0 ORDER BY rows_rejected DESC';
COMMENT ON COLUMN trusted.file_reconciliation.table_name IS 'Table its records belong to.';
COMMENT ON COLUMN trusted.file_reconciliation.batch_id IS 'The batch in load_history that landed it.';
COMMENT ON COLUMN trusted.file_reconciliation.rows_read IS 'Records in the file.';
COMMENT ON COLUMN trusted.file_reconciliation.rows_loaded IS 'Records that stand in their table of processed, counted there; of an undeclared table, in raw.';
COMMENT ON COLUMN trusted.file_reconciliation.rows_rejected IS 'Rejected records, kept with their reasons.';
COMMENT ON COLUMN trusted.file_reconciliation.rows_superseded IS 'Records that lost to a later one of the same key.';
COMMENT ON COLUMN trusted.file_reconciliation.rows_waiting IS 'Records whose parent is not there yet.';
COMMENT ON COLUMN trusted.file_reconciliation.difference IS
    'Records unaccounted for: 0.';
