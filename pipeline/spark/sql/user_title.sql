-- Sums by user and title.
SELECT sign, user_id, content_id, count(*) AS sessions, coalesce(sum(watch_duration_minutes), 0) AS minutes
FROM signed_sessions
GROUP BY 1, 2, 3
