-- question: What do people binge on?
-- shows: Days on which a user had at least three sessions of series: by series, with users and mean hours of series.
WITH days AS (
    SELECT user_id, watch_date, count(*) AS sessions, sum(watch_duration_minutes) / 60.0 AS hours
    FROM trusted.session_details
    WHERE type = 'series'
    GROUP BY user_id, watch_date
    HAVING count(*) >= 3
)

SELECT
    s.content_id, s.title,
    count(DISTINCT (s.user_id, s.watch_date)) AS binge_days,
    count(DISTINCT s.user_id) AS users,
    count(*) AS sessions,
    round(avg(d.hours), 2) AS mean_hours
FROM days AS d
INNER JOIN trusted.session_details AS s USING (user_id, watch_date)
WHERE s.type = 'series'
GROUP BY s.content_id, s.title
ORDER BY binge_days DESC, s.content_id
LIMIT 20;
