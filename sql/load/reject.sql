-- Keeps the rows that cannot be typed (the table `unfit`, typed in `typed_unfit`), with all their problems.
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
INNER JOIN etl.batches AS batches ON batches.batch_id = typed._batch_id;
