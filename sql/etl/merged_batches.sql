CREATE TABLE IF NOT EXISTS etl.merged_batches (
    target_table text NOT NULL,
    batch_id     bigint NOT NULL,
    PRIMARY KEY (target_table, batch_id)
);

CREATE TABLE IF NOT EXISTS etl.edited_rows (
    batch_id bigint,
    _row     bigint,
    PRIMARY KEY (batch_id, _row)
);

COMMENT ON TABLE etl.edited_rows IS
    'Rows of merged batches that were changed, added or taken away as their file was edited, until that is merged. '
    'Grain: one row for each place in a batch.';
COMMENT ON COLUMN etl.edited_rows.batch_id IS '_batch_id of the raw row.';
COMMENT ON COLUMN etl.edited_rows._row IS '_row of the raw row.';
COMMENT ON TABLE etl.merged_batches IS 'Which raw batches a processed table reflects. Grain: one row for each target and batch.';
COMMENT ON COLUMN etl.merged_batches.target_table IS 'Table of processed.';
COMMENT ON COLUMN etl.merged_batches.batch_id IS '_batch_id of the raw rows it reflects.';
