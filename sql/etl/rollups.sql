-- What the views of trusted are made from: sums over sessions at the grains they share, kept up from what changed
-- since they were published last. They are derived: without etl.rollup_state they are built afresh.

CREATE TABLE IF NOT EXISTS etl.session_changes (
    sign                   smallint NOT NULL,
    user_id                text NOT NULL,
    content_id             text NOT NULL,
    watch_date             date NOT NULL,
    watch_duration_minutes integer,
    completion_percentage  numeric(5,2),
    device_type            text,
    quality_level          text
);

CREATE TABLE IF NOT EXISTS etl.rollup_state (
    built      timestamptz NOT NULL DEFAULT clock_timestamp(),
    title_rows bigint NOT NULL DEFAULT 0,
    day        date
);

-- What earlier versions did not have.
ALTER TABLE etl.rollup_state ADD COLUMN IF NOT EXISTS title_rows bigint NOT NULL DEFAULT 0;
ALTER TABLE etl.rollup_state ADD COLUMN IF NOT EXISTS day date;

-- What is summed at several grains: of all sessions, of those with a duration, of those with a completion.
CREATE TEMP TABLE IF NOT EXISTS measures (
    sessions bigint NOT NULL, minutes bigint, durations bigint NOT NULL, completion_hundredths bigint,
    completions bigint NOT NULL
) ON COMMIT DROP;

CREATE TABLE IF NOT EXISTS etl.rollup_user_devices (
    user_id text NOT NULL, device_type text, quality_level text, LIKE measures, last_watch_date date NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_user_months (user_id text NOT NULL, month date NOT NULL, sessions bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_users (
    user_id               text NOT NULL,
    sessions              bigint NOT NULL,
    minutes               bigint NOT NULL,
    completion_hundredths bigint,
    completions           bigint NOT NULL,
    last_watch_date       date NOT NULL,
    favourite_device      text
);

CREATE TABLE IF NOT EXISTS etl.rollup_title_countries (
    country text, content_id text NOT NULL, sessions bigint NOT NULL, minutes bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_titles (content_id text NOT NULL, month date NOT NULL, bucket integer, LIKE measures);

CREATE TABLE IF NOT EXISTS etl.rollup_title_viewers (content_id text NOT NULL, viewers bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_days (watch_date date NOT NULL, LIKE measures, viewers bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_ahead (
    user_id text NOT NULL, content_id text NOT NULL, watch_date date NOT NULL, sessions bigint NOT NULL
);

CREATE OR REPLACE FUNCTION etl.log_session_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM etl.rollup_state;
        DELETE FROM etl.session_changes;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO etl.session_changes
        SELECT -1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
        FROM old_rows;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO etl.session_changes
        SELECT 1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
        FROM new_rows;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION etl.log_user_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- A join would be planned as a loop, in the hope that the first user has moved.
        IF NOT EXISTS (SELECT user_id, country FROM old_rows EXCEPT SELECT user_id, country FROM new_rows) THEN
            RETURN NULL;
        END IF;
    END IF;
    DELETE FROM etl.rollup_title_countries;
    RETURN NULL;
END $$;

COMMENT ON TABLE etl.session_changes IS
    'Sessions that came (sign 1) and left (-1) since the rollups were made. Grain: one row for each change of a session.';
COMMENT ON TABLE etl.rollup_state IS
    'One row while the rollups, with etl.session_changes added, say what processed.viewing_sessions says; else none.';
COMMENT ON TABLE etl.rollup_user_devices IS 'Grain: one row for each user, device_type and quality_level.';
COMMENT ON TABLE etl.rollup_user_months IS
    'Sessions up to the day that is published. Grain: one row for each user and month with a session.';
COMMENT ON TABLE etl.rollup_users IS 'Grain: one row for each user with a session.';
COMMENT ON TABLE etl.rollup_title_countries IS
    'Sums to be added up, negative ones for sessions that left; empty once the country of a user is another. Grain: '
    'country and title, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_titles IS
    'Sums to be added up, negative ones for sessions that left. Grain: title, month and tens of percent of '
    'completion, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_title_viewers IS 'Numbers of users to be added up. Grain: title, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_days IS
    'Sums to be added up, negative ones for sessions that left. Grain: day, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_ahead IS
    'Sessions dated after the day that is published, which days and months leave out until their day comes: sums to '
    'be added up. Grain: user, title and day, one row for each publication that changed it.';
COMMENT ON FUNCTION etl.log_session_changes() IS 'Trigger: notes what changes in processed.viewing_sessions.';
COMMENT ON FUNCTION etl.log_user_changes() IS 'Trigger: empties the sums by country when users leave or their country changes.';

-- A column means the same in all of these tables.
DO $$
DECLARE
    described record;
BEGIN
    FOR described IN
        SELECT attrelid::regclass AS name, attname, comment
        FROM (VALUES
            ('sign', '1 for a session that came, -1 for one that left.'),
            ('user_id', 'Who watched.'),
            ('content_id', 'What was watched.'),
            ('country', 'Country of the users; null if unknown.'),
            ('watch_date', 'Day of the session.'),
            ('month', 'First day of the month.'),
            ('watch_duration_minutes', 'Minutes watched.'),
            ('completion_percentage', 'Share of the title watched, in percent.'),
            ('device_type', 'Kind of device.'),
            ('quality_level', 'Picture quality.'),
            ('bucket', 'Tens of percent of completion, 0 to 9; null if unknown.'),
            ('sessions', 'Number of sessions.'),
            ('minutes', 'Minutes watched.'),
            ('durations', 'Sessions that have a duration.'),
            ('completion_hundredths', 'Sum of completion in hundredths of a percent.'),
            ('completions', 'Sessions that have a completion.'),
            ('viewers', 'Users with a session.'),
            ('last_watch_date', 'Day of the last session.'),
            ('favourite_device',
                'Device with the most sessions, then the most minutes, then the first by name; null if none is known.'),
            ('built', 'When they were built afresh.'),
            ('title_rows', 'Rows of etl.rollup_titles then; once there are many more, all is built afresh.'),
            ('day', 'Day of the run that published: what is dated after it counts in no day and month.')
        ) AS words (attname, comment)
        INNER JOIN pg_attribute USING (attname)
        INNER JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r' AND relnamespace = 'etl'::regnamespace
        WHERE relname LIKE 'rollup\_%' OR relname = 'session_changes'
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', described.name, described.attname, described.comment);
    END LOOP;
END $$;
