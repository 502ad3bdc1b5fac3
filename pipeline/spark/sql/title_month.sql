SELECT
    content_id,
    CAST(trunc(watch_date, 'MM') AS date) AS month,
    CASE WHEN completion_percentage = 100 THEN 9 ELSE CAST(completion_percentage / 10 AS integer) END AS bucket,
    sum(sign) AS sessions,
    coalesce(sum(sign) FILTER (WHERE is_due), 0) AS due_sessions,
    coalesce(sum(sign * watch_duration_minutes), 0) AS minutes,
    coalesce(sum(sign) FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    coalesce(sum(sign * CAST(round(completion_percentage * 100) AS integer)), 0) AS completion_hundredths,
    coalesce(sum(sign) FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM changed_sessions
GROUP BY 1, 2, 3
