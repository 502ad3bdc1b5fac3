DO $$
BEGIN
    IF to_regnamespace('raw') IS NULL THEN
        CREATE SCHEMA raw;
    END IF;
END $$;

COMMENT ON SCHEMA raw IS 'Rows of the CSV files as they came: all text, one table per kind of file.';
