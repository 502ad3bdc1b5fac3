-- severity: warn
-- description: A session took place before the year its title was released.
-- judges: rows
SELECT s.session_id, s.content_id, s.watch_date, c.release_year
FROM processed.viewing_sessions AS s
INNER JOIN processed.content AS c USING (content_id)
WHERE s.watch_date < make_date(c.release_year, 1, 1)
