-- The first run needs both before any table is there; two first runs wait for each other.
SELECT pg_advisory_xact_lock(22096, hashtext('etl'));

-- The schemas exist already where init-postgres.sh ran; IF NOT EXISTS alone would ask for CREATE on the database.
DO $$
BEGIN
    IF to_regnamespace('etl') IS NULL THEN
        CREATE SCHEMA etl;
    END IF;
    IF to_regnamespace('raw') IS NULL THEN
        CREATE SCHEMA raw;
    END IF;
    IF to_regnamespace('processed') IS NULL THEN
        CREATE SCHEMA processed;
    END IF;
    IF to_regclass('etl.run_numbers') IS NULL THEN
        CREATE SEQUENCE etl.run_numbers;
        -- Should it alone be lost, runs go on after those whose markers are there.
        IF EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = to_regclass('etl.table_updates') AND attname = 'run_number' AND NOT attisdropped
        ) THEN
            PERFORM setval('etl.run_numbers', max(run_number) + 1) FROM etl.table_updates HAVING max(run_number) > 0;
        END IF;
    END IF;
END $$;

COMMENT ON SEQUENCE etl.run_numbers IS 'Numbers the runs in the order in which they look at their inputs.';
COMMENT ON SCHEMA etl IS 'Bookkeeping of the pipeline: markers, audit, rejected and held rows, check results.';
COMMENT ON SCHEMA raw IS 'Rows of the CSV files as they came: all text, one table per kind of file.';
COMMENT ON SCHEMA processed IS 'Typed, keyed and audited tables.';
