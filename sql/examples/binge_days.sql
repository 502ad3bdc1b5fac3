-- Who binges, and on which series?
-- Read: a binge day is a user's day with two or more sessions of the same series.
WITH days AS (
    SELECT user_id, content_id, title, watch_date, count(*) AS sessions
    FROM trusted.session_details
    WHERE type = 'series'
    GROUP BY user_id, content_id, title, watch_date
    HAVING count(*) >= 2
)

SELECT
    title,
    count(*) AS binge_days,
    count(DISTINCT user_id) AS users,
    max(sessions) AS most_sessions_in_a_day
FROM days
GROUP BY content_id, title
ORDER BY binge_days DESC, title
LIMIT 20;
