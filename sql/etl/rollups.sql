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

CREATE TABLE IF NOT EXISTS etl.rollup_user_devices (
    user_id               text NOT NULL,
    device_type           text,
    quality_level         text,
    sessions              bigint NOT NULL,
    minutes               bigint,
    durations             bigint NOT NULL,
    completion_hundredths bigint,
    completions           bigint NOT NULL,
    last_watch_date       date NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_user_months (
    user_id  text NOT NULL,
    month    date NOT NULL,
    sessions bigint NOT NULL
);

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
    country    text,
    content_id text NOT NULL,
    sessions   bigint NOT NULL,
    minutes    bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_titles (
    content_id            text NOT NULL,
    month                 date NOT NULL,
    bucket                integer,
    sessions              bigint NOT NULL,
    minutes               bigint,
    durations             bigint NOT NULL,
    completion_hundredths bigint,
    completions           bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_title_viewers (
    content_id text NOT NULL,
    viewers    bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_days (
    watch_date            date NOT NULL,
    sessions              bigint NOT NULL,
    minutes               bigint,
    durations             bigint NOT NULL,
    completion_hundredths bigint,
    completions           bigint NOT NULL,
    viewers               bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS etl.rollup_ahead (
    user_id    text NOT NULL,
    content_id text NOT NULL,
    watch_date date NOT NULL,
    sessions   bigint NOT NULL
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
        SELECT
            -1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type,
            quality_level
        FROM old_rows;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO etl.session_changes
        SELECT
            1, user_id, content_id, watch_date, watch_duration_minutes, completion_percentage, device_type,
            quality_level
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
COMMENT ON COLUMN etl.rollup_state.title_rows IS 'Rows of etl.rollup_titles then; once there are many more, all is built afresh.';
COMMENT ON TABLE etl.rollup_user_devices IS 'Grain: one row for each user, device_type and quality_level.';
COMMENT ON TABLE etl.rollup_user_months IS
    'Sessions up to the day that is published. Grain: one row for each user and month with a session.';
COMMENT ON TABLE etl.rollup_users IS 'Grain: one row for each user with a session.';
COMMENT ON TABLE etl.rollup_title_countries IS
    'Sums to be added up, negative ones for sessions that left; empty once the country of a user is another. '
    'Grain: country and title, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_titles IS
    'Sums to be added up, negative ones for sessions that left. Grain: title, month and tens of percent of completion, '
    'one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_title_viewers IS
    'Numbers of users to be added up. Grain: title, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_days IS
    'Sums to be added up, negative ones for sessions that left. Grain: day, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_ahead IS
    'Sessions dated after the day that is published, which days and months leave out until their day comes: sums to be '
    'added up. Grain: user, title and day, one row for each publication that changed it.';
COMMENT ON FUNCTION etl.log_session_changes() IS 'Trigger: notes what changes in processed.viewing_sessions.';
COMMENT ON FUNCTION etl.log_user_changes() IS
    'Trigger: empties the sums by country when users leave or their country changes.';

COMMENT ON COLUMN etl.session_changes.sign IS '1 for a session that came, -1 for one that left.';
COMMENT ON COLUMN etl.session_changes.user_id IS 'Who watched.';
COMMENT ON COLUMN etl.session_changes.content_id IS 'What was watched.';
COMMENT ON COLUMN etl.session_changes.watch_date IS 'Day of the session.';
COMMENT ON COLUMN etl.session_changes.watch_duration_minutes IS 'Minutes watched.';
COMMENT ON COLUMN etl.session_changes.completion_percentage IS 'Share of the title watched, in percent.';
COMMENT ON COLUMN etl.session_changes.device_type IS 'Kind of device.';
COMMENT ON COLUMN etl.session_changes.quality_level IS 'Picture quality.';
COMMENT ON COLUMN etl.rollup_state.built IS 'When they were built afresh.';
COMMENT ON COLUMN etl.rollup_state.day IS 'Day of the run that published: what is dated after it counts in no day and month.';
COMMENT ON COLUMN etl.rollup_ahead.user_id IS 'Who is to watch.';
COMMENT ON COLUMN etl.rollup_ahead.content_id IS 'What is to be watched.';
COMMENT ON COLUMN etl.rollup_ahead.watch_date IS 'Day of the session.';
COMMENT ON COLUMN etl.rollup_ahead.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_user_devices.user_id IS 'Who watched.';
COMMENT ON COLUMN etl.rollup_user_devices.device_type IS 'Kind of device.';
COMMENT ON COLUMN etl.rollup_user_devices.quality_level IS 'Picture quality.';
COMMENT ON COLUMN etl.rollup_user_devices.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_user_devices.minutes IS 'Minutes watched.';
COMMENT ON COLUMN etl.rollup_user_devices.durations IS 'Sessions that have a duration.';
COMMENT ON COLUMN etl.rollup_user_devices.completion_hundredths IS 'Sum of completion in hundredths of a percent.';
COMMENT ON COLUMN etl.rollup_user_devices.completions IS 'Sessions that have a completion.';
COMMENT ON COLUMN etl.rollup_user_devices.last_watch_date IS 'Day of the last session.';
COMMENT ON COLUMN etl.rollup_user_months.user_id IS 'Who watched.';
COMMENT ON COLUMN etl.rollup_user_months.month IS 'First day of the month.';
COMMENT ON COLUMN etl.rollup_user_months.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_users.user_id IS 'Who watched.';
COMMENT ON COLUMN etl.rollup_users.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_users.minutes IS 'Minutes watched.';
COMMENT ON COLUMN etl.rollup_users.completion_hundredths IS 'Sum of completion in hundredths of a percent.';
COMMENT ON COLUMN etl.rollup_users.completions IS 'Sessions that have a completion.';
COMMENT ON COLUMN etl.rollup_users.last_watch_date IS 'Day of the last session.';
COMMENT ON COLUMN etl.rollup_users.favourite_device IS 'Device with the most sessions, then minutes, then the first by name; null if none is known.';
COMMENT ON COLUMN etl.rollup_title_countries.country IS 'Country of the users; null if unknown.';
COMMENT ON COLUMN etl.rollup_title_countries.content_id IS 'What was watched.';
COMMENT ON COLUMN etl.rollup_title_countries.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_title_countries.minutes IS 'Minutes watched.';
COMMENT ON COLUMN etl.rollup_titles.content_id IS 'What was watched.';
COMMENT ON COLUMN etl.rollup_titles.month IS 'First day of the month.';
COMMENT ON COLUMN etl.rollup_titles.bucket IS 'Tens of percent of completion, 0 to 9; null if unknown.';
COMMENT ON COLUMN etl.rollup_titles.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_titles.minutes IS 'Minutes watched.';
COMMENT ON COLUMN etl.rollup_titles.durations IS 'Sessions that have a duration.';
COMMENT ON COLUMN etl.rollup_titles.completion_hundredths IS 'Sum of completion in hundredths of a percent.';
COMMENT ON COLUMN etl.rollup_titles.completions IS 'Sessions that have a completion.';
COMMENT ON COLUMN etl.rollup_title_viewers.content_id IS 'What was watched.';
COMMENT ON COLUMN etl.rollup_title_viewers.viewers IS 'Users with a session.';
COMMENT ON COLUMN etl.rollup_days.watch_date IS 'Day of the session.';
COMMENT ON COLUMN etl.rollup_days.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.rollup_days.minutes IS 'Minutes watched.';
COMMENT ON COLUMN etl.rollup_days.durations IS 'Sessions that have a duration.';
COMMENT ON COLUMN etl.rollup_days.completion_hundredths IS 'Sum of completion in hundredths of a percent.';
COMMENT ON COLUMN etl.rollup_days.completions IS 'Sessions that have a completion.';
COMMENT ON COLUMN etl.rollup_days.viewers IS 'Users with a session.';
