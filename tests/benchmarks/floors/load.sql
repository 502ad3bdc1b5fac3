-- The load as it would be written by hand for this one purpose: one connection, tables without indexes, then keys,
-- foreign keys, indexes and statistics. :copies names a file with a COPY for each input file.
\set ON_ERROR_STOP on
\timing on
SET work_mem = '64MB';
SET maintenance_work_mem = '256MB';
SET jit = off;

BEGIN;
CREATE SCHEMA raw;
CREATE SCHEMA processed;
CREATE TABLE raw.users (
    _batch_id bigint NOT NULL, _row bigint NOT NULL,
    user_id text, age text, country text, subscription_type text, registration_date text, total_watch_time_hours text
);
CREATE TABLE raw.viewing_sessions (
    _batch_id bigint NOT NULL, _row bigint NOT NULL,
    session_id text, user_id text, content_id text, watch_date text, watch_duration_minutes text,
    completion_percentage text, device_type text, quality_level text
);
CREATE TABLE processed.content (
    content_id text NOT NULL, title text NOT NULL, type text NOT NULL CHECK (type IN ('movie', 'series')),
    release_year smallint, rating numeric(3,1) CHECK (rating BETWEEN 0 AND 10),
    production_budget numeric(15,2) CHECK (production_budget >= 0), extra jsonb, removed_at timestamptz
);
CREATE TABLE processed.movie_details (
    content_id text NOT NULL, duration_minutes integer CHECK (duration_minutes > 0),
    views_count bigint CHECK (views_count >= 0)
);
CREATE TABLE processed.series_details (
    content_id text NOT NULL, season_count integer CHECK (season_count >= 0), avg_episode_duration numeric(6,1),
    total_views bigint CHECK (total_views >= 0)
);
CREATE TABLE processed.genres (content_id text NOT NULL, genre text NOT NULL);
CREATE TABLE processed.seasons (content_id text NOT NULL, season_number integer NOT NULL, episode_count integer);
CREATE TABLE processed.episodes (
    content_id text NOT NULL, season_number integer NOT NULL, episode_number integer NOT NULL, title text,
    duration_minutes integer, air_date date
);
CREATE TABLE processed.users (
    user_id text NOT NULL, age smallint CHECK (age BETWEEN 0 AND 120), country text, subscription_type text,
    registration_date date, total_watch_time_hours numeric(10,2) CHECK (total_watch_time_hours >= 0),
    _batch_id bigint NOT NULL, _row bigint NOT NULL
);
CREATE TABLE processed.viewing_sessions (
    session_id text NOT NULL, user_id text NOT NULL, content_id text NOT NULL, watch_date date NOT NULL,
    watch_duration_minutes integer CHECK (watch_duration_minutes >= 0),
    completion_percentage numeric(5,2) CHECK (completion_percentage BETWEEN 0 AND 100),
    device_type text, quality_level text, _batch_id bigint NOT NULL, _row bigint NOT NULL
);

\echo copy
\i :copies

