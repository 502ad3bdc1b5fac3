CREATE OR REPLACE FUNCTION etl.rows_by_batch(of_schema text)
RETURNS TABLE (table_name text, batch_id bigint, row_count bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    query text := (
        SELECT string_agg(
            format('SELECT %L::text, _batch_id, count(*) FROM %s GROUP BY _batch_id', relname, pg_class.oid::regclass),
            ' UNION ALL '
        )
        FROM pg_class INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attname = '_batch_id'
        WHERE relnamespace = to_regnamespace(of_schema) AND relkind = 'r'
    );
BEGIN
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE query;
    END IF;
END $$;

COMMENT ON FUNCTION etl.rows_by_batch(text) IS
    'Counts the rows of every table of a schema that CSV files fill. Grain: one row for each table and batch.';
