CREATE VIEW trusted.overall_summary AS
SELECT
    coalesce(sum(a.users), 0)::bigint AS users,
    coalesce(sum(a.active_users), 0)::bigint AS active_users,
    coalesce(sum(a.sessions), 0)::bigint AS sessions,
    round(coalesce(sum(a.minutes), 0) / 60, 2) AS watch_hours,
    round(sum(a.completion_hundredths) / 100 / nullif(sum(a.completions), 0), 2) AS avg_completion
FROM etl.rollup_audience AS a;

COMMENT ON VIEW trusted.overall_summary IS
    'All users and sessions. Grain: one row. Example: SELECT sessions, watch_hours / nullif(active_users, 0) AS '
    'hours_per_active_user FROM trusted.overall_summary';
COMMENT ON COLUMN trusted.overall_summary.users IS 'Number of users.';
COMMENT ON COLUMN trusted.overall_summary.active_users IS 'Number of them with a session.';
