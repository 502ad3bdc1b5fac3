CREATE VIEW trusted.load_history AS
SELECT
    batch_id, task, source, target_table, status, rows_read, rows_loaded, rows_rejected, rows_superseded,
    rows_waiting, started, finished,
    round(extract(epoch FROM finished - started), 2) AS seconds,
    fingerprint, error,
    details ? 'refused' AS refused
FROM etl.batches;

COMMENT ON VIEW trusted.load_history IS
    'The audit of all loads. Grain: one row for each attempt to load a source. Example: SELECT task, source, '
    'rows_read, rows_loaded, seconds FROM trusted.load_history WHERE status = ''loaded'' ORDER BY batch_id DESC LIMIT '
    '20';
COMMENT ON COLUMN trusted.load_history.batch_id IS 'Number of the batch.';
COMMENT ON COLUMN trusted.load_history.task IS 'Luigi task that loaded it.';
COMMENT ON COLUMN trusted.load_history.rows_loaded IS 'Records that came into the target.';
COMMENT ON COLUMN trusted.load_history.rows_rejected IS 'Records refused with a reason.';
COMMENT ON COLUMN trusted.load_history.finished IS 'When it committed or failed; null while it runs.';
COMMENT ON COLUMN trusted.load_history.seconds IS 'Seconds from start to finish, to 2 decimals.';
COMMENT ON COLUMN trusted.load_history.refused IS 'Whether the file was refused for what is in it: it is not loaded until it is corrected.';
