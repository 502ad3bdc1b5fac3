-- What changes in watched tables is noted by statement, whoever makes the change: so a run need neither count nor check
-- rows that are as they were. Of a table that was not watched before, all rows are counted and checked.

-- Where one of these is lost, nobody knows which findings are still right: all rows are judged again.
DO $$
BEGIN
    IF num_nulls(to_regclass('etl.check_reads'), to_regclass('etl.changed_rows'), to_regclass('etl.findings')) > 0 THEN
        DROP TABLE IF EXISTS etl.findings, etl.row_checks;
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS etl.row_counts (
    place      text NOT NULL,
    table_name text NOT NULL,
    batch_id   bigint,
    kind       text,
    rows       bigint
);

CREATE INDEX IF NOT EXISTS row_counts_batch_id_idx ON etl.row_counts (batch_id);

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

CREATE INDEX IF NOT EXISTS changed_rows_all_idx ON etl.changed_rows (table_name) WHERE key IS NULL;

COMMENT ON TABLE etl.row_counts IS
    'Numbers of rows, to be added up: a change is one more row. Grain: place, table, batch and kind, one row for each '
    'change; without a batch: all of the table is to be counted anew.';
COMMENT ON COLUMN etl.row_counts.place IS 'raw, processed, held_rows or rejected_rows.';
COMMENT ON COLUMN etl.row_counts.table_name IS 'Table of raw or processed that the rows are in or meant for.';
COMMENT ON COLUMN etl.row_counts.batch_id IS 'The batch that the rows came with.';
COMMENT ON COLUMN etl.row_counts.kind IS 'Status of held rows, stage of rejected ones; else null.';
COMMENT ON COLUMN etl.row_counts.rows IS 'Rows that came, or, below 0, left.';
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

CREATE OR REPLACE FUNCTION etl.count_later(of_place text, of_table text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM etl.row_counts WHERE place = of_place AND table_name = of_table AND batch_id IS NULL
    ) THEN
        INSERT INTO etl.row_counts (place, table_name) VALUES (of_place, of_table);
    END IF;
END $$;

COMMENT ON FUNCTION etl.count_later(text, text) IS 'Has the rows of a table counted anew before their number is used.';

