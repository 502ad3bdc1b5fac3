-- Of the rows of one key that were put into processed.{table} side by side, the last by file name and record stays.
CREATE TEMP TABLE beaten ON COMMIT DROP AS
WITH repeated AS (
    SELECT {key} FROM processed.{table} GROUP BY {key} HAVING count(*) > 1
),

ranked AS (
    SELECT
        placed.{key},
        placed._batch_id,
        placed._row,
        row_number() OVER (
            PARTITION BY placed.{key} ORDER BY batches.source_rank DESC, placed._row DESC
        ) AS place
    FROM processed.{table} AS placed
    INNER JOIN repeated ON repeated.{key} = placed.{key}
    INNER JOIN current_batches AS batches ON batches.batch_id = placed._batch_id
)

SELECT {key}, _batch_id, _row FROM ranked WHERE place > 1;

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status)
SELECT {name}, _batch_id, _row, {key}, 'superseded'
FROM beaten;

DELETE FROM processed.{table} AS placed
USING beaten
WHERE placed._batch_id = beaten._batch_id AND placed._row = beaten._row;
