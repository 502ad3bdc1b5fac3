CREATE VIEW trusted.data_quality AS
-- Extraction repeats daily, files are corrected and redelivered: what an older batch of the same source rejected
-- is no longer so.
WITH latest_batches AS (
    SELECT max(b.batch_id) AS audit_id
    FROM etl.batches AS b
    WHERE b.status = 'loaded' OR EXISTS (SELECT FROM etl.rejected_rows AS r WHERE r.batch_id = b.batch_id)
    GROUP BY b.target_table, b.source
),

-- Rows of a file that was edited keep the number of the batch that brought them.
present_batches AS (
    SELECT audit_id AS batch_id FROM latest_batches
    UNION
    SELECT u.batch_id FROM etl.table_updates AS u INNER JOIN latest_batches USING (audit_id)
),

rejections AS (
    SELECT
        r.reason AS name, r.source,
        'rejected' AS severity,
        count(*) AS findings,
        max(r.rejected_at) AS last_seen,
        string_agg(DISTINCT r.column_name, ', ') AS description
    FROM etl.rejected_rows AS r
    INNER JOIN present_batches USING (batch_id)
    GROUP BY r.reason, r.source
),

waiting AS (
    SELECT
        kept.kind AS name,
        b.source,
        'waiting' AS severity,
        sum(kept.rows)::bigint AS findings,
        max(coalesce(b.finished, b.started)) AS last_seen,
        NULL AS description
    FROM etl.row_counts AS kept
    INNER JOIN etl.batches AS b USING (batch_id)
    WHERE kept.kind LIKE 'waiting for %'
    GROUP BY kept.kind, b.source
    HAVING sum(kept.rows) <> 0
)

SELECT check_name AS name, target_table AS source, severity, findings, last_seen, description FROM etl.check_results
UNION ALL
SELECT name, source, severity, findings, last_seen, description FROM rejections
UNION ALL
SELECT name, source, severity, findings, last_seen, description FROM waiting;

COMMENT ON VIEW trusted.data_quality IS
    'What is known to be wrong with the data. Grain: one row for each check, also those without findings, and one for '
    'each source and reason why records of its latest load were rejected or wait. Example: SELECT name, source, '
    'findings FROM trusted.data_quality WHERE findings > 0 ORDER BY severity, findings DESC';
COMMENT ON COLUMN trusted.data_quality.name IS 'The check, the reason of rejection, or what records wait for.';
COMMENT ON COLUMN trusted.data_quality.source IS 'Table checked, or file or collection the records came from.';
COMMENT ON COLUMN trusted.data_quality.severity IS
    'error: stops the load; warn: reported; rejected: not loaded; waiting: loads once the row that it refers to arrives.';
COMMENT ON COLUMN trusted.data_quality.findings IS 'Number of offending rows; 0 for a check that passed.';
COMMENT ON COLUMN trusted.data_quality.last_seen IS 'When it was last found; null if never.';
COMMENT ON COLUMN trusted.data_quality.description IS
    'What a finding of the check means; for rejected rows the columns at fault, null if the whole row is.';
