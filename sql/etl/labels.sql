CREATE OR REPLACE FUNCTION etl.label(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN octet_length(value) > 1000 THEN left(value, 200) || '… ' || md5(value)
    ELSE value
END;

COMMENT ON FUNCTION etl.label(text) IS 'The name of a group: the value itself, or its beginning and its hash where no index could hold it.';
