CREATE TABLE IF NOT EXISTS etl.rejected_rows (
    reject_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id     bigint NOT NULL REFERENCES etl.batches,
    stage        text NOT NULL CHECK (stage IN ('land', 'extract', 'load')),
    table_name   text NOT NULL,
    source       text NOT NULL,
    record       bigint,
    document_id  text,
    column_name  text,
    value        text,
    reason       text NOT NULL,
    problems     jsonb NOT NULL DEFAULT '[]',
    row          jsonb NOT NULL,
    rejected_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS rejected_rows_batch_id_idx ON etl.rejected_rows (batch_id);

COMMENT ON TABLE etl.rejected_rows IS 'Records that were not loaded. Grain: one row for each rejected record of a batch.';
COMMENT ON COLUMN etl.rejected_rows.reject_id IS 'Surrogate key.';
COMMENT ON COLUMN etl.rejected_rows.batch_id IS 'The batch the record came with (for CSV: the landing of its file).';
COMMENT ON COLUMN etl.rejected_rows.stage IS 'Where it was rejected: land, extract or load.';
COMMENT ON COLUMN etl.rejected_rows.table_name IS 'Table or collection it was meant for.';
COMMENT ON COLUMN etl.rejected_rows.source IS 'File relative to the raw folder, or collection.';
COMMENT ON COLUMN etl.rejected_rows.record IS 'Number of the record in its file, from 1, header not counted.';
COMMENT ON COLUMN etl.rejected_rows.document_id IS 'content_id or _id of the document.';
COMMENT ON COLUMN etl.rejected_rows.column_name IS 'Column or path of the first problem; null if the record as a whole is at fault.';
COMMENT ON COLUMN etl.rejected_rows.value IS 'Value of that column, its first 1,000 characters.';
COMMENT ON COLUMN etl.rejected_rows.reason IS 'Why the first problem is one.';
COMMENT ON COLUMN etl.rejected_rows.problems IS 'All problems of the record: array of {column, value, reason}.';
COMMENT ON COLUMN etl.rejected_rows.row IS 'The record, whole unless it has more than a mebibyte: then long values are cut.';
COMMENT ON COLUMN etl.rejected_rows.rejected_at IS 'When it was rejected.';

SELECT etl.watch('etl', 'rejected_rows');
