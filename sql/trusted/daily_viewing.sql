CREATE MATERIALIZED VIEW trusted.daily_viewing AS
WITH viewing AS (
    SELECT
        watch_date,
        count(*) AS sessions,
        sum(watch_duration_minutes) AS minutes,
        avg(watch_duration_minutes) AS avg_duration_minutes,
        avg(completion_percentage) AS avg_completion
    FROM processed.viewing_sessions
    GROUP BY watch_date
),

-- Two levels instead of count(DISTINCT): they hash where the other sorts.
viewers AS (
    SELECT watch_date, count(*) AS unique_viewers
    FROM (SELECT DISTINCT watch_date, user_id FROM processed.viewing_sessions) AS pairs
    GROUP BY watch_date
)

SELECT
    v.watch_date,
    v.sessions,
    w.unique_viewers,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.avg_duration_minutes, 2) AS avg_duration_minutes,
    round(v.avg_completion, 2) AS avg_completion
FROM viewing AS v
INNER JOIN viewers AS w USING (watch_date);

CREATE UNIQUE INDEX daily_viewing_key ON trusted.daily_viewing (watch_date);

COMMENT ON MATERIALIZED VIEW trusted.daily_viewing IS
    'Viewing by day. Grain: one row for each day with a session.';
COMMENT ON COLUMN trusted.daily_viewing.watch_date IS 'The day.';
COMMENT ON COLUMN trusted.daily_viewing.sessions IS 'Number of sessions.';
COMMENT ON COLUMN trusted.daily_viewing.unique_viewers IS
    'Number of different users with a session that day; does not add up over days.';
COMMENT ON COLUMN trusted.daily_viewing.watch_hours IS 'Hours watched.';
COMMENT ON COLUMN trusted.daily_viewing.avg_duration_minutes IS
    'Mean minutes over sessions that have a duration; null if none has.';
COMMENT ON COLUMN trusted.daily_viewing.avg_completion IS
    'Mean completion in percent over sessions that have one; null if none has.';
