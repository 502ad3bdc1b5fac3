-- What became of the rows that came, and how many rows {target} has now.
WITH counts AS (
    SELECT place, kind, rows FROM etl.row_counts INNER JOIN incoming_batches USING (batch_id) WHERE table_name = {name}
    UNION ALL
    SELECT 'processed', NULL, count(*) FROM {target} AS target
    WHERE _batch_id IN (SELECT batch_id FROM edited)
        AND EXISTS (SELECT FROM edited WHERE edited.batch_id = target._batch_id AND edited._row = target._row)
    UNION ALL
    SELECT 'held_rows', held.status, 1
    FROM etl.held_rows AS held INNER JOIN edited ON edited.batch_id = held.batch_id AND edited._row = held._row
    UNION ALL
    SELECT 'rejected_rows', rejected.stage, 1
    FROM etl.rejected_rows AS rejected
    INNER JOIN edited ON edited.batch_id = rejected.batch_id AND edited._row = rejected.record
)

SELECT
    coalesce(sum(rows) FILTER (WHERE place = 'processed'), 0)::bigint AS rows_loaded,
    coalesce(sum(rows) FILTER (WHERE place = 'rejected_rows' AND kind = 'load'), 0)::bigint AS rows_rejected,
    coalesce(sum(rows) FILTER (WHERE place = 'held_rows' AND kind = 'superseded'), 0)::bigint AS rows_superseded,
    coalesce(sum(rows) FILTER (WHERE place = 'held_rows' AND kind LIKE 'waiting%'), 0)::bigint AS rows_waiting,
    (
        SELECT coalesce(sum(rows), 0)::bigint FROM etl.row_counts WHERE place = 'processed' AND table_name = {name}
    ) AS rows_present
FROM counts;
