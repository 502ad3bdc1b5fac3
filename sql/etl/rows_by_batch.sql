CREATE OR REPLACE FUNCTION etl.rows_by_batch(of_schema text)
RETURNS TABLE (table_name text, batch_id bigint, row_count bigint)
LANGUAGE sql STABLE AS $$
    SELECT table_name, batch_id, sum(rows)::bigint
    FROM etl.row_counts
    WHERE place = of_schema AND batch_id IS NOT NULL
    GROUP BY table_name, batch_id
    HAVING sum(rows) <> 0
$$;

COMMENT ON FUNCTION etl.rows_by_batch(text) IS
    'Numbers of rows, as etl.row_counts has them, of every table of a schema that CSV files fill. Grain: one row for each table and batch.';
