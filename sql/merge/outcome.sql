-- What became of the rows of the batches that came, and how many rows {target} has now.
SELECT
    coalesce(sum(rows) FILTER (WHERE place = 'processed'), 0)::bigint AS rows_loaded,
    coalesce(sum(rows) FILTER (WHERE place = 'rejected_rows' AND kind = 'load'), 0)::bigint AS rows_rejected,
    coalesce(sum(rows) FILTER (WHERE place = 'held_rows' AND kind = 'superseded'), 0)::bigint AS rows_superseded,
    coalesce(sum(rows) FILTER (WHERE place = 'held_rows' AND kind = 'waiting'), 0)::bigint AS rows_waiting,
    (
        SELECT coalesce(sum(rows), 0)::bigint FROM etl.row_counts WHERE place = 'processed' AND table_name = {name}
    ) AS rows_present
FROM etl.row_counts INNER JOIN incoming_batches USING (batch_id)
WHERE table_name = {name};
