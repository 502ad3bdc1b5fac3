CREATE TABLE IF NOT EXISTS etl.table_updates (
    update_id    text PRIMARY KEY,
    target_table text NOT NULL,
    inserted     timestamptz NOT NULL DEFAULT clock_timestamp(),
    fingerprint  text NOT NULL,
    inputs       jsonb NOT NULL,
    batch_id     bigint,
    audit_id     bigint,
    holds        jsonb NOT NULL DEFAULT '{}',
    objects      text[] NOT NULL DEFAULT '{}',
    run_date     date,
    run_number   bigint NOT NULL DEFAULT 0
);

-- What earlier versions had: the order of runs by a clock.
ALTER TABLE etl.table_updates DROP COLUMN IF EXISTS run_started;
ALTER TABLE etl.table_updates ADD COLUMN IF NOT EXISTS run_number bigint NOT NULL DEFAULT 0;
ALTER TABLE etl.table_updates ADD COLUMN IF NOT EXISTS audit_id bigint;

COMMENT ON TABLE etl.table_updates IS 'Markers: what is loaded now. Grain: one current row for each target.';
COMMENT ON COLUMN etl.table_updates.update_id IS 'The target: task family and the parameters that tell its targets apart.';
COMMENT ON COLUMN etl.table_updates.target_table IS 'Table the task fills, for people.';
COMMENT ON COLUMN etl.table_updates.inserted IS 'When the marked load committed.';
COMMENT ON COLUMN etl.table_updates.fingerprint IS 'Hash over all inputs of the load.';
COMMENT ON COLUMN etl.table_updates.inputs IS 'The inputs behind the fingerprint: name of each input to its digest.';
COMMENT ON COLUMN etl.table_updates.batch_id IS
    'The batch of the audit that made it; of a file, the one that landed it first: its rows keep that number when it is edited.';
COMMENT ON COLUMN etl.table_updates.audit_id IS 'The batch of the audit that loaded it last.';
COMMENT ON COLUMN etl.table_updates.holds IS 'Relation to rows after the load; one that is gone, or empty though it held rows, voids the marker.';
COMMENT ON COLUMN etl.table_updates.objects IS 'Relations and constraints whose absence voids the marker.';
COMMENT ON COLUMN etl.table_updates.run_date IS 'Date of the run for targets that depend on it; an older date never overwrites a newer one.';
COMMENT ON COLUMN etl.table_updates.run_number IS 'Place of the run in the order of runs; an older run never overwrites a newer one.';

-- Markers of folders once had their place in the name; the day stands for it.
DELETE FROM etl.table_updates WHERE update_id ~ '^(ExtractMongoToCsv|BuildReport) .*/';
