-- The schema exists already where init-postgres.sh ran; IF NOT EXISTS alone would ask for CREATE on the database.
DO $$
BEGIN
    IF to_regnamespace('etl') IS NULL THEN
        CREATE SCHEMA etl;
    END IF;
END $$;

COMMENT ON SCHEMA etl IS 'Bookkeeping of the pipeline: markers, ledger, rejected and held rows, check results.';
