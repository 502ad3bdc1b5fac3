-- What changes in watched tables is noted by statement, whoever makes the change. Of a table that was not watched before,
-- all rows are counted and judged.

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
        functions := ARRAY['note_changed_rows', 'release_waiting'];
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = watched AND attname = '_batch_id' AND NOT attisdropped) THEN
            functions := functions || 'count_rows'::text;
        END IF;
    END IF;
    IF cardinality(functions) = (
        SELECT count(*) FROM pg_trigger
        WHERE tgrelid = watched AND tgname = ANY (SELECT name || '_insert' FROM unnest(functions) AS name)
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
            CONTINUE WHEN function = 'release_waiting' AND transition.operation <> 'insert';
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
        UPDATE etl.held_rows SET parent_came = true WHERE status = 'waiting' AND waits_for = relation;
    END IF;
END $$;

COMMENT ON FUNCTION etl.watch(text, text) IS
    'Has changes of a table noted from now on; where that was not so, all its rows are counted and checked anew.';
