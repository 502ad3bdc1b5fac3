-- Numbers of rows by batch, kept up as rows change, so that no run counts a table. Triggers do that (etl.watch), but in
-- raw, where the landing keeps account.

CREATE TABLE IF NOT EXISTS etl.row_counts (
    place      text NOT NULL,
    table_name text NOT NULL,
    batch_id   bigint,
    kind       text,
    rows       bigint
);

CREATE INDEX IF NOT EXISTS row_counts_batch_id_idx ON etl.row_counts (batch_id);

COMMENT ON TABLE etl.row_counts IS
    'Numbers of rows, to be added up: a change is one more row. Grain: place, table, batch and kind, one row for each '
    'change; without a batch: all of the table is to be counted anew.';
COMMENT ON COLUMN etl.row_counts.place IS 'raw, processed, held_rows or rejected_rows.';
COMMENT ON COLUMN etl.row_counts.table_name IS 'Table of raw or processed that the rows are in or meant for.';
COMMENT ON COLUMN etl.row_counts.batch_id IS 'The batch that the rows came with.';
COMMENT ON COLUMN etl.row_counts.kind IS 'Status of held rows, and for which table they wait; stage of rejected ones; else null.';
COMMENT ON COLUMN etl.row_counts.rows IS 'Rows that came, or, below 0, left.';

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
    WHEN relation = 'held_rows'
        THEN 'table_name, batch_id, CASE status WHEN ''waiting'' THEN ''waiting for '' || waits_for ELSE status END AS kind'
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
        -- Of rows that Spark keeps, it told the number.
        CONTINUE WHEN marked.table_name IN (SELECT table_name FROM etl.lake_files);
        IF to_regclass(format('%I.%I', schema_name, relation)) IS NULL THEN
            DELETE FROM etl.row_counts WHERE place = marked.place AND table_name = marked.table_name;
            CONTINUE;
        END IF;
        -- In one statement, for others may write meanwhile.
        EXECUTE format(
            'WITH old AS (DELETE FROM etl.row_counts WHERE place = %1$L AND (table_name = %2$L OR %2$L = '''') '
            'AND (place <> ''held_rows'' OR table_name NOT IN (SELECT table_name FROM etl.lake_files))) '
            'INSERT INTO etl.row_counts (place, table_name, batch_id, kind, rows) '
            'SELECT %1$L, %3$s, count(*) FROM %4$I.%5$I GROUP BY 2, 3, 4',
            marked.place, marked.table_name, etl.groups_of(schema_name, relation), schema_name, relation
        );
    END LOOP;
END $$;

COMMENT ON FUNCTION etl.count_anew(text) IS
    'Counts what etl.count_later was asked for, of one table of processed or of all tables.';

CREATE OR REPLACE FUNCTION etl.add_up_counts() RETURNS void
LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM etl.row_counts WHERE ctid IN (
            SELECT unnest(array_agg(ctid)) FROM etl.row_counts
            WHERE batch_id IS NOT NULL GROUP BY place, table_name, batch_id, kind HAVING count(*) > 1
        ) RETURNING *
    )

    INSERT INTO etl.row_counts
    SELECT place, table_name, batch_id, kind, sum(rows) FROM gone
    GROUP BY place, table_name, batch_id, kind HAVING sum(rows) <> 0;
$$;

COMMENT ON FUNCTION etl.add_up_counts() IS 'Makes one row of the counts of what changed more than once.';
