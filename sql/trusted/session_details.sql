CREATE VIEW trusted.session_details AS
SELECT
    s.session_id, s.user_id, s.content_id, s.watch_date, s.watch_duration_minutes, s.completion_percentage,
    s.device_type, s.quality_level, u.country, u.subscription_type, u.age, c.title, c.type, c.release_year
FROM processed.viewing_sessions AS s
INNER JOIN processed.users AS u USING (user_id)
INNER JOIN processed.content AS c USING (content_id);

COMMENT ON VIEW trusted.session_details IS
    'Sessions with their user and title. Grain: one row for each viewing session. Example: SELECT age / 10 * 10 AS '
    'age_from, avg(completion_percentage) AS avg_completion FROM trusted.session_details GROUP BY 1 ORDER BY 1';
COMMENT ON COLUMN trusted.session_details.user_id IS 'Who watched.';
COMMENT ON COLUMN trusted.session_details.content_id IS 'What was watched.';
