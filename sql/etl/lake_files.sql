-- What is in the lake of a table whose rows are kept by Spark, and the numbers by day and device that checks ask for.
CREATE TABLE IF NOT EXISTS etl.lake_files (
    path       text PRIMARY KEY,
    table_name text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('landed', 'snapshot')),
    batch_id   bigint NOT NULL,
    bytes      bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS lake_files_batch_id_idx ON etl.lake_files (batch_id);

CREATE TABLE IF NOT EXISTS etl.snapshot_days (watch_date date NOT NULL, sessions bigint NOT NULL);

CREATE TABLE IF NOT EXISTS etl.snapshot_devices (device_type text, sessions bigint NOT NULL, completions bigint NOT NULL);

COMMENT ON TABLE etl.lake_files IS
    'Files below LAKE_PATH that count: what is there beside them was left behind. Grain: one row for each file.';
COMMENT ON COLUMN etl.lake_files.path IS 'Relative to LAKE_PATH.';
COMMENT ON COLUMN etl.lake_files.table_name IS 'Table of processed that its rows belong to.';
COMMENT ON COLUMN etl.lake_files.kind IS 'landed: the typed records of a raw file; snapshot: what was made of all of these.';
COMMENT ON COLUMN etl.lake_files.batch_id IS 'The batch whose marker stands for it.';
COMMENT ON COLUMN etl.lake_files.bytes IS 'Its size; with another one it is damaged.';
COMMENT ON TABLE etl.snapshot_days IS 'Sessions in the lake, as they are loaded. Grain: day with a session.';
COMMENT ON COLUMN etl.snapshot_days.watch_date IS 'Day of the session.';
COMMENT ON COLUMN etl.snapshot_days.sessions IS 'Number of sessions.';
COMMENT ON TABLE etl.snapshot_devices IS 'Sessions in the lake, as they are loaded. Grain: device_type.';
COMMENT ON COLUMN etl.snapshot_devices.device_type IS 'Kind of device; null if unknown.';
COMMENT ON COLUMN etl.snapshot_devices.sessions IS 'Number of sessions.';
COMMENT ON COLUMN etl.snapshot_devices.completions IS 'Sessions that have a completion.';

CREATE OR REPLACE FUNCTION etl.is_in_lake(of_table text) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM etl.lake_files WHERE table_name = of_table AND kind = 'snapshot');

COMMENT ON FUNCTION etl.is_in_lake(text) IS 'Whether the rows of a table of processed are kept by Spark: the table holds its last days at most.';

CREATE OR REPLACE FUNCTION etl.sessions_by_day() RETURNS TABLE (watch_date date, sessions bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF etl.is_in_lake('viewing_sessions') THEN
        RETURN QUERY SELECT watch_date, sessions FROM etl.snapshot_days;
    ELSIF EXISTS (SELECT FROM etl.rollup_state WHERE is_current) THEN
        RETURN QUERY
        SELECT watch_date, sum(sessions)::bigint
        FROM (
            SELECT watch_date, sessions FROM etl.rollup_day
            UNION ALL
            SELECT watch_date, sign FROM etl.session_changes
        ) AS changed
        GROUP BY watch_date
        HAVING sum(sessions) > 0;
    ELSE
        -- Nothing is summed up yet, or nobody knows what changed since.
        RETURN QUERY SELECT watch_date, count(*) FROM processed.viewing_sessions GROUP BY watch_date;
    END IF;
END $$;

COMMENT ON FUNCTION etl.sessions_by_day() IS 'Numbers of sessions as they are loaded, published or not. Grain: day with a session.';

CREATE OR REPLACE FUNCTION etl.sessions_by_device() RETURNS TABLE (device_type text, sessions bigint, completions bigint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF etl.is_in_lake('viewing_sessions') THEN
        RETURN QUERY SELECT device_type, sessions, completions FROM etl.snapshot_devices;
    ELSIF EXISTS (SELECT FROM etl.rollup_state WHERE is_current) THEN
        RETURN QUERY
        SELECT device_type, sum(sessions)::bigint, sum(completions)::bigint
        FROM (
            SELECT device_type, sessions, completions FROM etl.rollup_device
            UNION ALL
            SELECT etl.label(device_type), sign, CASE WHEN completion_percentage IS NULL THEN 0 ELSE sign END
            FROM etl.session_changes
        ) AS changed
        GROUP BY device_type
        HAVING sum(sessions) > 0;
    ELSE
        RETURN QUERY
        SELECT etl.label(device_type), sum(sessions)::bigint, sum(completions)::bigint
        FROM (
            SELECT device_type, count(*) AS sessions, count(completion_percentage) AS completions
            FROM processed.viewing_sessions
            GROUP BY device_type
        ) AS counted
        GROUP BY 1;
    END IF;
END $$;

COMMENT ON FUNCTION etl.sessions_by_device() IS 'Numbers of sessions as they are loaded, published or not. Grain: device_type.';
