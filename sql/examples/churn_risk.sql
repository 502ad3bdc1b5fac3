-- Who used to watch a lot and has stopped?
-- Read: regular and heavy users without a session in the last 30 days of the data, the most valuable first.
WITH today AS (
    SELECT max(watch_date) AS last_day FROM trusted.daily_viewing
)

SELECT
    u.user_id,
    u.country,
    u.subscription_type,
    u.segment,
    u.watch_hours,
    u.last_watch_date,
    t.last_day - u.last_watch_date AS days_silent
FROM trusted.user_engagement AS u
CROSS JOIN today AS t
WHERE u.segment IN ('regular', 'heavy') AND u.last_watch_date < t.last_day - 30
ORDER BY u.watch_hours DESC, u.user_id
LIMIT 50;
