CREATE VIEW trusted.device_summary AS
SELECT
    d.device_type,
    sum(d.sessions)::bigint AS sessions,
    round(sum(d.minutes) / 60, 2) AS watch_hours,
    round(sum(d.minutes) / nullif(sum(d.durations), 0), 2) AS avg_duration_minutes,
    round(sum(d.completion_hundredths) / 100 / nullif(sum(d.completions), 0), 2) AS avg_completion
FROM etl.rollup_device AS d
GROUP BY d.device_type
HAVING sum(d.sessions) > 0;

COMMENT ON VIEW trusted.device_summary IS
    'Viewing by device. Grain: one row for each device_type; an unknown one is a group of its own. Example: SELECT '
    'device_type, avg_duration_minutes FROM trusted.device_summary ORDER BY sessions DESC';
COMMENT ON COLUMN trusted.device_summary.device_type IS 'Kind of device; null if unknown.';
