CREATE MATERIALIZED VIEW trusted.daily_viewing AS
SELECT
    watch_date,
    sum(sessions)::bigint AS sessions,
    sum(viewers)::bigint AS unique_viewers,
    round(coalesce(sum(minutes), 0) / 60, 2) AS watch_hours,
    round(sum(minutes) / nullif(sum(durations), 0), 2) AS avg_duration_minutes,
    round(sum(completion_hundredths) / 100 / nullif(sum(completions), 0), 2) AS avg_completion
FROM etl.rollup_days
WHERE watch_date <= (SELECT day FROM etl.rollup_state)
GROUP BY watch_date
HAVING sum(sessions) > 0;

CREATE UNIQUE INDEX daily_viewing_key ON trusted.daily_viewing (watch_date);

COMMENT ON MATERIALIZED VIEW trusted.daily_viewing IS
    'Viewing by day, up to the day of the run. Grain: one row for each day with a session. Example: SELECT '
    'watch_date, sessions, watch_hours FROM trusted.daily_viewing ORDER BY watch_date DESC LIMIT 7';
COMMENT ON COLUMN trusted.daily_viewing.watch_date IS 'The day.';
COMMENT ON COLUMN trusted.daily_viewing.unique_viewers IS 'Number of different users with a session that day; does not add up over days.';
