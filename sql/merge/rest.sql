-- What came and is not in {target} yet: found by an anti-join, which is cheaper than to try all values again.
CREATE TEMP TABLE rest ON COMMIT DROP AS
SELECT source_row.*
FROM incoming_rows AS source_row
WHERE NOT EXISTS (
    SELECT FROM {target} AS placed
    WHERE placed._batch_id = source_row._batch_id AND placed._row = source_row._row
);
