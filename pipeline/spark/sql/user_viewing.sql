-- All users, also those without a session, with their sums, their favourite device and the month of their first session.
WITH by_device AS (
    SELECT
        sign, user_id, device_type,
        sum(sessions) AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) AS completion_hundredths,
        sum(completions) AS completions,
        max(last_watch_date) AS last_watch_date
    FROM user_device
    GROUP BY sign, user_id, device_type
),

viewing AS (
    SELECT
        sign, user_id,
        sum(sessions) AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) AS completion_hundredths,
        sum(completions) AS completions,
        max(last_watch_date) AS last_watch_date,
        -- The most sessions, then the most minutes, then the first by the bytes of its name.
        min(struct(-sessions, -minutes, device_type)) FILTER (WHERE device_type IS NOT NULL).device_type AS favourite_device
    FROM by_device
    GROUP BY sign, user_id
),

cohorts AS (
    SELECT sign, user_id, min(month) AS cohort_month FROM user_month GROUP BY sign, user_id
)

SELECT
    sign, user_id, u.country, u.subscription_type,
    coalesce(v.sessions, 0) AS sessions,
    coalesce(v.minutes, 0) AS minutes,
    coalesce(v.completion_hundredths, 0) AS completion_hundredths,
    coalesce(v.completions, 0) AS completions,
    v.last_watch_date, v.favourite_device, c.cohort_month
FROM signed_users AS u
LEFT JOIN viewing AS v USING (sign, user_id)
LEFT JOIN cohorts AS c USING (sign, user_id)
