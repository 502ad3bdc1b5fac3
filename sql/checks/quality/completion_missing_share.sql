-- severity: warn
-- description: More than 20 percent of the sessions of a kind of device have no completion (from 100 sessions on).
SELECT
    device_type, sessions, sessions - completions AS missing,
    round(100.0 * (sessions - completions) / sessions, 2) AS missing_percent
FROM etl.sessions_by_device()
WHERE sessions >= 100 AND 5 * (sessions - completions) > sessions
