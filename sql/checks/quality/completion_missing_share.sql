-- severity: warn
-- description: More than 20 percent of the sessions of a kind of device have no completion (from 100 sessions on).
WITH counted AS (
    SELECT device_type, sessions, completions
    FROM etl.rollup_device
    WHERE EXISTS (SELECT FROM etl.rollup_state WHERE is_current)
    UNION ALL
    SELECT device_type, sum(sign), sum(sign) FILTER (WHERE completion_percentage IS NOT NULL)
    FROM etl.session_changes
    WHERE EXISTS (SELECT FROM etl.rollup_state WHERE is_current)
    GROUP BY device_type
    UNION ALL
    -- Nothing is summed up yet, or nobody knows what changed since.
    SELECT device_type, count(*), count(completion_percentage)
    FROM processed.viewing_sessions
    WHERE NOT EXISTS (SELECT FROM etl.rollup_state WHERE is_current)
    GROUP BY device_type
),

devices AS (
    SELECT etl.label(device_type) AS device_type, sum(sessions) AS sessions, sum(sessions) - sum(completions) AS missing
    FROM counted
    GROUP BY 1
)

SELECT
    device_type, sessions, missing,
    round(100.0 * missing / sessions, 2) AS missing_percent
FROM devices
WHERE sessions >= 100 AND 5 * missing > sessions
