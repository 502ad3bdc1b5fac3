-- Adds what changed to the rollups, by key. What is not additive (viewers, first and last days, favourite devices,
-- cohorts) is found again for the users concerned.

-- Devices.
CREATE TEMP TABLE device_changes ON COMMIT DROP AS
SELECT new.*, coalesce(old.sessions, 0) AS old_sessions
FROM (SELECT * FROM new_user_devices ORDER BY user_id) AS new
LEFT JOIN LATERAL (
    SELECT sessions FROM etl.rollup_user_device
    WHERE user_id = new.user_id
        AND device_type IS NOT DISTINCT FROM new.device_type
        AND quality_level IS NOT DISTINCT FROM new.quality_level
    {by_key}
) AS old ON true;

INSERT INTO etl.rollup_device AS kept
SELECT
    device_type, quality_level, sum(sessions), sum(minutes), sum(durations), sum(completion_hundredths), sum(completions),
    sum((old_sessions + sessions > 0)::integer - (old_sessions > 0)::integer)
FROM device_changes
GROUP BY device_type, quality_level
ON CONFLICT (device_type, quality_level) DO UPDATE SET
    sessions = kept.sessions + excluded.sessions,
    minutes = kept.minutes + excluded.minutes,
    durations = kept.durations + excluded.durations,
    completion_hundredths = kept.completion_hundredths + excluded.completion_hundredths,
    completions = kept.completions + excluded.completions,
    viewers = kept.viewers + excluded.viewers;

INSERT INTO etl.rollup_user_device AS kept
SELECT user_id, device_type, quality_level, sessions, minutes, durations, completion_hundredths, completions
FROM device_changes
ON CONFLICT (user_id, device_type, quality_level) DO UPDATE SET
    sessions = kept.sessions + excluded.sessions,
    minutes = kept.minutes + excluded.minutes,
    durations = kept.durations + excluded.durations,
    completion_hundredths = kept.completion_hundredths + excluded.completion_hundredths,
    completions = kept.completions + excluded.completions;

-- Titles. A viewer counts who has a session now, or had one before: more now than the difference. No more are looked at.
INSERT INTO etl.rollup_title_bucket AS kept
SELECT
    content_id, bucket, sum(sessions), sum(minutes), sum(durations), sum(completion_hundredths), sum(completions)
FROM new_titles
GROUP BY content_id, bucket
ON CONFLICT (content_id, bucket) DO UPDATE SET
    sessions = kept.sessions + excluded.sessions,
    minutes = kept.minutes + excluded.minutes,
    durations = kept.durations + excluded.durations,
    completion_hundredths = kept.completion_hundredths + excluded.completion_hundredths,
    completions = kept.completions + excluded.completions;

INSERT INTO etl.rollup_title AS kept
SELECT pairs.content_id, sum((now.sessions > 0)::integer - (now.sessions > pairs.difference)::integer)
FROM (
    SELECT content_id, user_id, sum(sign) AS difference
    FROM changes
    GROUP BY content_id, user_id
    ORDER BY content_id, user_id
) AS pairs
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions FROM (
        SELECT FROM processed.viewing_sessions
        WHERE content_id = pairs.content_id AND user_id = pairs.user_id
        LIMIT greatest(pairs.difference, 0) + 1
    ) AS found
) AS now
GROUP BY pairs.content_id
ON CONFLICT (content_id) DO UPDATE SET viewers = kept.viewers + excluded.viewers;

CREATE TEMP TABLE title_month_changes ON COMMIT DROP AS
SELECT new.*, coalesce(old.sessions, 0) AS old_sessions
FROM (
    SELECT content_id, date_trunc('month', watch_date::timestamp)::date AS month, sum(sessions) AS sessions
    FROM due
    GROUP BY 1, 2
) AS new
LEFT JOIN LATERAL (
    SELECT sessions FROM etl.rollup_title_month WHERE content_id = new.content_id AND month = new.month {by_key}
) AS old ON true;

