WITH sums AS (
    SELECT
        watch_date,
        sum(sign) AS sessions,
        coalesce(sum(sign * watch_duration_minutes), 0) AS minutes,
        coalesce(sum(sign) FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
        coalesce(sum(sign * CAST(completion_percentage * 100 AS integer)), 0) AS completion_hundredths,
        coalesce(sum(sign) FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
    FROM signed_sessions
    GROUP BY watch_date
),

-- Two levels instead of count(DISTINCT), which would send every session twice.
viewers AS (
    SELECT watch_date, sum(sign) AS viewers
    FROM (SELECT DISTINCT sign, user_id, watch_date FROM signed_sessions) AS pairs
    GROUP BY watch_date
),

firsts AS (
    SELECT first_date AS watch_date, sum(sign) AS month_viewers FROM user_month GROUP BY first_date
)

SELECT
    watch_date, s.sessions, s.minutes, s.durations, s.completion_hundredths, s.completions, v.viewers,
    coalesce(f.month_viewers, 0) AS month_viewers
FROM sums AS s
INNER JOIN viewers AS v USING (watch_date)
LEFT JOIN firsts AS f USING (watch_date)
