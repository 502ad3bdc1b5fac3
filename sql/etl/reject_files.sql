CREATE TABLE IF NOT EXISTS etl.reject_files (
    batch_id   bigint PRIMARY KEY,
    table_name text NOT NULL,
    file_name  text NOT NULL,
    digest     text,
    attempted  text[] NOT NULL DEFAULT '{}',
    revision   bigint NOT NULL DEFAULT 0,
    is_due     boolean NOT NULL DEFAULT true
);

CREATE INDEX IF NOT EXISTS reject_files_due_idx ON etl.reject_files (batch_id) WHERE is_due;

COMMENT ON TABLE etl.reject_files IS
    'Files of rejected records as they were written, by which to tell those that a person has edited. Grain: one row for each batch with such a file.';
COMMENT ON COLUMN etl.reject_files.batch_id IS 'The batch whose rejected records are in it.';
COMMENT ON COLUMN etl.reject_files.table_name IS 'The table they were meant for.';
COMMENT ON COLUMN etl.reject_files.file_name IS 'Its name in DATA_REJECTED_PATH.';
COMMENT ON COLUMN etl.reject_files.digest IS 'Digest of what was written; null before.';
COMMENT ON COLUMN etl.reject_files.attempted IS 'Digests of what runs were about to write since, which may have been killed.';
COMMENT ON COLUMN etl.reject_files.revision IS 'How often the rejected records may have changed: a file of an older revision stays due.';
COMMENT ON COLUMN etl.reject_files.is_due IS 'The rejected records may have changed since: the file is to be brought up to date.';
