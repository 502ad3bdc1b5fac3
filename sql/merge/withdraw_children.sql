-- Sends the rows of {target} back to waiting whose parent leaves; they stand in the table {removed}.
DELETE FROM {target} AS target
USING {removed} AS removed
WHERE ({key_target}) = ({key_removed});

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status, waits_for, parent_key)
SELECT {name}, _batch_id, _row, {key_text}, 'waiting', {parent}, {parent_key}
FROM {removed} AS staged;
