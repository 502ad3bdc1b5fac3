-- severity: warn
-- description: A session is dated after the day of the run: days and months leave it out until its day comes.
-- judges: rows by day
SELECT session_id, watch_date
FROM processed.viewing_sessions
-- As a subquery it is evaluated once, not for each session.
WHERE watch_date > (SELECT current_setting('pipeline.run_day')::date)
