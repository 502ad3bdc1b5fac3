-- Two levels instead of count(DISTINCT), which would send every session twice.
WITH user_day AS (
    SELECT
        sign, user_id, watch_date,
        count(*) AS sessions,
        coalesce(sum(watch_duration_minutes), 0) AS minutes,
        count(watch_duration_minutes) AS durations,
        coalesce(sum(CAST(round(completion_percentage * 100) AS integer)), 0) AS completion_hundredths,
        count(completion_percentage) AS completions
    FROM changed_by_user
    GROUP BY 1, 2, 3
),

parts AS (
    SELECT sign, watch_date, sessions, minutes, durations, completion_hundredths, completions, 1 AS viewers, 0 AS month_viewers
    FROM user_day
    UNION ALL
    SELECT sign, first_date, 0, 0, 0, 0, 0, 0, 1 FROM user_month
)

SELECT
    watch_date,
    sum(sign * sessions) AS sessions,
    sum(sign * minutes) AS minutes,
    sum(sign * durations) AS durations,
    sum(sign * completion_hundredths) AS completion_hundredths,
    sum(sign * completions) AS completions,
    sum(sign * viewers) AS viewers,
    sum(sign * month_viewers) AS month_viewers
FROM parts
GROUP BY watch_date
