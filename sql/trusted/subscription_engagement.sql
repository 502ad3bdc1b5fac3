CREATE MATERIALIZED VIEW trusted.subscription_engagement AS
WITH people AS (
    SELECT
        u.subscription_type,
        count(*) AS users,
        count(*) FILTER (
            WHERE EXISTS (SELECT FROM processed.viewing_sessions AS s WHERE s.user_id = u.user_id)
        ) AS active_users
    FROM processed.users AS u
    GROUP BY u.subscription_type
),

viewing AS (
    SELECT
        u.subscription_type,
        count(*) AS sessions,
        sum(s.watch_duration_minutes) AS minutes,
        avg(s.completion_percentage) AS avg_completion
    FROM processed.viewing_sessions AS s
    INNER JOIN processed.users AS u USING (user_id)
    GROUP BY u.subscription_type
)

SELECT
    etl.label(p.subscription_type) AS subscription_type,
    p.users,
    p.active_users,
    coalesce(v.sessions, 0) AS sessions,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    round(v.sessions::numeric / nullif(p.active_users, 0), 2) AS sessions_per_active_user
FROM people AS p
-- As arrays null equals null, and the join can hash.
LEFT JOIN viewing AS v ON ARRAY[v.subscription_type] = ARRAY[p.subscription_type];

CREATE UNIQUE INDEX subscription_engagement_key
    ON trusted.subscription_engagement (subscription_type) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.subscription_engagement IS
    'Users and viewing by plan. Grain: one row for each subscription_type; users without one are a group of '
    'their own.';
COMMENT ON COLUMN trusted.subscription_engagement.subscription_type IS 'Plan of the users; null if unknown.';
COMMENT ON COLUMN trusted.subscription_engagement.users IS 'Number of users.';
COMMENT ON COLUMN trusted.subscription_engagement.active_users IS 'Number of users with a session.';
COMMENT ON COLUMN trusted.subscription_engagement.sessions IS 'Number of sessions.';
COMMENT ON COLUMN trusted.subscription_engagement.watch_hours IS 'Hours watched.';
COMMENT ON COLUMN trusted.subscription_engagement.avg_completion IS
    'Mean completion in percent over sessions that have one; null if none has.';
COMMENT ON COLUMN trusted.subscription_engagement.sessions_per_active_user IS
    'Sessions for each active user, to 2 decimals; null if no user is active.';
