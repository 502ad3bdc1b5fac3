-- What became of the rows of the added batches, batch by batch.
WITH loaded AS (
    SELECT _batch_id AS batch_id, count(*) AS rows_loaded
    FROM {target}
    WHERE {is_incoming}
    GROUP BY _batch_id
)

SELECT
    batches.batch_id, current_batches.source, batches.rows_loaded AS rows_read,
    coalesce(loaded.rows_loaded, 0) AS rows_loaded,
    (
        SELECT count(*) FROM etl.rejected_rows
        WHERE batch_id = batches.batch_id AND stage = 'load' AND table_name = {name}
    ) AS rows_rejected,
    count(held._row) FILTER (WHERE held.status = 'superseded') AS rows_superseded,
    count(held._row) FILTER (WHERE held.status = 'waiting') AS rows_waiting
FROM incoming_batches
INNER JOIN current_batches ON current_batches.batch_id = incoming_batches.batch_id
INNER JOIN etl.batches AS batches ON batches.batch_id = incoming_batches.batch_id
LEFT JOIN loaded ON loaded.batch_id = incoming_batches.batch_id
LEFT JOIN etl.held_rows AS held ON held.batch_id = incoming_batches.batch_id AND held.table_name = {name}
GROUP BY batches.batch_id, current_batches.source, batches.rows_loaded, loaded.rows_loaded
ORDER BY current_batches.source;
