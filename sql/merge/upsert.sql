-- Brings {target} to the winners; a row that is the same is not rewritten.
DELETE FROM {target} AS target
USING deleted_keys AS deleted
WHERE ({key_target}) = ({key_deleted});

INSERT INTO {target} AS target ({columns}, _batch_id, _row)
SELECT {columns}, _batch_id, _row
FROM winners
WHERE _waits_for IS NULL
ON CONFLICT ({key}) DO UPDATE SET ({columns}, _batch_id, _row) = ROW ({columns_excluded}, excluded._batch_id, excluded._row)
WHERE ({columns_target}, target._batch_id, target._row)
    IS DISTINCT FROM ({columns_excluded}, excluded._batch_id, excluded._row);
