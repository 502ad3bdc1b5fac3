-- Additive sums over {sessions}, at the finest grains. Temporary tables, which are filled in parallel.
CREATE TEMP TABLE new_user_devices ON COMMIT DROP AS
SELECT
    user_id,
    etl.label(device_type) AS device_type,
    etl.label(quality_level) AS quality_level,
    {sign_sum} AS sessions,
    coalesce(sum({sign}watch_duration_minutes), 0) AS minutes,
    coalesce({sign_sum} FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    -- Hundredths as whole numbers: exact, and much lighter to sum than numeric.
    coalesce(sum({sign}(completion_percentage * 100)::integer), 0) AS completion_hundredths,
    coalesce({sign_sum} FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions,
    max(watch_date) AS last_watch_date
FROM {sessions}
GROUP BY user_id, device_type, quality_level;

CREATE TEMP TABLE new_titles ON COMMIT DROP AS
SELECT
    content_id,
    date_trunc('month', watch_date::timestamp)::date AS month,
    CASE WHEN completion_percentage = 100 THEN 9 ELSE trunc(completion_percentage / 10)::integer END AS bucket,
    {sign_sum} AS sessions,
    coalesce(sum({sign}watch_duration_minutes), 0) AS minutes,
    coalesce({sign_sum} FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    coalesce(sum({sign}(completion_percentage * 100)::integer), 0) AS completion_hundredths,
    coalesce({sign_sum} FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM {sessions}
GROUP BY 1, 2, 3;

CREATE TEMP TABLE new_days ON COMMIT DROP AS
SELECT
    watch_date,
    {sign_sum} AS sessions,
    coalesce(sum({sign}watch_duration_minutes), 0) AS minutes,
    coalesce({sign_sum} FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    coalesce(sum({sign}(completion_percentage * 100)::integer), 0) AS completion_hundredths,
    coalesce({sign_sum} FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM {sessions}
GROUP BY watch_date;
