-- severity: warn
-- description: A session lasts over 10 percent longer than the movie that was watched.
-- judges: rows
SELECT s.session_id, s.content_id, s.watch_duration_minutes, m.duration_minutes
FROM processed.viewing_sessions AS s
INNER JOIN processed.movie_details AS m USING (content_id)
WHERE s.watch_duration_minutes::bigint * 10 > m.duration_minutes::bigint * 11
