CREATE OR REPLACE FUNCTION etl.ensure_foreign_key(child regclass, name text, columns text, parent regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    addition text := format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %s', child, name, columns, parent);
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = child AND conname = name) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE addition;
    EXCEPTION WHEN foreign_key_violation THEN
        -- The parent was dropped behind the pipeline's back. What refers to it is derived: it is loaded again.
        EXECUTE format('TRUNCATE %s CASCADE', child);
        EXECUTE addition;
    END;
END $$;

COMMENT ON FUNCTION etl.ensure_foreign_key(regclass, text, text, regclass) IS
    'Adds a foreign key that is not there; DROP … CASCADE of a parent takes it along.';
