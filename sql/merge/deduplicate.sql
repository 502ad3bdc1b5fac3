-- Of the rows of one key that were put into {target} side by side, the last by file name and record stays.
CREATE TEMP TABLE superseded ON COMMIT DROP AS
WITH repeated AS (
    SELECT {key} FROM {target} GROUP BY {key} HAVING count(*) > 1
),

ranked AS (
    SELECT
        {key},
        _batch_id, _row,
        row_number() OVER (PARTITION BY {key} ORDER BY _rank DESC, _row DESC) AS _place
    FROM {target}
    INNER JOIN repeated USING ({key})
    INNER JOIN current_batches AS batches (_batch_id, _source, _rank) USING (_batch_id)
)

SELECT {key}, _batch_id, _row FROM ranked WHERE _place > 1;

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status)
SELECT {name}, _batch_id, _row, {key_text}, 'superseded'
FROM superseded AS staged;

DELETE FROM {target} AS target
USING superseded
WHERE superseded._batch_id = target._batch_id AND superseded._row = target._row;
