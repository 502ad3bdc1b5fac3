-- What checks of all sessions add up, kept up from what changes.
CREATE TABLE IF NOT EXISTS etl.session_counts (
    watch_date  date NOT NULL,
    device_type text,
    sessions    bigint NOT NULL,
    completions bigint NOT NULL
);

COMMENT ON TABLE etl.session_counts IS
    'Numbers of sessions, to be added up: a change is one more row. Grain: day and kind of device, one row for each change.';
COMMENT ON COLUMN etl.session_counts.watch_date IS 'Day of the sessions.';
COMMENT ON COLUMN etl.session_counts.device_type IS 'Kind of device; null if unknown.';
COMMENT ON COLUMN etl.session_counts.sessions IS 'Sessions that came, or, below 0, left.';
COMMENT ON COLUMN etl.session_counts.completions IS 'Those of them that have a completion.';

CREATE OR REPLACE FUNCTION etl.sum_up_viewing_sessions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM etl.session_counts;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO etl.session_counts
        SELECT watch_date, device_type, -count(*), -count(completion_percentage) FROM old_rows GROUP BY 1, 2;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO etl.session_counts
        SELECT watch_date, device_type, count(*), count(completion_percentage) FROM new_rows GROUP BY 1, 2;
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION etl.sum_up_viewing_sessions() IS 'Trigger: keeps etl.session_counts up.';

CREATE OR REPLACE FUNCTION etl.sum_anew_viewing_sessions() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- In one statement, for others may write meanwhile.
    WITH old AS (DELETE FROM etl.session_counts)

    INSERT INTO etl.session_counts
    SELECT watch_date, device_type, count(*), count(completion_percentage)
    FROM processed.viewing_sessions GROUP BY watch_date, device_type;
END $$;

COMMENT ON FUNCTION etl.sum_anew_viewing_sessions() IS 'Fills etl.session_counts from all sessions.';

CREATE OR REPLACE VIEW etl.sessions_by_day AS
SELECT watch_date, device_type, sum(sessions)::bigint AS sessions, sum(completions)::bigint AS completions
FROM etl.session_counts
GROUP BY watch_date, device_type
HAVING sum(sessions) > 0;

COMMENT ON VIEW etl.sessions_by_day IS 'Numbers of sessions. Grain: one row for each day and kind of device with a session.';
COMMENT ON COLUMN etl.sessions_by_day.watch_date IS 'Day of the sessions.';
COMMENT ON COLUMN etl.sessions_by_day.device_type IS 'Kind of device; null if unknown.';
COMMENT ON COLUMN etl.sessions_by_day.sessions IS 'Sessions.';
COMMENT ON COLUMN etl.sessions_by_day.completions IS 'Those of them that have a completion.';

CREATE OR REPLACE FUNCTION etl.add_up_counts() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM etl.row_counts WHERE ctid IN (
            SELECT unnest(array_agg(ctid)) FROM etl.row_counts
            WHERE batch_id IS NOT NULL GROUP BY place, table_name, batch_id, kind HAVING count(*) > 1
        ) RETURNING *
    )

    INSERT INTO etl.row_counts
    SELECT place, table_name, batch_id, kind, sum(rows) FROM gone
    GROUP BY place, table_name, batch_id, kind HAVING sum(rows) <> 0;

    WITH gone AS (
        DELETE FROM etl.session_counts WHERE ctid IN (
            SELECT unnest(array_agg(ctid)) FROM etl.session_counts GROUP BY watch_date, device_type HAVING count(*) > 1
        ) RETURNING *
    )

    INSERT INTO etl.session_counts
    SELECT watch_date, device_type, sum(sessions), sum(completions) FROM gone
    GROUP BY watch_date, device_type HAVING sum(sessions) <> 0;
END $$;

COMMENT ON FUNCTION etl.add_up_counts() IS 'Makes one row of the counts of what changed more than once.';
