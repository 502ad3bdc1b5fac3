CREATE MATERIALIZED VIEW trusted.user_engagement AS
WITH standings AS (
    SELECT user_id, percent_rank() OVER (ORDER BY minutes) AS standing
    FROM etl.rollup_users
)

SELECT
    u.user_id, u.country, u.subscription_type,
    coalesce(v.sessions, 0) AS sessions,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.completion_hundredths / 100.0 / nullif(v.completions, 0), 2) AS avg_completion,
    v.last_watch_date, v.favourite_device,
    CASE
        WHEN v.user_id IS NULL THEN 'inactive'
        WHEN s.standing < 0.5 THEN 'light'
        WHEN s.standing < 0.9 THEN 'regular'
        ELSE 'heavy'
    END AS segment
FROM processed.users AS u
LEFT JOIN etl.rollup_users AS v USING (user_id)
LEFT JOIN standings AS s USING (user_id);

CREATE UNIQUE INDEX user_engagement_key ON trusted.user_engagement (user_id);

COMMENT ON MATERIALIZED VIEW trusted.user_engagement IS
    'Users with their viewing. Grain: one row for each user, also those without a session. Example: SELECT segment, '
    'count(*) AS users, sum(watch_hours) AS watch_hours FROM trusted.user_engagement GROUP BY segment ORDER BY '
    'watch_hours DESC';
COMMENT ON COLUMN trusted.user_engagement.user_id IS 'Key of the user.';
COMMENT ON COLUMN trusted.user_engagement.last_watch_date IS 'Day of the last session; null if there is none.';
COMMENT ON COLUMN trusted.user_engagement.segment IS
    'inactive: no session; else by percent_rank of watch time among active users: light below 0.5, regular below 0.9, '
    'heavy from there.';