CREATE OR REPLACE FUNCTION etl.groups_of(schema_name text, relation text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN schema_name <> 'etl' THEN format('%L::text AS table_name, _batch_id AS batch_id, NULL::text AS kind', relation)
    WHEN relation = 'held_rows' THEN 'table_name, batch_id, status AS kind'
    ELSE 'table_name, batch_id, stage AS kind'
END;

COMMENT ON FUNCTION etl.groups_of(text, text) IS 'By what the rows of a table are counted, as a list of expressions.';

CREATE OR REPLACE FUNCTION etl.count_rows() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    place text := CASE TG_TABLE_SCHEMA WHEN 'etl' THEN TG_TABLE_NAME ELSE TG_TABLE_SCHEMA END;
    groups text := etl.groups_of(TG_TABLE_SCHEMA, TG_TABLE_NAME);
BEGIN
    -- In raw the pipeline keeps account itself: to have every row that is copied at hand here would cost too much.
    IF TG_OP = 'TRUNCATE' OR place = 'raw' THEN
        PERFORM etl.count_later(place, CASE TG_TABLE_SCHEMA WHEN 'etl' THEN '' ELSE TG_TABLE_NAME END);
        RETURN NULL;
    END IF;
    EXECUTE format(
        'INSERT INTO etl.row_counts SELECT %L, table_name, batch_id, kind, sum(rows) FROM (%s) AS changes '
        'GROUP BY table_name, batch_id, kind HAVING sum(rows) <> 0',
        place,
        concat_ws(
            ' UNION ALL ',
            CASE WHEN TG_OP <> 'INSERT' THEN format('SELECT %s, -count(*) AS rows FROM old_rows GROUP BY 1, 2, 3', groups) END,
            CASE WHEN TG_OP <> 'DELETE' THEN format('SELECT %s, count(*) AS rows FROM new_rows GROUP BY 1, 2, 3', groups) END
        )
    );
    RETURN NULL;
END $$;

COMMENT ON FUNCTION etl.count_rows() IS 'Trigger: keeps the numbers of rows by batch up.';

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

CREATE OR REPLACE FUNCTION etl.watch(schema_name text, relation text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    watched regclass := to_regclass(format('%I.%I', schema_name, relation));
    functions text[] := ARRAY['count_rows'];
    transition record;
    function text;
    is_empty boolean;
BEGIN
    IF schema_name = 'processed' THEN
        functions := ARRAY['note_changed_rows'];
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = watched AND attname = '_batch_id' AND NOT attisdropped) THEN
            functions := functions || 'count_rows'::text;
        END IF;
        -- A table may have sums of its own that are kept up.
        IF to_regprocedure(format('etl.%I()', 'sum_up_' || relation)) IS NOT NULL THEN
            functions := functions || ('sum_up_' || relation);
        END IF;
    END IF;
    IF cardinality(functions) = (
        SELECT count(*) FROM pg_trigger
        WHERE tgrelid = watched AND tgname = ANY (SELECT name || '_truncate' FROM unnest(functions) AS name)
    ) THEN
        RETURN;
    END IF;
    FOREACH function IN ARRAY functions LOOP
        FOR transition IN
            SELECT * FROM (VALUES
                ('insert', 'REFERENCING NEW TABLE AS new_rows'),
                ('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                ('delete', 'REFERENCING OLD TABLE AS old_rows'),
                ('truncate', NULL)
            ) AS transitions (operation, tables)
        LOOP
            EXECUTE format(
                'CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT %s EXECUTE FUNCTION etl.%I()',
                function || '_' || transition.operation,
                transition.operation,
                watched,
                CASE WHEN schema_name <> 'raw' THEN transition.tables END,
                -- A load, which has a day, keeps account of raw itself.
                CASE
                    WHEN schema_name = 'raw' AND transition.operation <> 'truncate'
                        THEN 'WHEN (coalesce(current_setting(''pipeline.run_day'', true), '''') = '''')'
                END,
                function
            );
        END LOOP;
    END LOOP;
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', watched) INTO is_empty;
    IF schema_name = 'raw' AND is_empty THEN
        DELETE FROM etl.row_counts WHERE place = 'raw' AND table_name = relation;
    ELSIF 'count_rows' = ANY (functions) THEN
        PERFORM etl.count_later(
            CASE schema_name WHEN 'etl' THEN relation ELSE schema_name END,
            CASE schema_name WHEN 'etl' THEN '' ELSE relation END
        );
    END IF;
    IF schema_name = 'processed' THEN
        INSERT INTO etl.changed_rows (table_name) SELECT DISTINCT table_name FROM etl.check_reads WHERE reads = relation;
    END IF;
END $$;

COMMENT ON FUNCTION etl.watch(text, text) IS
    'Has changes of a table noted from now on; where that was not so, all its rows are counted and checked anew.';

CREATE OR REPLACE FUNCTION etl.count_anew(of_table text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    marked record;
    schema_name text;
    relation text;
BEGIN
    FOR marked IN
        -- The marks go first: so two sessions never count the same.
        WITH marks AS (
            DELETE FROM etl.row_counts
            WHERE batch_id IS NULL AND (
                of_table IS NULL OR place IN ('held_rows', 'rejected_rows') OR (place, table_name) = ('processed', of_table)
            )
            RETURNING place, table_name
        )

        SELECT DISTINCT place, table_name FROM marks
    LOOP
        schema_name := CASE WHEN marked.table_name = '' THEN 'etl' ELSE marked.place END;
        relation := coalesce(nullif(marked.table_name, ''), marked.place);
        IF to_regclass(format('%I.%I', schema_name, relation)) IS NULL THEN
            DELETE FROM etl.row_counts WHERE place = marked.place AND table_name = marked.table_name;
            CONTINUE;
        END IF;
        -- In one statement, for others may write meanwhile.
        EXECUTE format(
            'WITH old AS (DELETE FROM etl.row_counts WHERE place = %1$L AND (table_name = %2$L OR %2$L = '''')) '
            'INSERT INTO etl.row_counts (place, table_name, batch_id, kind, rows) '
            'SELECT %1$L, %3$s, count(*) FROM %4$I.%5$I GROUP BY 2, 3, 4',
            marked.place, marked.table_name, etl.groups_of(schema_name, relation), schema_name, relation
        );
        IF schema_name = 'processed' AND to_regprocedure(format('etl.%I()', 'sum_anew_' || relation)) IS NOT NULL THEN
            EXECUTE format('SELECT etl.%I()', 'sum_anew_' || relation);
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION etl.count_anew(text) IS
    'Counts what etl.count_later was asked for, of one table of processed or of all tables.';
