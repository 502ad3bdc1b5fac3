-- severity: warn
-- description: More than 20 percent of the sessions of a kind of device have no completion (from 100 sessions on).
SELECT
    device_type,
    count(*) AS sessions,
    count(*) - count(completion_percentage) AS missing,
    round(100.0 * (count(*) - count(completion_percentage)) / count(*), 2) AS missing_percent
FROM processed.viewing_sessions
GROUP BY device_type
HAVING count(*) >= 100 AND 5 * (count(*) - count(completion_percentage)) > count(*)
