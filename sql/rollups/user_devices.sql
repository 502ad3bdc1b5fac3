-- Users by device and quality, from all sessions of the users in {sessions}.
INSERT INTO etl.rollup_user_devices
SELECT
    user_id, device_type, quality_level,
    count(*) AS sessions,
    sum(watch_duration_minutes) AS minutes,
    count(watch_duration_minutes) AS durations,
    -- Hundredths as whole numbers: exact, and much lighter to sum for many groups than numeric.
    sum((completion_percentage * 100)::integer) AS completion_hundredths,
    count(completion_percentage) AS completions,
    max(watch_date) AS last_watch_date
FROM {sessions}
GROUP BY user_id, device_type, quality_level;