INSERT INTO etl.rollup_month AS kept
SELECT month, sum((old_sessions + sessions > 0)::integer - (old_sessions > 0)::integer)
FROM title_month_changes
GROUP BY month
ON CONFLICT (month) DO UPDATE SET titles = kept.titles + excluded.titles;

INSERT INTO etl.rollup_title_month AS kept
SELECT content_id, month, sessions FROM title_month_changes
ON CONFLICT (content_id, month) DO UPDATE SET sessions = kept.sessions + excluded.sessions;

-- Users by month.
CREATE TEMP TABLE user_month_changes ON COMMIT DROP AS
SELECT
    new.user_id, new.month,
    coalesce(old.sessions, 0) + new.sessions AS sessions,
    coalesce(old.sessions, 0) AS old_sessions,
    present.first_date, old.first_date AS old_first_date
FROM (
    SELECT user_id, date_trunc('month', watch_date::timestamp)::date AS month, sum(sessions) AS sessions
    FROM due
    GROUP BY 1, 2
    ORDER BY 1, 2
) AS new
LEFT JOIN LATERAL (
    SELECT sessions, first_date FROM etl.rollup_user_month WHERE user_id = new.user_id AND month = new.month {by_key}
) AS old ON true
CROSS JOIN LATERAL (
    SELECT min(watch_date) AS first_date FROM processed.viewing_sessions
    WHERE user_id = new.user_id AND watch_date >= new.month
        AND watch_date <= least({day}, (new.month + interval '1 month -1 day')::date)
) AS present;

INSERT INTO etl.rollup_user_month
SELECT user_id, month, sessions, first_date FROM user_month_changes
ON CONFLICT (user_id, month) DO UPDATE SET sessions = excluded.sessions, first_date = excluded.first_date;

-- Days.
INSERT INTO etl.rollup_day AS kept
SELECT new.*, coalesce(differences.viewers, 0), coalesce(firsts.month_viewers, 0)
FROM (
    SELECT watch_date, sessions, minutes, durations, completion_hundredths, completions FROM new_days
    UNION ALL
    SELECT DISTINCT day, 0, 0, 0, 0, 0
    FROM user_month_changes
    CROSS JOIN LATERAL (VALUES (first_date), (old_first_date)) AS days (day)
    WHERE day IS NOT NULL AND day NOT IN (SELECT watch_date FROM new_days)
) AS new
LEFT JOIN (
    SELECT pairs.watch_date, sum((now.sessions > 0)::integer - (now.sessions > pairs.difference)::integer) AS viewers
    FROM (
        SELECT watch_date, user_id, sum(sign) AS difference
        FROM changes
        GROUP BY watch_date, user_id
        ORDER BY user_id, watch_date
    ) AS pairs
    CROSS JOIN LATERAL (
        SELECT count(*) AS sessions FROM (
            SELECT FROM processed.viewing_sessions
            WHERE user_id = pairs.user_id AND watch_date = pairs.watch_date
            LIMIT greatest(pairs.difference, 0) + 1
        ) AS found
    ) AS now
    GROUP BY pairs.watch_date
) AS differences USING (watch_date)
LEFT JOIN (
    SELECT watch_date, sum(came) AS month_viewers
    FROM user_month_changes
    CROSS JOIN LATERAL (VALUES (first_date, 1), (old_first_date, -1)) AS days (watch_date, came)
    WHERE watch_date IS NOT NULL
    GROUP BY watch_date
) AS firsts USING (watch_date)
ON CONFLICT (watch_date) DO UPDATE SET
    sessions = kept.sessions + excluded.sessions,
    minutes = kept.minutes + excluded.minutes,
    durations = kept.durations + excluded.durations,
    completion_hundredths = kept.completion_hundredths + excluded.completion_hundredths,
    completions = kept.completions + excluded.completions,
    viewers = kept.viewers + excluded.viewers,
    month_viewers = kept.month_viewers + excluded.month_viewers;

