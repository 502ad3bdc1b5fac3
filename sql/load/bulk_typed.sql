-- The rows that came and are valid, and whose parents are there, go into a table of their own: PostgreSQL has all its
-- cores fill a table that it makes, but only one an INSERT. Whatever else came goes the way of every later row.
CREATE {kind} {typed_rows} AS
SELECT {typed_columns}, typed._batch_id, typed._row
FROM typed_all AS typed
{typed_parents}
WHERE typed.valid AND NOT ({waits});
