-- question: Which good users are about to leave?
-- shows: Regular and heavy users who have been away for at least 30 days and three times their usual pause.
WITH days AS (
    SELECT DISTINCT user_id, watch_date FROM trusted.session_details
),

pauses AS (
    SELECT
        user_id,
        watch_date - lag(watch_date) OVER (PARTITION BY user_id ORDER BY watch_date) AS days_between
    FROM days
),

usual AS (
    SELECT user_id, avg(days_between) AS usual_pause
    FROM pauses
    GROUP BY user_id
)

SELECT
    e.user_id, e.country, e.subscription_type, e.segment, e.watch_hours, e.last_watch_date,
    l.last_date - e.last_watch_date AS days_away,
    round(u.usual_pause, 2) AS usual_pause
FROM trusted.user_engagement AS e
INNER JOIN usual AS u USING (user_id)
CROSS JOIN (SELECT max(watch_date) AS last_date FROM trusted.daily_viewing) AS l
WHERE e.segment IN ('regular', 'heavy')
    AND l.last_date - e.last_watch_date >= 30
    AND l.last_date - e.last_watch_date >= 3 * u.usual_pause
ORDER BY e.watch_hours DESC, e.user_id
LIMIT 50;