INSERT INTO etl.rollup_future AS kept
SELECT user_id, content_id, watch_date, sum(sign)
FROM changes
WHERE watch_date > {day}
GROUP BY user_id, content_id, watch_date
ON CONFLICT (user_id, content_id, watch_date) DO UPDATE SET sessions = kept.sessions + excluded.sessions;

DELETE FROM etl.rollup_future WHERE watch_date <= {day} OR sessions = 0;

-- Users.
CREATE TEMP TABLE new_users ON COMMIT DROP AS
WITH by_device AS (
    SELECT changed_users.user_id, device_type, sum(sessions) AS sessions, sum(minutes) AS minutes
    FROM changed_users
    CROSS JOIN LATERAL (
        SELECT device_type, sessions, minutes FROM etl.rollup_user_device
        WHERE user_id = changed_users.user_id AND device_type IS NOT NULL {by_key}
    ) AS theirs
    GROUP BY changed_users.user_id, device_type
    HAVING sum(sessions) > 0
),

favourites AS (
    SELECT DISTINCT ON (user_id COLLATE "C")
        user_id, device_type AS favourite_device
    FROM by_device
    ORDER BY user_id COLLATE "C", sessions DESC, minutes DESC, device_type COLLATE "C"
),

differences AS (
    SELECT
        user_id, sum(sessions) AS sessions, sum(minutes) AS minutes, sum(completion_hundredths) AS completion_hundredths,
        sum(completions) AS completions
    FROM new_user_devices
    GROUP BY user_id
)

SELECT
    present.user_id, present.country, present.subscription_type,
    coalesce(old.sessions, 0) + coalesce(d.sessions, 0) AS sessions,
    coalesce(old.minutes, 0) + coalesce(d.minutes, 0) AS minutes,
    coalesce(old.completion_hundredths, 0) + coalesce(d.completion_hundredths, 0) AS completion_hundredths,
    coalesce(old.completions, 0) + coalesce(d.completions, 0) AS completions,
    viewing.last_watch_date, favourites.favourite_device, months.cohort_month
FROM changed_users
CROSS JOIN LATERAL (
    SELECT user_id, country, subscription_type FROM processed.users WHERE user_id = changed_users.user_id {by_key}
) AS present
CROSS JOIN LATERAL (
    SELECT max(watch_date) AS last_watch_date FROM processed.viewing_sessions WHERE user_id = changed_users.user_id
) AS viewing
LEFT JOIN old_users AS old ON old.user_id = changed_users.user_id
LEFT JOIN differences AS d ON d.user_id = changed_users.user_id
LEFT JOIN favourites ON favourites.user_id = changed_users.user_id
CROSS JOIN LATERAL (
    SELECT min(month) AS cohort_month FROM etl.rollup_user_month WHERE user_id = changed_users.user_id AND sessions > 0
) AS months;

ANALYZE new_users;

DELETE FROM etl.rollup_user
WHERE user_id IN (SELECT user_id FROM old_users EXCEPT SELECT user_id FROM new_users);

INSERT INTO etl.rollup_user
TABLE new_users
ON CONFLICT (user_id) DO UPDATE SET
    (
        country, subscription_type, sessions, minutes, completion_hundredths, completions, last_watch_date,
        favourite_device, cohort_month
    ) = ROW (
        excluded.country, excluded.subscription_type, excluded.sessions, excluded.minutes,
        excluded.completion_hundredths, excluded.completions, excluded.last_watch_date, excluded.favourite_device,
        excluded.cohort_month
    );

INSERT INTO etl.rollup_audience AS kept
SELECT
    etl.label(country), etl.label(subscription_type), sum(sign), sum(sign * (sessions > 0)::integer), sum(sign * sessions), sum(sign * minutes),
    sum(sign * completion_hundredths), sum(sign * completions)
FROM (SELECT -1 AS sign, * FROM old_users UNION ALL SELECT 1, * FROM new_users) AS differences
GROUP BY country, subscription_type
ON CONFLICT (country, subscription_type) DO UPDATE SET
    users = kept.users + excluded.users,
    active_users = kept.active_users + excluded.active_users,
    sessions = kept.sessions + excluded.sessions,
    minutes = kept.minutes + excluded.minutes,
    completion_hundredths = kept.completion_hundredths + excluded.completion_hundredths,
    completions = kept.completions + excluded.completions;

