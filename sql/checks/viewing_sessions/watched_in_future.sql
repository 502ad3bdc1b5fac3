-- severity: warn
-- description: A session is dated on a day that has begun nowhere on earth (UTC+14).
SELECT session_id, watch_date
FROM processed.viewing_sessions
-- As a subquery it is evaluated once, not for each session.
WHERE watch_date > (SELECT (now() AT TIME ZONE 'UTC' + interval '14 hours')::date)
