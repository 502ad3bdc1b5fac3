-- Fills the empty processed.{table} with the rows that came and are valid, and whose parents are there: a table
-- without indexes takes them in one pass. Whatever else came goes the way of every later row.
INSERT INTO processed.{table} ({columns}, _batch_id, _row)
SELECT {typed_columns}, typed._batch_id, typed._row
FROM typed_all AS typed
{typed_parents}
WHERE typed.valid AND NOT ({waits});
