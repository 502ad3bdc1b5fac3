CREATE MATERIALIZED VIEW trusted.user_engagement AS
WITH viewing_by_device AS (
    SELECT
        user_id,
        device_type,
        sum(sessions)::bigint AS sessions,
        coalesce(sum(minutes), 0)::bigint AS minutes,
        sum(completion_hundredths)::bigint AS completion_hundredths,
        sum(completions)::bigint AS completions,
        max(last_watch_date) AS last_watch_date
    FROM etl.rollup_user_devices
    GROUP BY user_id, device_type
),

viewing AS (
    SELECT
        user_id,
        sum(sessions)::bigint AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) / 100 / nullif(sum(completions), 0) AS avg_completion,
        max(last_watch_date) AS last_watch_date
    FROM viewing_by_device
    GROUP BY user_id
),

-- "C": the same winner of a tie whatever the collation of the database, and the faster sort.
favourites AS (
    SELECT DISTINCT ON (user_id COLLATE "C")
        user_id,
        device_type AS favourite_device
    FROM viewing_by_device
    WHERE device_type IS NOT NULL
    ORDER BY user_id COLLATE "C", sessions DESC, minutes DESC, device_type COLLATE "C"
),

standings AS (
    SELECT user_id, percent_rank() OVER (ORDER BY minutes) AS standing
    FROM viewing
)

SELECT
    u.user_id,
    u.country,
    u.subscription_type,
    coalesce(v.sessions, 0) AS sessions,
    round(coalesce(v.minutes, 0) / 60, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    v.last_watch_date,
    f.favourite_device,
    CASE
        WHEN v.user_id IS NULL THEN 'inactive'
        WHEN s.standing < 0.5 THEN 'light'
        WHEN s.standing < 0.9 THEN 'regular'
        ELSE 'heavy'
    END AS segment
FROM processed.users AS u
LEFT JOIN viewing AS v USING (user_id)
LEFT JOIN standings AS s USING (user_id)
LEFT JOIN favourites AS f USING (user_id);

CREATE UNIQUE INDEX user_engagement_key ON trusted.user_engagement (user_id);

COMMENT ON MATERIALIZED VIEW trusted.user_engagement IS
    'Users with their viewing. Grain: one row for each user, also those without a session. '
    'Example: SELECT segment, count(*) AS users, sum(watch_hours) AS watch_hours FROM '
    'trusted.user_engagement GROUP BY segment ORDER BY watch_hours DESC';
COMMENT ON COLUMN trusted.user_engagement.user_id IS 'Key of the user.';
COMMENT ON COLUMN trusted.user_engagement.country IS 'Country of residence.';
COMMENT ON COLUMN trusted.user_engagement.subscription_type IS 'Plan of the user.';
COMMENT ON COLUMN trusted.user_engagement.sessions IS 'Number of sessions.';
COMMENT ON COLUMN trusted.user_engagement.watch_hours IS 'Hours watched.';
COMMENT ON COLUMN trusted.user_engagement.avg_completion IS
    'Mean completion in percent over sessions that have one; null if none has.';
COMMENT ON COLUMN trusted.user_engagement.last_watch_date IS 'Day of the last session; null if there is none.';
COMMENT ON COLUMN trusted.user_engagement.favourite_device IS
    'Device with the most sessions, then the most minutes, then the first by name; null if none is known.';
COMMENT ON COLUMN trusted.user_engagement.segment IS
    'inactive: no session; else by percent_rank of watch time among active users: light below 0.5, regular below '
    '0.9, heavy from there.';
