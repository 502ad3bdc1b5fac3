-- severity: warn
-- description: A session is dated on a day that has begun nowhere on earth (UTC+14).
SELECT session_id, watch_date
FROM processed.viewing_sessions
WHERE watch_date > (now() AT TIME ZONE 'UTC' + interval '14 hours')::date
