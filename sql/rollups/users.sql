-- Users, from what they did by device and quality.
INSERT INTO etl.rollup_users
WITH by_device AS (
    SELECT
        user_id, device_type,
        sum(sessions)::bigint AS sessions,
        coalesce(sum(minutes), 0)::bigint AS minutes,
        sum(completion_hundredths)::bigint AS completion_hundredths,
        sum(completions)::bigint AS completions,
        max(last_watch_date) AS last_watch_date
    FROM etl.rollup_user_devices
    WHERE {of_users}
    GROUP BY user_id, device_type
),

viewing AS (
    SELECT
        user_id,
        sum(sessions)::bigint AS sessions,
        sum(minutes)::bigint AS minutes,
        sum(completion_hundredths)::bigint AS completion_hundredths,
        sum(completions)::bigint AS completions,
        max(last_watch_date) AS last_watch_date
    FROM by_device
    GROUP BY user_id
),

-- "C": the same winner of a tie whatever the collation of the database, and the faster sort.
favourites AS (
    SELECT DISTINCT ON (user_id COLLATE "C")
        user_id, device_type AS favourite_device
    FROM by_device
    WHERE device_type IS NOT NULL
    ORDER BY user_id COLLATE "C", sessions DESC, minutes DESC, device_type COLLATE "C"
)

SELECT
    v.user_id, v.sessions, v.minutes, v.completion_hundredths, v.completions, v.last_watch_date,
    f.favourite_device
FROM viewing AS v
LEFT JOIN favourites AS f USING (user_id);
