CREATE VIEW trusted.user_engagement AS
SELECT
    u.user_id, u.country, u.subscription_type, u.sessions,
    round(u.minutes / 60.0, 2) AS watch_hours,
    round(u.completion_hundredths / 100.0 / nullif(u.completions, 0), 2) AS avg_completion,
    u.last_watch_date, u.favourite_device,
    CASE
        WHEN u.sessions = 0 THEN 'inactive'
        WHEN u.minutes <= s.light_minutes THEN 'light'
        WHEN u.minutes <= s.regular_minutes THEN 'regular'
        ELSE 'heavy'
    END AS segment
FROM etl.rollup_user AS u
CROSS JOIN etl.rollup_state AS s;

COMMENT ON VIEW trusted.user_engagement IS
    'Users with their viewing. Grain: one row for each user, also those without a session. Example: SELECT segment, '
    'count(*) AS users, sum(watch_hours) AS watch_hours FROM trusted.user_engagement GROUP BY segment ORDER BY '
    'watch_hours DESC';
COMMENT ON COLUMN trusted.user_engagement.user_id IS 'Key of the user.';
COMMENT ON COLUMN trusted.user_engagement.last_watch_date IS 'Day of the last session; null if there is none.';
COMMENT ON COLUMN trusted.user_engagement.segment IS
    'inactive: no session; else by percent_rank of watch time among active users: light below 0.5, regular below 0.9, '
    'heavy from there.';
