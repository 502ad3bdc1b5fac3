CREATE VIEW trusted.segment_summary AS
WITH segments AS (
    SELECT
        CASE
            WHEN m.minutes <= s.light_minutes THEN 'light'
            WHEN m.minutes <= s.regular_minutes THEN 'regular'
            ELSE 'heavy'
        END AS segment,
        m.users, m.sessions, m.minutes
    FROM etl.rollup_minutes AS m
    CROSS JOIN etl.rollup_state AS s
    UNION ALL
    SELECT 'inactive', users - active_users, 0, 0 FROM etl.rollup_audience
)

SELECT
    segment,
    sum(users)::bigint AS users,
    sum(sessions)::bigint AS sessions,
    round(sum(users * minutes) / 60, 2) AS watch_hours
FROM segments
GROUP BY segment
HAVING sum(users) > 0;

COMMENT ON VIEW trusted.segment_summary IS
    'Users and viewing by segment. Grain: one row for each segment of trusted.user_engagement that has users. Example: '
    'SELECT segment, users, watch_hours / users AS hours_per_user FROM trusted.segment_summary ORDER BY 3 DESC';
COMMENT ON COLUMN trusted.segment_summary.segment IS
    'inactive: no session; else by percent_rank of watch time among active users: light below 0.5, regular below 0.9, '
    'heavy from there.';
COMMENT ON COLUMN trusted.segment_summary.watch_hours IS 'Hours watched by these users.';
