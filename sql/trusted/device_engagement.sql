CREATE MATERIALIZED VIEW trusted.device_engagement AS
SELECT
    etl.label(v.device_type) AS device_type,
    etl.label(v.quality_level) AS quality_level,
    sum(v.sessions)::bigint AS sessions,
    count(*) AS unique_viewers,
    round(sum(v.minutes) / nullif(sum(v.durations), 0), 2) AS avg_duration_minutes,
    round(sum(v.completion_hundredths) / 100 / nullif(sum(v.completions), 0), 2) AS avg_completion
FROM etl.rollup_user_devices AS v
GROUP BY v.device_type, v.quality_level;

CREATE UNIQUE INDEX device_engagement_key ON trusted.device_engagement (device_type, quality_level) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.device_engagement IS
    'Viewing by device and picture quality. Grain: one row for each device_type and quality_level that occur '
    'together; an unknown one is a group of its own. Example: SELECT device_type, quality_level, avg_completion FROM '
    'trusted.device_engagement ORDER BY sessions DESC';
COMMENT ON COLUMN trusted.device_engagement.device_type IS 'Kind of device; null if unknown.';
COMMENT ON COLUMN trusted.device_engagement.quality_level IS 'Picture quality; null if unknown.';
COMMENT ON COLUMN trusted.device_engagement.unique_viewers IS 'Number of different users with a session; does not add up over rows.';
