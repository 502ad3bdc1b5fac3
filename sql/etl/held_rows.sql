-- What earlier versions had cannot be brought along: the rows are derived, and the first merge finds them anew. A view
-- that reads the old columns shows the checks alone until all views are published.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('etl.held_rows') AND attname = 'key' AND atttypid = 'text'::regtype
    ) THEN
        RETURN;
    END IF;
    IF to_regclass('trusted.data_quality') IS NOT NULL THEN
        CREATE OR REPLACE VIEW trusted.data_quality AS
        SELECT check_name AS name, target_table AS source, severity, findings, last_seen, description
        FROM etl.check_results;
    END IF;
    DELETE FROM etl.held_rows;
    ALTER TABLE etl.held_rows
    DROP COLUMN user_id,
    DROP COLUMN content_id,
    ALTER COLUMN key TYPE text[] USING ARRAY[key],
    ADD COLUMN waits_for text,
    ADD COLUMN parent_key text[];
END $$;

CREATE TABLE IF NOT EXISTS etl.held_rows (
    table_name text NOT NULL,
    batch_id   bigint NOT NULL,
    _row       bigint NOT NULL,
    key        text[] NOT NULL,
    status     text NOT NULL CHECK (status IN ('superseded', 'waiting')),
    waits_for  text,
    parent_key text[],
    PRIMARY KEY (batch_id, _row)
);

CREATE INDEX IF NOT EXISTS held_rows_key_idx ON etl.held_rows (table_name, key);
CREATE INDEX IF NOT EXISTS held_rows_waits_for_idx ON etl.held_rows (waits_for, parent_key) WHERE status = 'waiting';

COMMENT ON TABLE etl.held_rows IS 'Valid raw rows that are not in processed. Grain: one row for each raw row held back.';
COMMENT ON COLUMN etl.held_rows.table_name IS 'Table of processed it belongs to.';
COMMENT ON COLUMN etl.held_rows.batch_id IS '_batch_id of the raw row.';
COMMENT ON COLUMN etl.held_rows._row IS '_row of the raw row.';
COMMENT ON COLUMN etl.held_rows.key IS 'Its primary key, column by column.';
COMMENT ON COLUMN etl.held_rows.status IS 'superseded: a later record of the same key won; waiting: a row that it refers to is not there.';
COMMENT ON COLUMN etl.held_rows.waits_for IS 'Table of the first row that is missing.';
COMMENT ON COLUMN etl.held_rows.parent_key IS 'The columns that refer to that row.';

SELECT etl.watch('etl', 'held_rows');
