CREATE OR REPLACE FUNCTION etl.ensure_foreign_key(child regclass, columns text, parent regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    constraint_name text := (SELECT relname FROM pg_class WHERE oid = child)
        || '_' || replace(columns, ', ', '_') || '_fkey';
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = child AND conname = constraint_name) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %s',
            child, constraint_name, columns, parent
        );
    EXCEPTION WHEN foreign_key_violation THEN
        -- The parent was dropped behind the pipeline's back. What refers to it is derived: it is loaded again.
        EXECUTE format('TRUNCATE %s CASCADE', child);
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES %s',
            child, constraint_name, columns, parent
        );
    END;
END $$;

COMMENT ON FUNCTION etl.ensure_foreign_key(regclass, text, regclass) IS
    'Adds a foreign key that is not there; DROP … CASCADE of a parent takes it along.';
