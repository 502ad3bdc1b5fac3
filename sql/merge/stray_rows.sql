-- Rows that came by no load: those of {raw} go, those of {target} are treated like a withdrawn batch.
DELETE FROM {raw}
WHERE _batch_id NOT IN (SELECT batch_id FROM current_batches);

DELETE FROM etl.row_counts
WHERE place = 'raw' AND table_name = {name} AND batch_id NOT IN (SELECT batch_id FROM current_batches);

INSERT INTO withdrawn_batches (batch_id)
SELECT DISTINCT _batch_id FROM {target}
EXCEPT
SELECT batch_id FROM withdrawn_batches;
