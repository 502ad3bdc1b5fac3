-- severity: warn
-- description: A session lasts longer than 24 hours.
-- judges: rows
SELECT session_id, watch_duration_minutes
FROM processed.viewing_sessions
WHERE watch_duration_minutes > 24 * 60
