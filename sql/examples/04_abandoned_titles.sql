-- question: Which titles are begun and not finished?
-- shows: Titles with at least 20 sessions, by the percent of their sessions that end before a quarter of the title.
SELECT
    content_id, title, type,
    count(*) AS sessions,
    round(100.0 * count(*) FILTER (WHERE completion_percentage < 25) / count(*), 2) AS percent_abandoned,
    round(avg(completion_percentage), 2) AS avg_completion
FROM trusted.session_details
WHERE completion_percentage IS NOT NULL
GROUP BY content_id, title, type
HAVING count(*) >= 20
ORDER BY percent_abandoned DESC, content_id
LIMIT 20;
