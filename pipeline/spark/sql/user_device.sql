-- Additive sums by user, device and quality.
SELECT
    sign, user_id,
    label(device_type) AS device_type,
    label(quality_level) AS quality_level,
    count(*) AS sessions,
    coalesce(sum(watch_duration_minutes), 0) AS minutes,
    count(watch_duration_minutes) AS durations,
    -- Hundredths as whole numbers: exact, and much lighter to sum.
    coalesce(sum(CAST(round(completion_percentage * 100) AS integer)), 0) AS completion_hundredths,
    count(completion_percentage) AS completions,
    max(watch_date) AS last_watch_date
FROM sessions_by_user
GROUP BY 1, 2, 3, 4
