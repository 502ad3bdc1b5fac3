-- question: Who binges, and on what?
-- shows: Days on which a user watched one series at least three times: by series, with users, days and mean hours.
WITH binges AS (
    SELECT
        user_id,
        content_id,
        title,
        watch_date,
        count(*) AS sessions,
        sum(watch_duration_minutes) / 60.0 AS hours
    FROM trusted.session_details
    WHERE type = 'series'
    GROUP BY user_id, content_id, title, watch_date
    HAVING count(*) >= 3
)

SELECT
    content_id,
    title,
    count(*) AS binge_days,
    count(DISTINCT user_id) AS users,
    max(sessions) AS most_sessions_in_a_day,
    round(avg(hours), 2) AS mean_hours
FROM binges
GROUP BY content_id, title
ORDER BY binge_days DESC, content_id
LIMIT 20;
