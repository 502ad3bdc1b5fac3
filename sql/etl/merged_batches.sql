CREATE TABLE IF NOT EXISTS etl.merged_batches (
    target_table text NOT NULL,
    batch_id     bigint NOT NULL,
    PRIMARY KEY (target_table, batch_id)
);

COMMENT ON TABLE etl.merged_batches IS 'Which raw batches a processed table reflects. Grain: one row for each target and batch.';
COMMENT ON COLUMN etl.merged_batches.target_table IS 'Table of processed.';
COMMENT ON COLUMN etl.merged_batches.batch_id IS '_batch_id of the raw rows it reflects.';
