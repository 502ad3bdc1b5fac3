-- On which device do people watch to the end, and does the kind of title matter?
-- Read: finished is the percentage of sessions that reached 90 percent of the title.
SELECT
    device_type,
    type,
    count(*) AS sessions,
    round(avg(watch_duration_minutes), 2) AS avg_duration_minutes,
    round(avg(completion_percentage), 2) AS avg_completion,
    round(
        100.0 * count(*) FILTER (WHERE completion_percentage >= 90) / nullif(count(completion_percentage), 0), 2
    ) AS finished
FROM trusted.session_details
GROUP BY device_type, type
ORDER BY device_type, type;
