CREATE MATERIALIZED VIEW trusted.subscription_engagement AS
SELECT
    etl.label(u.subscription_type) AS subscription_type,
    count(*) AS users,
    count(v.user_id) AS active_users,
    coalesce(sum(v.sessions), 0)::bigint AS sessions,
    round(coalesce(sum(v.minutes), 0) / 60, 2) AS watch_hours,
    round(sum(v.completion_hundredths) / 100 / nullif(sum(v.completions), 0), 2) AS avg_completion,
    round(sum(v.sessions) / nullif(count(v.user_id), 0), 2) AS sessions_per_active_user
FROM processed.users AS u
LEFT JOIN etl.rollup_users AS v USING (user_id)
GROUP BY u.subscription_type;

CREATE UNIQUE INDEX subscription_engagement_key ON trusted.subscription_engagement (subscription_type) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.subscription_engagement IS
    'Users and viewing by plan. Grain: one row for each subscription_type; users without one are a group of their '
    'own. Example: SELECT subscription_type, users, sessions_per_active_user FROM trusted.subscription_engagement '
    'ORDER BY users DESC';
COMMENT ON COLUMN trusted.subscription_engagement.subscription_type IS 'Plan of the users; null if unknown.';
COMMENT ON COLUMN trusted.subscription_engagement.sessions_per_active_user IS
    'Sessions for each active user, to 2 decimals; null if no user is active.';