INSERT INTO etl.rollup_minutes AS kept
SELECT minutes, sum(sign), sum(sign * sessions)
FROM (
    SELECT -1 AS sign, minutes, sessions FROM old_users
    UNION ALL
    SELECT 1, minutes, sessions FROM new_users
) AS differences
WHERE sessions > 0
GROUP BY minutes
ON CONFLICT (minutes) DO UPDATE SET
    users = kept.users + excluded.users,
    sessions = kept.sessions + excluded.sessions;

-- Cohorts and countries. What a user counted for before is what he counts for now less the difference: the difference
-- goes where he was; who is somewhere else now takes along all that he counts for.
CREATE TEMP TABLE movers ON COMMIT DROP AS
SELECT
    user_id,
    old.user_id IS NOT NULL AS is_old,
    old.country AS old_country, new.country,
    old.cohort_month AS old_cohort_month, new.cohort_month,
    old.subscription_type AS old_subscription_type, new.subscription_type,
    old.user_id IS NOT NULL AND old.country IS DISTINCT FROM new.country AS has_moved,
    (old.cohort_month, old.subscription_type) IS DISTINCT FROM (new.cohort_month, new.subscription_type) AS has_changed
FROM new_users AS new
FULL JOIN old_users AS old USING (user_id);

ANALYZE movers;

INSERT INTO etl.rollup_cohort AS kept
SELECT cohort_month, etl.label(subscription_type), month, sum(active_users)
FROM (
    SELECT
        m.old_cohort_month AS cohort_month, m.old_subscription_type AS subscription_type, c.month,
        (c.sessions > 0)::integer - (c.old_sessions > 0)::integer AS active_users
    FROM user_month_changes AS c
    INNER JOIN movers AS m USING (user_id)
    UNION ALL
    SELECT places.cohort_month, places.subscription_type, months.month, places.sign
    FROM movers AS m
    CROSS JOIN LATERAL (VALUES
        (-1, m.old_cohort_month, m.old_subscription_type), (1, m.cohort_month, m.subscription_type)
    ) AS places (sign, cohort_month, subscription_type)
    CROSS JOIN LATERAL (
        SELECT array_agg(month) AS active_months FROM etl.rollup_user_month WHERE user_id = m.user_id AND sessions > 0
    ) AS active
    CROSS JOIN LATERAL unnest(active.active_months) AS months (month)
    WHERE m.has_changed
) AS differences
WHERE cohort_month IS NOT NULL
GROUP BY cohort_month, subscription_type, month
ON CONFLICT (cohort_month, subscription_type, month) DO UPDATE SET active_users = kept.active_users + excluded.active_users;

INSERT INTO etl.rollup_title_country AS kept
SELECT etl.label(country), content_id, sum(sessions), sum(minutes)
FROM (
    SELECT
        CASE WHEN m.is_old THEN m.old_country ELSE m.country END AS country, c.content_id,
        sign AS sessions, sign * coalesce(c.watch_duration_minutes, 0) AS minutes
    FROM changes AS c
    INNER JOIN movers AS m USING (user_id)
    UNION ALL
    SELECT places.country, theirs.content_id, places.sign * theirs.sessions, places.sign * theirs.minutes
    FROM movers AS m
    CROSS JOIN LATERAL (VALUES (-1, m.old_country), (1, m.country)) AS places (sign, country)
    CROSS JOIN LATERAL (
        SELECT content_id, count(*) AS sessions, coalesce(sum(watch_duration_minutes), 0) AS minutes
        FROM processed.viewing_sessions
        WHERE user_id = m.user_id
        GROUP BY content_id
    ) AS theirs
    WHERE m.has_moved
) AS differences
GROUP BY country, content_id
ON CONFLICT (country, content_id) DO UPDATE SET
    sessions = kept.sessions + excluded.sessions,
    minutes = kept.minutes + excluded.minutes;
