-- What came and is not in processed.{table} yet: found by an anti-join, which is cheaper than to try all values again.
CREATE TEMP TABLE rest ON COMMIT DROP AS
SELECT source_row.*
FROM all_arrived AS source_row
WHERE {some_left} AND NOT EXISTS (
    SELECT FROM processed.{table} AS placed
    WHERE placed._batch_id = source_row._batch_id AND placed._row = source_row._row
);
