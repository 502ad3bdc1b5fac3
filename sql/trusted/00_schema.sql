DO $$
BEGIN
    IF to_regnamespace('trusted') IS NULL THEN
        CREATE SCHEMA trusted;
    END IF;
END $$;

COMMENT ON SCHEMA trusted IS 'What analysts read: documented views over processed.';
