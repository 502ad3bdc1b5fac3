-- Rows that came by no load: those of raw.{table} go, those of processed.{table} are treated like a batch that left.
DELETE FROM raw.{table}
WHERE _batch_id NOT IN (SELECT batch_id FROM current_batches);

INSERT INTO removed_batches (batch_id)
SELECT DISTINCT _batch_id FROM processed.{table}
EXCEPT
SELECT batch_id FROM removed_batches;
