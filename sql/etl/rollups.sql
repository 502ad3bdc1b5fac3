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
    built timestamptz NOT NULL DEFAULT clock_timestamp()
);

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

COMMENT ON TABLE etl.session_changes IS
    'Sessions that came (sign 1) and left (-1) since the rollups were made. Grain: one row for each change of a session.';
COMMENT ON TABLE etl.rollup_state IS
    'One row while the rollups, with etl.session_changes added, say what processed.viewing_sessions says; else none.';
COMMENT ON TABLE etl.rollup_user_devices IS 'Grain: one row for each user, device_type and quality_level.';
COMMENT ON TABLE etl.rollup_user_months IS 'Grain: one row for each user and month with a session.';
COMMENT ON TABLE etl.rollup_titles IS
    'Sums to be added up, negative ones for sessions that left. Grain: title, month and tens of percent of completion, '
    'one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_title_viewers IS
    'Numbers of users to be added up. Grain: title, one row for each publication that changed it.';
COMMENT ON TABLE etl.rollup_days IS
    'Sums to be added up, negative ones for sessions that left. Grain: day, one row for each publication that changed it.';
COMMENT ON FUNCTION etl.log_session_changes() IS 'Trigger: notes what changes in processed.viewing_sessions.';
