CREATE VIEW trusted.daily_viewing AS
SELECT
    watch_date, sessions,
    viewers AS unique_viewers,
    round(minutes / 60.0, 2) AS watch_hours,
    round(minutes::numeric / nullif(durations, 0), 2) AS avg_duration_minutes,
    round(completion_hundredths / 100.0 / nullif(completions, 0), 2) AS avg_completion
FROM etl.rollup_day
WHERE sessions > 0 AND watch_date <= (SELECT day FROM etl.rollup_state);

COMMENT ON VIEW trusted.daily_viewing IS
    'Viewing by day, up to the day of the run. Grain: one row for each day with a session. Example: SELECT '
    'watch_date, sessions, watch_hours FROM trusted.daily_viewing ORDER BY watch_date DESC LIMIT 7';
COMMENT ON COLUMN trusted.daily_viewing.watch_date IS 'The day.';
COMMENT ON COLUMN trusted.daily_viewing.unique_viewers IS 'Number of different users with a session that day; does not add up over days.';
