-- severity: warn
-- description: More than 20 percent of the sessions of a kind of device have no completion (from 100 sessions on).
SELECT
    device_type,
    sum(sessions) AS sessions,
    sum(sessions - completions) AS missing,
    round(100.0 * sum(sessions - completions) / sum(sessions), 2) AS missing_percent
FROM etl.sessions_by_day
GROUP BY device_type
HAVING sum(sessions) >= 100 AND 5 * sum(sessions - completions) > sum(sessions)
