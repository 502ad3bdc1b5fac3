CREATE MATERIALIZED VIEW trusted.country_engagement AS
WITH people AS (
    SELECT
        u.country,
        count(*) AS users,
        count(*) FILTER (
            WHERE EXISTS (SELECT FROM processed.viewing_sessions AS s WHERE s.user_id = u.user_id)
        ) AS active_users
    FROM processed.users AS u
    GROUP BY u.country
),

viewing AS (
    SELECT
        u.country,
        count(*) AS sessions,
        sum(s.watch_duration_minutes) AS minutes,
        avg(s.completion_percentage) AS avg_completion
    FROM processed.viewing_sessions AS s
    INNER JOIN processed.users AS u USING (user_id)
    GROUP BY u.country
)

SELECT
    etl.label(p.country) AS country,
    p.users,
    p.active_users,
    coalesce(v.sessions, 0) AS sessions,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion
FROM people AS p
-- As arrays null equals null, and the join can hash.
LEFT JOIN viewing AS v ON ARRAY[v.country] = ARRAY[p.country];

CREATE UNIQUE INDEX country_engagement_key ON trusted.country_engagement (country) NULLS NOT DISTINCT;

COMMENT ON MATERIALIZED VIEW trusted.country_engagement IS
    'Users and viewing by country. Grain: one row for each country; users without one are a group of their own.';
COMMENT ON COLUMN trusted.country_engagement.country IS 'Country of the users; null if unknown.';
COMMENT ON COLUMN trusted.country_engagement.users IS 'Number of users.';
COMMENT ON COLUMN trusted.country_engagement.active_users IS 'Number of users with a session.';
COMMENT ON COLUMN trusted.country_engagement.sessions IS 'Number of sessions.';
COMMENT ON COLUMN trusted.country_engagement.watch_hours IS 'Hours watched.';
COMMENT ON COLUMN trusted.country_engagement.avg_completion IS
    'Mean completion in percent over sessions that have one; null if none has.';
