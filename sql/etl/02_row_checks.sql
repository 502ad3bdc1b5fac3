-- What row checks found, and which rows changed since, so that no run judges rows that are as they were.

-- Where one of these is lost, nobody knows which findings are still right: all rows are judged again.
DO $$
BEGIN
    IF num_nulls(to_regclass('etl.check_reads'), to_regclass('etl.changed_rows'), to_regclass('etl.findings')) > 0 THEN
        DROP TABLE IF EXISTS etl.findings, etl.row_checks;
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS etl.check_reads (
    table_name text NOT NULL,
    columns    text[] NOT NULL,
    reads      text NOT NULL,
    read_key   text[] NOT NULL,
    watched    text[] NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.changed_rows (
    table_name text NOT NULL,
    columns    text[],
    key        text[]
);

CREATE INDEX IF NOT EXISTS changed_rows_all_idx ON etl.changed_rows (table_name) WHERE key IS NULL;

CREATE TABLE IF NOT EXISTS etl.row_checks (
    check_id   integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    check_name text PRIMARY KEY,
    table_name text NOT NULL,
    digest     text NOT NULL DEFAULT '',
    day        date,
    findings   bigint NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS etl.findings (
    check_id integer NOT NULL,
    key      text[] NOT NULL,
    PRIMARY KEY (check_id, key)
);

COMMENT ON TABLE etl.check_reads IS
    'Which columns the row checks of a table read, and whose rows these belong to. Grain: one row for each table with '
    'row checks, table that they read, and way from one to the other.';
COMMENT ON COLUMN etl.check_reads.table_name IS 'Table whose rows are judged.';
COMMENT ON COLUMN etl.check_reads.columns IS 'Columns of it that lead to the row that is read.';
COMMENT ON COLUMN etl.check_reads.reads IS 'Table that is read.';
COMMENT ON COLUMN etl.check_reads.read_key IS 'Columns there that hold the same values.';
COMMENT ON COLUMN etl.check_reads.watched IS 'Columns there that the checks read.';
COMMENT ON TABLE etl.changed_rows IS
    'Rows that the checks of a table are to judge again. Grain: one row for each change; without a key: all rows.';
COMMENT ON COLUMN etl.changed_rows.table_name IS 'Table whose rows are to be judged.';
COMMENT ON COLUMN etl.changed_rows.columns IS 'Columns by which they are found.';
COMMENT ON COLUMN etl.changed_rows.key IS 'Values of these.';
COMMENT ON TABLE etl.row_checks IS 'Checks that judge rows, as of their last time. Grain: one row for each check.';
COMMENT ON COLUMN etl.row_checks.check_id IS 'Surrogate key.';
COMMENT ON COLUMN etl.row_checks.check_name IS 'File of the check below sql/checks, without .sql.';
COMMENT ON COLUMN etl.row_checks.table_name IS 'Table whose rows it judges.';
COMMENT ON COLUMN etl.row_checks.digest IS 'Hash over the check; with another one all rows are judged again.';
COMMENT ON COLUMN etl.row_checks.day IS 'Day of the run that judged.';
COMMENT ON COLUMN etl.row_checks.findings IS 'Number of its rows in etl.findings.';
COMMENT ON TABLE etl.findings IS 'What row checks found. Grain: one row for each check and offending row.';
COMMENT ON COLUMN etl.findings.check_id IS 'The check.';
COMMENT ON COLUMN etl.findings.key IS 'Primary key of the offending row, column by column.';

CREATE OR REPLACE FUNCTION etl.note_changed_rows() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    reader record;
    read text;
    changed text;
BEGIN
    FOR reader IN SELECT * FROM etl.check_reads WHERE reads = TG_TABLE_NAME LOOP
        CONTINUE WHEN EXISTS (SELECT FROM etl.changed_rows WHERE table_name = reader.table_name AND key IS NULL);
        IF TG_OP = 'TRUNCATE' THEN
            INSERT INTO etl.changed_rows (table_name) VALUES (reader.table_name);
            CONTINUE;
        END IF;
        read := (SELECT string_agg(DISTINCT format('%I', name), ', ') FROM unnest(reader.read_key || reader.watched) AS name);
        changed := CASE TG_OP
            WHEN 'INSERT' THEN 'new_rows'
            WHEN 'DELETE' THEN 'old_rows'
            -- Other columns, such as the lineage, may change as they like.
            ELSE format(
                '((SELECT %1$s FROM old_rows EXCEPT ALL SELECT %1$s FROM new_rows) UNION ALL '
                '(SELECT %1$s FROM new_rows EXCEPT ALL SELECT %1$s FROM old_rows)) AS differing',
                read
            )
        END;
        EXECUTE format(
            'INSERT INTO etl.changed_rows SELECT %L, %L::text[], ARRAY[%s] FROM %s',
            reader.table_name, reader.columns,
            (SELECT string_agg(format('%I::text', name), ', ' ORDER BY place) FROM unnest(reader.read_key) WITH ORDINALITY AS of_key (name, place)),
            changed
        );
    END LOOP;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION etl.note_changed_rows() IS 'Trigger: notes which rows the checks are to judge again.';
