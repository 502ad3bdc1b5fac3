CREATE OR REPLACE FUNCTION etl.present_rows(table_name text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    row_count bigint;
    has_removed boolean := EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass(format('processed.%I', table_name)) AND attname = 'removed_at' AND NOT attisdropped
    );
BEGIN
    EXECUTE format(
        'SELECT count(*) FROM processed.%I%s', table_name, CASE WHEN has_removed THEN ' WHERE removed_at IS NULL' END
    ) INTO row_count;
    RETURN row_count;
END $$;

COMMENT ON FUNCTION etl.present_rows(text) IS 'Number of rows of a table of processed, without those that are marked as removed.';
