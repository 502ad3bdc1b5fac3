-- severity: warn
-- description: A session took place before its user registered.
-- judges: rows
SELECT s.session_id, s.user_id, s.watch_date, u.registration_date
FROM processed.viewing_sessions AS s
INNER JOIN processed.users AS u USING (user_id)
WHERE s.watch_date < u.registration_date
