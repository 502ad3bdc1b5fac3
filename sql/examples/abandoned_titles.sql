-- Which titles do people begin and leave?
-- Read: abandoned is the percentage of sessions that ended before a quarter of the title; titles with fewer than
-- 20 such figures are left out, as a handful of sessions says nothing.
SELECT
    title,
    type,
    count(completion_percentage) AS sessions,
    round(100.0 * count(*) FILTER (WHERE completion_percentage < 25) / count(completion_percentage), 2) AS abandoned,
    round(avg(completion_percentage), 2) AS avg_completion
FROM trusted.session_details
GROUP BY content_id, title, type
HAVING count(completion_percentage) >= 20
ORDER BY abandoned DESC, title
LIMIT 20;
