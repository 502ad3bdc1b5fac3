-- Fills the empty processed.{table} with the rows that came and are valid, and whose parents are there: a table
-- without indexes takes them in one pass. Whatever else came goes the way of every later row.

-- Typed aside first: PostgreSQL has all its cores fill a table that it makes, but only one an INSERT. To copy the
-- rows costs a fifth of what it takes to type them.
CREATE TEMP TABLE typed_rows ON COMMIT DROP AS
SELECT {typed_columns}, typed._batch_id, typed._row
FROM typed_all AS typed
{typed_parents}
WHERE typed.valid AND NOT ({waits});

INSERT INTO processed.{table} ({columns}, _batch_id, _row)
SELECT {columns}, _batch_id, _row FROM typed_rows;
