-- The table is empty, and so nothing of the batches that left is there but what was held back.
DELETE FROM etl.held_rows
WHERE table_name = {name} AND batch_id IN (SELECT batch_id FROM removed_batches);

DELETE FROM removed_batches;
