DO $$
BEGIN
    IF to_regnamespace('processed') IS NULL THEN
        CREATE SCHEMA processed;
    END IF;
END $$;

COMMENT ON SCHEMA processed IS 'Typed, keyed and audited tables.';
