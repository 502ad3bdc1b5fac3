-- Keeps the rows that cannot be typed (the table invalid_rows, typed in stg_invalid), with all their problems.
INSERT INTO etl.rejected_rows (
    batch_id, stage, table_name, source, record, column_name, value, reason, problems, row
)
SELECT
    staged._batch_id,
    'load',
    {name},
    batches.source, staged._row,
    staged.problems -> 0 ->> 'column',
    staged.problems -> 0 ->> 'value',
    staged.problems -> 0 ->> 'reason',
    staged.problems,
    etl.kept_record(to_jsonb(source_row) - ARRAY['_batch_id', '_row'])
FROM stg_invalid AS staged
INNER JOIN invalid_rows AS source_row ON source_row._batch_id = staged._batch_id AND source_row._row = staged._row
INNER JOIN etl.batches AS batches ON batches.batch_id = staged._batch_id;
