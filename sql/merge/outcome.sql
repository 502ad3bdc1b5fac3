-- What became of the rows of the batches that came.
SELECT
    (SELECT count(*) FROM {target} WHERE {is_incoming}) AS rows_loaded,
    (
        SELECT count(*) FROM etl.rejected_rows INNER JOIN incoming_batches USING (batch_id)
        WHERE stage = 'load' AND table_name = {name}
    ) AS rows_rejected,
    count(*) FILTER (WHERE status = 'superseded') AS rows_superseded,
    count(*) FILTER (WHERE status = 'waiting') AS rows_waiting
FROM etl.held_rows INNER JOIN incoming_batches USING (batch_id)
WHERE table_name = {name};
