-- Where this table was lost, nothing accounts for the rows of raw any more: their files land again. The numbers
-- of batches that other tables still name must not become another's.
DO $$
DECLARE
    named record;
    last_of_table bigint;
    last_batch bigint := 0;
BEGIN
    IF to_regclass('etl.batches') IS NOT NULL THEN
        RETURN;
    END IF;
    FOR named IN
        SELECT format('%I.%I', nspname, relname) AS name, attname, nspname
        FROM pg_attribute
        INNER JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname IN ('etl', 'raw', 'processed')
        WHERE attname IN ('batch_id', '_batch_id') AND NOT attisdropped
    LOOP
        EXECUTE format('SELECT max(%I) FROM %s', named.attname, named.name) INTO last_of_table;
        last_batch := greatest(last_batch, last_of_table);
        IF named.nspname = 'raw' THEN
            EXECUTE format('TRUNCATE %s', named.name);
        END IF;
    END LOOP;
    PERFORM set_config('pipeline.last_batch', last_batch::text, true);
END $$;

CREATE TABLE IF NOT EXISTS etl.batches (
    batch_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task            text NOT NULL,
    target_table    text NOT NULL,
    source          text NOT NULL,
    fingerprint     text NOT NULL,
    status          text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'loaded', 'failed')),
    rows_read       bigint NOT NULL DEFAULT 0,
    rows_loaded     bigint NOT NULL DEFAULT 0,
    rows_rejected   bigint NOT NULL DEFAULT 0,
    rows_superseded bigint NOT NULL DEFAULT 0,
    rows_waiting    bigint NOT NULL DEFAULT 0,
    started         timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished        timestamptz,
    error           text,
    details         jsonb NOT NULL DEFAULT '{}',
    CHECK (status <> 'loaded' OR rows_read = rows_loaded + rows_rejected + rows_superseded + rows_waiting)
);

DO $$
BEGIN
    IF current_setting('pipeline.last_batch', true) <> '' THEN
        EXECUTE format('ALTER TABLE etl.batches ALTER batch_id RESTART %s', current_setting('pipeline.last_batch')::bigint + 1);
        PERFORM set_config('pipeline.last_batch', '', true);
    END IF;
END $$;

CREATE INDEX IF NOT EXISTS batches_running_idx ON etl.batches (target_table, source) WHERE status = 'running';
CREATE INDEX IF NOT EXISTS batches_refused_idx ON etl.batches (source) WHERE details ? 'refused';

COMMENT ON TABLE etl.batches IS 'The audit of all loads, append-only. Grain: one row for each attempt to load a source.';
COMMENT ON COLUMN etl.batches.batch_id IS 'Number of the batch; rows of raw carry it as _batch_id.';
COMMENT ON COLUMN etl.batches.task IS 'Luigi task family.';
COMMENT ON COLUMN etl.batches.target_table IS 'Table or collection loaded.';
COMMENT ON COLUMN etl.batches.source IS 'File relative to the raw folder, collection, or table read.';
COMMENT ON COLUMN etl.batches.fingerprint IS 'Hash over all inputs of the load.';
COMMENT ON COLUMN etl.batches.status IS 'running, loaded or failed.';
COMMENT ON COLUMN etl.batches.rows_read IS 'Records read = loaded + rejected + superseded + waiting.';
COMMENT ON COLUMN etl.batches.rows_loaded IS 'Records that are in the target.';
COMMENT ON COLUMN etl.batches.rows_rejected IS 'Records kept in etl.rejected_rows with a reason.';
COMMENT ON COLUMN etl.batches.rows_superseded IS 'Records that lost to a later record of the same key.';
COMMENT ON COLUMN etl.batches.rows_waiting IS 'Records that refer to a row that is not there yet.';
COMMENT ON COLUMN etl.batches.started IS 'When the attempt began.';
COMMENT ON COLUMN etl.batches.finished IS 'When it committed or failed.';
COMMENT ON COLUMN etl.batches.error IS 'Why it failed.';
COMMENT ON COLUMN etl.batches.details IS 'Further facts: drift, the fields that were found, the content that was refused, the file whose rejected records come back corrected.';
