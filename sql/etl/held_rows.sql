-- What earlier versions had cannot be brought along: the rows are derived, and the first merge finds them anew. A view
-- that reads the old columns shows the checks alone until all views are published.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('etl.held_rows') AND attname = 'key' AND atttypid = 'text'::regtype
    ) THEN
        RETURN;
    END IF;
    IF to_regclass('trusted.data_quality') IS NOT NULL THEN
        CREATE OR REPLACE VIEW trusted.data_quality AS
        SELECT check_name AS name, target_table AS source, severity, findings, last_seen, description
        FROM etl.check_results;
    END IF;
    DELETE FROM etl.held_rows;
    ALTER TABLE etl.held_rows
    DROP COLUMN user_id,
    DROP COLUMN content_id,
    ALTER COLUMN key TYPE text[] USING ARRAY[key],
    ADD COLUMN waits_for text,
    ADD COLUMN parent_key text[];
END $$;

CREATE TABLE IF NOT EXISTS etl.held_rows (
    table_name  text NOT NULL,
    batch_id    bigint NOT NULL,
    _row        bigint NOT NULL,
    key         text[] NOT NULL,
    status      text NOT NULL CHECK (status IN ('superseded', 'waiting')),
    waits_for   text,
    parent_key  text[],
    parent_came boolean NOT NULL DEFAULT false,
    PRIMARY KEY (batch_id, _row)
);

-- Of rows that an earlier version kept, nobody noted whether their parent came.
ALTER TABLE etl.held_rows ADD COLUMN IF NOT EXISTS parent_came boolean NOT NULL DEFAULT true;
ALTER TABLE etl.held_rows ALTER COLUMN parent_came SET DEFAULT false;

CREATE INDEX IF NOT EXISTS held_rows_key_idx ON etl.held_rows (table_name, key);
CREATE INDEX IF NOT EXISTS held_rows_waits_for_idx ON etl.held_rows (waits_for, parent_key) WHERE status = 'waiting';
CREATE INDEX IF NOT EXISTS held_rows_parent_came_idx ON etl.held_rows (table_name) WHERE parent_came;

COMMENT ON TABLE etl.held_rows IS 'Valid raw rows that are not in processed. Grain: one row for each raw row held back.';
COMMENT ON COLUMN etl.held_rows.table_name IS 'Table of processed it belongs to.';
COMMENT ON COLUMN etl.held_rows.batch_id IS '_batch_id of the raw row.';
COMMENT ON COLUMN etl.held_rows._row IS '_row of the raw row.';
COMMENT ON COLUMN etl.held_rows.key IS 'Its primary key, column by column.';
COMMENT ON COLUMN etl.held_rows.status IS 'superseded: a later record of the same key won; waiting: a row that it refers to is not there.';
COMMENT ON COLUMN etl.held_rows.waits_for IS 'Table of the first row that is missing.';
COMMENT ON COLUMN etl.held_rows.parent_key IS 'The columns that refer to that row.';
COMMENT ON COLUMN etl.held_rows.parent_came IS 'Whether that row came since: the next load of the table looks at this one again.';

CREATE OR REPLACE FUNCTION etl.release_waiting() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    -- As text of the column's collation: else its index is of no use.
    came_to text := TG_TABLE_NAME;
    key text;
BEGIN
    IF NOT EXISTS (SELECT FROM new_rows)
        OR NOT EXISTS (SELECT FROM etl.held_rows WHERE status = 'waiting' AND waits_for = came_to)
    THEN
        RETURN NULL;
    END IF;
    -- In the types of the columns that refer to it: so it reads as it was kept.
    FOR key IN
        SELECT string_agg(format('%I::%s::text', theirs.attname, format_type(own.atttypid, own.atttypmod)), ', ' ORDER BY pair.place)
        FROM pg_constraint AS reference
        CROSS JOIN LATERAL unnest(reference.conkey, reference.confkey) WITH ORDINALITY AS pair (own, theirs, place)
        INNER JOIN pg_attribute AS own ON own.attrelid = reference.conrelid AND own.attnum = pair.own
        INNER JOIN pg_attribute AS theirs ON theirs.attrelid = reference.confrelid AND theirs.attnum = pair.theirs
        WHERE reference.contype = 'f' AND reference.confrelid = TG_RELID
        GROUP BY reference.oid
    LOOP
        EXECUTE format(
            'UPDATE etl.held_rows AS held SET parent_came = true FROM (SELECT ARRAY[%s] AS key FROM new_rows) AS new '
            'CROSS JOIN LATERAL ('
            '    SELECT batch_id, _row FROM etl.held_rows'
            '    WHERE status = ''waiting'' AND waits_for = %L AND parent_key = new.key OFFSET 0'
            ') AS waiting '
            'WHERE (held.batch_id, held._row) = (waiting.batch_id, waiting._row) AND NOT held.parent_came',
            key, came_to
        );
    END LOOP;
    IF NOT FOUND THEN
        UPDATE etl.held_rows SET parent_came = true WHERE status = 'waiting' AND waits_for = came_to;
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION etl.release_waiting() IS 'Trigger: notes which rows need not wait any more for those that came.';

SELECT etl.watch('etl', 'held_rows');
