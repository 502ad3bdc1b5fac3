-- Each body is one expression, and no function is declared more stable than what it calls: so PostgreSQL
-- inlines them, and no call is made for a cell. The usual values are told by their digits alone, which takes a
-- fraction of what a regular expression does, and converted once; the expressions look at the rest.

CREATE OR REPLACE FUNCTION etl.blanks() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- White space of Unicode, U+200B and U+FEFF: the same set as BLANKS in pipeline/records/text_rules.py.
RETURN U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680'
    || U&'\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\200B\2028\2029\202F\205F\3000\FEFF';

COMMENT ON FUNCTION etl.blanks() IS 'All characters that are blanks around a value.';

CREATE OR REPLACE FUNCTION etl.clean(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    -- No blank is among the characters 33 to 132. To look at both ends is cheaper than to trim, and arithmetic, in which
    -- the character stands once, cheaper than BETWEEN: this is evaluated for every cell.
    WHEN (ascii(value) + 67) / 100 = 1 AND (ascii(right(value, 1)) + 67) / 100 = 1 THEN value
    ELSE nullif(btrim(value, etl.blanks()), '')
END;

COMMENT ON FUNCTION etl.clean(text) IS 'The value without blanks around it; null if nothing is left.';

CREATE OR REPLACE FUNCTION etl.key_problem(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(value) > 512 THEN 'longer than 512 bytes' END;

COMMENT ON FUNCTION etl.key_problem(text) IS
    'Why a cleaned value cannot be a key; null if it can, or is null. The limit keeps index entries legal.';

-- The usual values, read once: the three functions below give null for all others, valid or not.

CREATE OR REPLACE FUNCTION etl.plain_whole(value text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(value) <= 9 AND translate(value, '0123456789', '') = '' THEN value::integer END;

COMMENT ON FUNCTION etl.plain_whole(text) IS 'The whole number that a cleaned value of up to nine digits is; null for any other value.';

CREATE OR REPLACE FUNCTION etl.plain_number(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN octet_length(value) <= 60 AND translate(value, '0123456789', '') IN ('', '.') AND value <> '.'
        THEN value::numeric
END;

COMMENT ON FUNCTION etl.plain_number(text) IS 'The number that a cleaned value of digits, with a point or without, is; null for any other value.';

CREATE OR REPLACE FUNCTION etl.plain_date(value text) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN pg_input_is_valid(value, 'date') THEN value::date END;

COMMENT ON FUNCTION etl.plain_date(text) IS 'The day that a cleaned value stands for in the eyes of PostgreSQL, which knows many ways to write one; null if for none.';

-- What is wrong with a value, which is looked into only where what was read of it (`plain`) does not do. The beginning
-- of a value shows what it is not: an expression takes many times the memory of what it looks at.

CREATE OR REPLACE FUNCTION etl.whole_problem(value text, plain bigint, low bigint, high bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value IS NULL OR plain BETWEEN low AND high THEN NULL
    WHEN left(value, 1000) !~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$' THEN 'not a number'
    WHEN left(value, 1000) !~ '^[+-]?[0-9]+(\.0+)?$' THEN 'not a whole number'
    WHEN length(value) > 60 OR value::numeric NOT BETWEEN low AND high
        THEN 'out of range: ' || low::text || ' to ' || high::text
END;

COMMENT ON FUNCTION etl.whole_problem(text, bigint, bigint, bigint) IS 'Why a cleaned value is no whole number from low to high; null if it is one, or is null.';

CREATE OR REPLACE FUNCTION etl.whole(value text, plain bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN plain IS NULL THEN value::numeric::bigint ELSE plain END;

COMMENT ON FUNCTION etl.whole(text, bigint) IS 'The whole number that a cleaned value without whole_problem stands for.';

CREATE OR REPLACE FUNCTION etl.numeric_problem(value text, plain numeric, low numeric, high numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value IS NULL OR plain BETWEEN low AND high THEN NULL
    WHEN left(value, 1000) !~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$' THEN 'not a number'
    WHEN length(value) > 60 OR value::numeric NOT BETWEEN low AND high
        THEN 'out of range: ' || low::text || ' to ' || high::text
END;

COMMENT ON FUNCTION etl.numeric_problem(text, numeric, numeric, numeric) IS 'Why a cleaned value is no decimal number from low to high; null if it is one, or is null.';

CREATE OR REPLACE FUNCTION etl.number(value text, plain numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN plain IS NULL THEN value::numeric ELSE plain END;

COMMENT ON FUNCTION etl.number(text, numeric) IS 'The number that a cleaned value without numeric_problem stands for.';

CREATE OR REPLACE FUNCTION etl.date_problem(value text, plain date, low date, high date) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    -- Written out, a day looks as it came in ISO format only.
    WHEN value IS NULL OR (plain::text = value AND plain BETWEEN low AND high) THEN NULL
    WHEN (value NOT LIKE '____-__-__' OR translate(value, '0123456789', '') <> '--')
        -- As programs write a day that keep days as times, whatever their zone.
        AND left(value, 1000) !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]00:00(:00(\.0+)?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?$'
        THEN CASE
            WHEN left(value, 1000) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]' THEN 'a time where a date belongs'
            ELSE 'not an ISO date (YYYY-MM-DD)'
        END
    WHEN plain IS NULL THEN 'no such day'
    WHEN plain NOT BETWEEN low AND high THEN 'out of range: ' || low::text || ' to ' || high::text
END;

COMMENT ON FUNCTION etl.date_problem(text, date, date, date) IS
    'Why a cleaned value is no ISO date in a range, at midnight if it has a time; null if it is one, or is null.';

CREATE OR REPLACE FUNCTION etl.time_problem(value text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN left(value, 1000) !~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}'
        || '([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?$')
        THEN 'not an ISO time (YYYY-MM-DD HH:MM:SS+00:00)'
    WHEN NOT pg_input_is_valid(value, 'timestamptz') THEN 'no such time'
    WHEN value::timestamptz NOT BETWEEN '1900-01-01 00:00+00' AND '2100-12-31 23:59:59.999999+00'
        THEN 'out of range: 1900-01-01 to 2100-12-31'
END;

COMMENT ON FUNCTION etl.time_problem(text) IS 'Why a cleaned value is no ISO time from 1900 to 2100; null if it is one, or is null.';

CREATE OR REPLACE FUNCTION etl.float_problem(value text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN left(value, 1000) !~ '^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$' THEN 'not a number'
    WHEN NOT pg_input_is_valid(value, 'float8') THEN 'out of range'
END;

COMMENT ON FUNCTION etl.float_problem(text) IS 'Why a cleaned value is no number of double precision; null if it is one, or is null.';

CREATE OR REPLACE FUNCTION etl.other_problem(value text, type_name text, reason text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN NOT pg_input_is_valid(value, type_name) THEN reason END;

COMMENT ON FUNCTION etl.other_problem(text, text, text) IS
    'The reason, if a cleaned value is none of a type in the eyes of PostgreSQL; else, and for null, null.';

CREATE OR REPLACE FUNCTION etl.problem(column_name text, value text, reason text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN reason IS NOT NULL
        THEN jsonb_build_array(jsonb_build_object(
            'column', column_name,
            'value', left(value, 1000),
            'reason', CASE WHEN reason = 'missing' THEN column_name || ' is missing' ELSE reason END
        ))
    ELSE '[]'
END;

COMMENT ON FUNCTION etl.problem(text, text, text) IS 'A problem as an array of one, no problem as an empty array, to be concatenated.';

CREATE OR REPLACE FUNCTION etl.kept_record(record jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN pg_column_size(record) <= 1048576 THEN record
    ELSE (
        SELECT jsonb_object_agg(
            field.key,
            CASE
                WHEN length(field.value) > 10000
                    THEN left(field.value, 10000) || '… (shortened: ' || length(field.value)::text || ' characters)'
                ELSE field.value
            END
        )
        FROM jsonb_each_text(record) AS field
    )
END;

COMMENT ON FUNCTION etl.kept_record(jsonb) IS
    'A rejected record as it is kept: whole, or with long values cut if it has more than a mebibyte.';
