-- The name of a group, as etl.label makes it in PostgreSQL.
CREATE OR REPLACE TEMPORARY FUNCTION label(value STRING) RETURNS STRING
RETURN CASE
    WHEN octet_length(value) > 1000 THEN concat(left(value, 200), '… ', md5(CAST(value AS BINARY)))
    ELSE value
END
