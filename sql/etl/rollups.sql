-- What the views of trusted are made from: sums over sessions at the grains they share, kept up by key from what changed
-- since they were published last. They are derived: while etl.rollup_state is not current they are built afresh.

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

CREATE TABLE IF NOT EXISTS etl.user_changes (user_id text NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_state (built timestamptz NOT NULL DEFAULT clock_timestamp());

-- What earlier versions did not have, or do not have any more.
ALTER TABLE etl.rollup_state ADD COLUMN IF NOT EXISTS day date;
ALTER TABLE etl.rollup_state ADD COLUMN IF NOT EXISTS is_current boolean NOT NULL DEFAULT true;
ALTER TABLE etl.rollup_state ADD COLUMN IF NOT EXISTS light_minutes bigint;
ALTER TABLE etl.rollup_state ADD COLUMN IF NOT EXISTS regular_minutes bigint;
ALTER TABLE etl.rollup_state DROP COLUMN IF EXISTS title_rows;

-- What is summed at several grains: of all sessions, of those with a duration, of those with a completion.
CREATE TEMP TABLE IF NOT EXISTS measures (
    sessions bigint NOT NULL, minutes bigint NOT NULL, durations bigint NOT NULL,
    completion_hundredths bigint NOT NULL, completions bigint NOT NULL
) ON COMMIT DROP;

CREATE TABLE IF NOT EXISTS etl.rollup_user (
    user_id               text NOT NULL,
    country               text,
    subscription_type     text,
    sessions              bigint NOT NULL,
    minutes               bigint NOT NULL,
    completion_hundredths bigint NOT NULL,
    completions           bigint NOT NULL,
    last_watch_date       date,
    favourite_device      text,
    cohort_month          date
);

CREATE TABLE IF NOT EXISTS etl.rollup_user_device (user_id text NOT NULL, device_type text, quality_level text, LIKE measures);

CREATE TABLE IF NOT EXISTS etl.rollup_user_month (
    user_id text NOT NULL, month date NOT NULL, sessions bigint NOT NULL, first_date date
);

CREATE TABLE IF NOT EXISTS etl.rollup_audience (
    country text, subscription_type text, users bigint NOT NULL, active_users bigint NOT NULL, sessions bigint NOT NULL,
    minutes bigint NOT NULL, completion_hundredths bigint NOT NULL, completions bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_minutes (minutes bigint NOT NULL, users bigint NOT NULL, sessions bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_cohort (
    cohort_month date NOT NULL, subscription_type text, month date NOT NULL, active_users bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_device (device_type text, quality_level text, LIKE measures, viewers bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_title (content_id text NOT NULL, viewers bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_title_bucket (content_id text NOT NULL, bucket integer, LIKE measures);

CREATE TABLE IF NOT EXISTS etl.rollup_title_month (content_id text NOT NULL, month date NOT NULL, sessions bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_title_country (
    country text, content_id text NOT NULL, sessions bigint NOT NULL, minutes bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_day (
    watch_date date NOT NULL, LIKE measures, viewers bigint NOT NULL, month_viewers bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_month (month date NOT NULL, titles bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.rollup_future (
    user_id text NOT NULL, content_id text NOT NULL, watch_date date NOT NULL, sessions bigint NOT NULL
);

CREATE OR REPLACE FUNCTION etl.log_session_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE etl.rollup_state SET is_current = false;
        DELETE FROM etl.session_changes;
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO etl.session_changes
        SELECT 1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
        FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO etl.session_changes
        SELECT -1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
        FROM old_rows;
    ELSE
        -- Most rows of a file that is delivered again are as they were.
        INSERT INTO etl.session_changes
        SELECT -1, went.* FROM (
            SELECT user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
            FROM old_rows
            EXCEPT ALL
            SELECT user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
            FROM new_rows
        ) AS went
        UNION ALL
        SELECT 1, came.* FROM (
            SELECT user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
            FROM new_rows
            EXCEPT ALL
            SELECT user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type, quality_level
            FROM old_rows
        ) AS came;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION etl.log_user_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE etl.rollup_state SET is_current = false;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO etl.user_changes SELECT user_id FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO etl.user_changes SELECT user_id FROM old_rows;
    ELSE
        -- A join would be planned as a loop, in the hope that the first user is another.
        INSERT INTO etl.user_changes
        SELECT user_id FROM (
            SELECT user_id, country, subscription_type FROM old_rows
            EXCEPT
            SELECT user_id, country, subscription_type FROM new_rows
        ) AS before
        UNION
        SELECT user_id FROM (
            SELECT user_id, country, subscription_type FROM new_rows
            EXCEPT
            SELECT user_id, country, subscription_type FROM old_rows
        ) AS after;
    END IF;
    RETURN NULL;
END $$;

COMMENT ON TABLE etl.session_changes IS
    'Sessions that came (sign 1) and left (-1) since the rollups were made. Grain: one row for each change of a session.';
COMMENT ON TABLE etl.user_changes IS
    'Users who came, left or got another country or plan since the rollups were made. Grain: one row for each change.';
COMMENT ON TABLE etl.rollup_state IS
    'What was published last. While it is current, the rollups, with etl.session_changes and etl.user_changes added, say '
    'what processed says. Grain: one row.';
COMMENT ON TABLE etl.rollup_user IS 'Grain: one row for each user, also without a session.';
COMMENT ON TABLE etl.rollup_user_device IS 'Grain: user, device_type and quality_level.';
COMMENT ON TABLE etl.rollup_user_month IS 'Sessions up to the day that is published. Grain: user and month.';
COMMENT ON TABLE etl.rollup_audience IS 'Grain: country and subscription_type of the users.';
COMMENT ON TABLE etl.rollup_minutes IS 'Active users by their minutes, for ranks. Grain: minutes watched by a user.';
COMMENT ON TABLE etl.rollup_cohort IS
    'Users active in a month; of their cohort_month: all of the cohort. Grain: cohort_month, subscription_type and month.';
COMMENT ON TABLE etl.rollup_device IS 'Grain: device_type and quality_level.';
COMMENT ON TABLE etl.rollup_title IS 'Grain: title with a session.';
COMMENT ON TABLE etl.rollup_title_bucket IS 'Grain: title and tens of percent of completion.';
COMMENT ON TABLE etl.rollup_title_month IS 'Sessions up to the day that is published. Grain: title and month.';
COMMENT ON TABLE etl.rollup_title_country IS 'Grain: title and country of the users.';
COMMENT ON TABLE etl.rollup_day IS 'Grain: day that has, or had, a session.';
COMMENT ON TABLE etl.rollup_month IS 'Titles watched up to the day that is published. Grain: month.';
COMMENT ON TABLE etl.rollup_future IS
    'Sessions dated after the day that is published, which days and months leave out until their day comes. Grain: '
    'user, title and day.';
COMMENT ON FUNCTION etl.log_session_changes() IS 'Trigger: notes what changes in processed.viewing_sessions.';
COMMENT ON FUNCTION etl.log_user_changes() IS 'Trigger: notes which users come, leave or get another country or plan.';

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
            ('subscription_type', 'Plan of the users; null if unknown.'),
            ('watch_date', 'Day of the session.'),
            ('month', 'First day of the month.'),
            ('cohort_month', 'Month of the first session, as its first day; null if none has come yet.'),
            ('first_date', 'First day in the month with a session; null if none is left.'),
            ('watch_duration_minutes', 'Minutes watched.'),
            ('completion_percentage', 'Share of the title watched, in percent.'),
            ('device_type', 'Kind of device.'),
            ('quality_level', 'Picture quality.'),
            ('bucket', 'Tens of percent of completion, 0 to 9; null if unknown.'),
            ('sessions', 'Number of sessions; 0 if all have left.'),
            ('minutes', 'Minutes watched.'),
            ('durations', 'Sessions that have a duration.'),
            ('completion_hundredths', 'Sum of completion in hundredths of a percent.'),
            ('completions', 'Sessions that have a completion.'),
            ('users', 'Number of users.'),
            ('active_users', 'Number of users with a session.'),
            ('viewers', 'Users with a session.'),
            ('month_viewers', 'Users whose first session of the month is on that day.'),
            ('titles', 'Titles with a session.'),
            ('last_watch_date', 'Day of the last session; null if there is none.'),
            ('favourite_device',
                'Device with the most sessions, then the most minutes, then the first by name; null if none is known.'),
            ('built', 'When they were built afresh.'),
            ('is_current', 'Whether what changed since is noted: else they are built afresh.'),
            ('day', 'Day of the run that published: what is dated after it counts in no day and month.'),
            ('light_minutes', 'Most minutes of a user whose percent_rank among active users is below 0.5.'),
            ('regular_minutes', 'Most minutes of a user whose percent_rank among active users is below 0.9.')
        ) AS words (attname, comment)
        INNER JOIN pg_attribute USING (attname)
        INNER JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r' AND relnamespace = 'etl'::regnamespace
        WHERE relname LIKE 'rollup\_%' OR relname IN ('session_changes', 'user_changes')
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', described.name, described.attname, described.comment);
    END LOOP;
END $$;
