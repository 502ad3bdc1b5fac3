CREATE VIEW trusted.device_engagement AS
SELECT
    d.device_type,
    d.quality_level,
    d.sessions,
    d.viewers AS unique_viewers,
    round(d.minutes::numeric / nullif(d.durations, 0), 2) AS avg_duration_minutes,
    round(d.completion_hundredths / 100.0 / nullif(d.completions, 0), 2) AS avg_completion
FROM etl.rollup_device AS d
WHERE d.sessions > 0;

COMMENT ON VIEW trusted.device_engagement IS
    'Viewing by device and picture quality. Grain: one row for each device_type and quality_level that occur '
    'together; an unknown one is a group of its own. Example: SELECT device_type, quality_level, avg_completion FROM '
    'trusted.device_engagement ORDER BY sessions DESC';
COMMENT ON COLUMN trusted.device_engagement.device_type IS 'Kind of device; null if unknown.';
COMMENT ON COLUMN trusted.device_engagement.quality_level IS 'Picture quality; null if unknown.';
COMMENT ON COLUMN trusted.device_engagement.unique_viewers IS 'Number of different users with a session; does not add up over rows.';
