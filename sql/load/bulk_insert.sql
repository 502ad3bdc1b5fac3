-- Where the table itself must stay, the typed rows are copied to it: still faster than to type them in one process.
INSERT INTO processed.{table} ({columns}, _batch_id, _row)
SELECT {columns}, _batch_id, _row FROM {typed_rows};

DROP TABLE {typed_rows};
