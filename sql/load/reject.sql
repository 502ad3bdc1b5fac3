-- Keeps the rows that cannot be typed, with all their problems.
DELETE FROM etl.rejected_rows AS rejected
WHERE rejected.stage = 'load' AND rejected.table_name = {name} AND rejected.batch_id IN (
    SELECT batch_id FROM added_batches
    UNION ALL
    SELECT batch_id FROM removed_batches
);

INSERT INTO etl.rejected_rows (
    batch_id, stage, table_name, source, record, column_name, value, reason, problems, row
)
SELECT
    typed._batch_id,
    'load',
    {name},
    batches.source,
    typed._row,
    typed.problems -> 0 ->> 'column',
    typed.problems -> 0 ->> 'value',
    typed.problems -> 0 ->> 'reason',
    typed.problems,
    to_jsonb(source_row) - ARRAY['_batch_id', '_row']
FROM typed_unfit AS typed
INNER JOIN unfit AS source_row ON source_row._batch_id = typed._batch_id AND source_row._row = typed._row
INNER JOIN current_batches AS batches ON batches.batch_id = typed._batch_id;
