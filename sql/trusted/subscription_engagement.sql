CREATE VIEW trusted.subscription_engagement AS
SELECT
    a.subscription_type,
    sum(a.users)::bigint AS users,
    sum(a.active_users)::bigint AS active_users,
    sum(a.sessions)::bigint AS sessions,
    round(sum(a.minutes) / 60, 2) AS watch_hours,
    round(sum(a.completion_hundredths) / 100 / nullif(sum(a.completions), 0), 2) AS avg_completion,
    round(sum(a.sessions) / nullif(sum(a.active_users), 0), 2) AS sessions_per_active_user
FROM etl.rollup_audience AS a
GROUP BY a.subscription_type
HAVING sum(a.users) > 0;

COMMENT ON VIEW trusted.subscription_engagement IS
    'Users and viewing by plan. Grain: one row for each subscription_type; users without one are a group of their '
    'own. Example: SELECT subscription_type, users, sessions_per_active_user FROM trusted.subscription_engagement '
    'ORDER BY users DESC';
COMMENT ON COLUMN trusted.subscription_engagement.subscription_type IS 'Plan of the users; null if unknown.';
COMMENT ON COLUMN trusted.subscription_engagement.sessions_per_active_user IS
    'Sessions for each active user, to 2 decimals; null if no user is active.';