-- No blank is between '!' and '~'. To look at both ends is cheaper than to trim.
CREATE FUNCTION clean(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN value COLLATE "C" BETWEEN '!' AND '~' AND right(value, 1) COLLATE "C" BETWEEN '!' AND '~' THEN value
    ELSE nullif(btrim(
        value,
        U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A'
        || U&'\200B\2028\2029\202F\205F\3000\FEFF'
    ), '')
END;

\echo users
INSERT INTO processed.users
SELECT
    user_id, age::numeric::smallint, country, subscription_type, registration_date::date,
    total_watch_time_hours::numeric(10,2), _batch_id, _row
FROM (
    SELECT
        clean(user_id) AS user_id, clean(age) AS age,
        clean(country) AS country,
        clean(subscription_type) AS subscription_type,
        clean(registration_date) AS registration_date,
        clean(total_watch_time_hours) AS total_watch_time_hours, _batch_id, _row
    FROM raw.users
    OFFSET 0
) AS cleaned
WHERE user_id IS NOT NULL AND octet_length(user_id) <= 512
    AND (age IS NULL OR (pg_input_is_valid(age, 'numeric') AND translate(age, '0123456789', '') IN ('', '.')))
    AND (registration_date IS NULL OR (
        registration_date LIKE '____-__-__' AND translate(registration_date, '0123456789', '') = '--'
        AND pg_input_is_valid(registration_date, 'date')
        AND registration_date BETWEEN '1900-01-01' AND '2100-12-31'
    ))
    AND (total_watch_time_hours IS NULL OR translate(total_watch_time_hours, '0123456789', '') IN ('', '.'));
ALTER TABLE processed.users ADD PRIMARY KEY (user_id);
ALTER TABLE processed.content ADD PRIMARY KEY (content_id);
ANALYZE processed.users, processed.content;

\echo sessions
SET LOCAL enable_nestloop = off;
-- Of the ways to check and convert a value the cheapest that were found, the same as ours: each value is read once.
INSERT INTO processed.viewing_sessions
SELECT
    session_id, user_id, content_id, day, coalesce(whole, minutes::numeric::integer),
    coalesce(number, completion::numeric)::numeric(5,2), device_type, quality_level, read._batch_id, read._row
FROM (
    SELECT
        *, CASE WHEN pg_input_is_valid(watch_date, 'date') THEN watch_date::date END AS day,
        CASE WHEN octet_length(minutes) <= 9 AND translate(minutes, '0123456789', '') = '' THEN minutes::integer END
            AS whole,
        CASE WHEN octet_length(completion) <= 60 AND translate(completion, '0123456789', '') IN ('', '.')
            THEN completion::numeric END AS number
    FROM (
        SELECT
            clean(session_id) AS session_id,
            clean(user_id) AS user_id,
            clean(content_id) AS content_id,
            clean(watch_date) AS watch_date,
            clean(watch_duration_minutes) AS minutes,
            clean(completion_percentage) AS completion,
            clean(device_type) AS device_type,
            clean(quality_level) AS quality_level, _batch_id, _row
        FROM raw.viewing_sessions
        OFFSET 0
    ) AS cleaned
    OFFSET 0
) AS read
INNER JOIN processed.users AS u USING (user_id)
INNER JOIN processed.content AS c USING (content_id)
WHERE session_id IS NOT NULL AND octet_length(session_id) <= 512
    AND octet_length(user_id) <= 512 AND octet_length(content_id) <= 512
    AND day::text = watch_date AND day BETWEEN '1900-01-01' AND '2100-12-31'
    AND (minutes IS NULL OR whole BETWEEN 0 AND 2147483647 OR (
        translate(minutes, '0123456789', '') IN ('', '.') AND minutes::numeric BETWEEN 0 AND 2147483647
    ))
    AND (completion IS NULL OR number BETWEEN 0 AND 100);
SET LOCAL enable_nestloop = on;

\echo deduplication and primary key
-- The index finds out whether a key comes twice; only then are the rows looked for.
DO $$
BEGIN
    ALTER TABLE processed.viewing_sessions ADD PRIMARY KEY (session_id);
EXCEPTION WHEN unique_violation THEN
    DELETE FROM processed.viewing_sessions AS s
    USING (
        SELECT session_id, _batch_id, _row, row_number() OVER (
            PARTITION BY session_id ORDER BY _batch_id DESC, _row DESC
        ) AS place
        FROM processed.viewing_sessions
    ) AS ranked
    WHERE ranked.place > 1 AND s._batch_id = ranked._batch_id AND s._row = ranked._row;
    ALTER TABLE processed.viewing_sessions ADD PRIMARY KEY (session_id);
END $$;

\echo keys, indexes, statistics
ALTER TABLE processed.movie_details ADD PRIMARY KEY (content_id), ADD FOREIGN KEY (content_id) REFERENCES processed.content;
ALTER TABLE processed.series_details ADD PRIMARY KEY (content_id), ADD FOREIGN KEY (content_id) REFERENCES processed.content;
ALTER TABLE processed.genres ADD PRIMARY KEY (content_id, genre), ADD FOREIGN KEY (content_id) REFERENCES processed.content;
ALTER TABLE processed.seasons ADD PRIMARY KEY (content_id, season_number), ADD FOREIGN KEY (content_id) REFERENCES processed.content;
ALTER TABLE processed.episodes
    ADD PRIMARY KEY (content_id, season_number, episode_number),
    ADD FOREIGN KEY (content_id, season_number) REFERENCES processed.seasons;
ALTER TABLE processed.viewing_sessions ADD FOREIGN KEY (user_id) REFERENCES processed.users;
ALTER TABLE processed.viewing_sessions ADD FOREIGN KEY (content_id) REFERENCES processed.content;
CREATE INDEX ON processed.users (_batch_id);
CREATE INDEX ON processed.viewing_sessions (_batch_id);
CREATE INDEX ON processed.viewing_sessions (user_id);
CREATE INDEX ON raw.users (_batch_id);
CREATE INDEX ON raw.viewing_sessions (_batch_id);
ANALYZE processed.viewing_sessions, processed.movie_details, processed.series_details, processed.genres,
    processed.seasons, processed.episodes;
COMMIT;
