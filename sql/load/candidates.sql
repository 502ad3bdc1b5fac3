-- What is in question when processed.{table} is brought to the present batches: keys that lose the row that
-- stands for them, and the valid rows that came, apart from those that cannot be typed.

-- Keys that lose the row that stands for them now.
CREATE TEMP TABLE leaving ON COMMIT DROP AS
SELECT {key} AS key
FROM processed.{table}
WHERE _batch_id IN (SELECT batch_id FROM removed_batches)
UNION
SELECT held.key
FROM etl.held_rows AS held
INNER JOIN removed_batches AS removed ON removed.batch_id = held.batch_id
WHERE held.table_name = {name} AND held.status = 'waiting';

DELETE FROM etl.held_rows AS held
USING removed_batches AS removed
WHERE held.table_name = {name} AND held.batch_id = removed.batch_id;

CREATE TEMP TABLE candidates ON COMMIT DROP AS
SELECT {typed_columns}, typed._batch_id, typed._row
FROM typed
WHERE typed._batch_id IN (SELECT batch_id FROM added_batches) AND typed.valid;

ANALYZE candidates;

-- The rest, by an anti-join: cheaper than trying all values a second time.
CREATE TEMP TABLE unfit ON COMMIT DROP AS
SELECT source_row.*
FROM raw.{table} AS source_row
WHERE source_row._batch_id IN (SELECT batch_id FROM added_batches)
    AND NOT EXISTS (
        SELECT FROM candidates
        WHERE candidates._batch_id = source_row._batch_id AND candidates._row = source_row._row
    );

ANALYZE unfit;
