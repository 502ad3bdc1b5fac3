-- Fills the empty rollups from all sessions and users. What reads all sessions makes a temporary table first, in parallel.
CREATE TEMP TABLE user_months ON COMMIT DROP AS
SELECT
    user_id,
    date_trunc('month', watch_date::timestamp)::date AS month,
    count(*) AS sessions,
    min(watch_date) AS first_date
FROM processed.viewing_sessions
WHERE watch_date <= {day}
GROUP BY 1, 2;

CREATE TEMP TABLE title_countries ON COMMIT DROP AS
SELECT
    etl.label(u.country) AS country,
    s.content_id,
    count(*) AS sessions,
    coalesce(sum(s.watch_duration_minutes), 0) AS minutes
FROM processed.viewing_sessions AS s
INNER JOIN processed.users AS u USING (user_id)
GROUP BY u.country, s.content_id;

-- Two levels instead of count(DISTINCT): they hash where the other sorts.
CREATE TEMP TABLE day_viewers ON COMMIT DROP AS
SELECT watch_date, count(*) AS viewers
FROM (SELECT DISTINCT watch_date, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY watch_date;

CREATE TEMP TABLE title_viewers ON COMMIT DROP AS
SELECT content_id, count(*) AS viewers
FROM (SELECT DISTINCT content_id, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY content_id;

INSERT INTO etl.rollup_user_device
SELECT user_id, device_type, quality_level, sessions, minutes, durations, completion_hundredths, completions
FROM new_user_devices
ORDER BY user_id;

INSERT INTO etl.rollup_user_month TABLE user_months ORDER BY user_id;

INSERT INTO etl.rollup_user
WITH by_device AS (
    SELECT
        user_id, device_type,
        sum(sessions)::bigint AS sessions,
        sum(minutes)::bigint AS minutes,
        sum(completion_hundredths)::bigint AS completion_hundredths,
        sum(completions)::bigint AS completions,
        max(last_watch_date) AS last_watch_date
    FROM new_user_devices
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
),

cohorts AS (
    SELECT user_id, min(month) AS cohort_month FROM user_months GROUP BY user_id
)

SELECT
    u.user_id, u.country, u.subscription_type,
    coalesce(v.sessions, 0), coalesce(v.minutes, 0), coalesce(v.completion_hundredths, 0), coalesce(v.completions, 0),
    v.last_watch_date, f.favourite_device, c.cohort_month
FROM processed.users AS u
LEFT JOIN viewing AS v USING (user_id)
LEFT JOIN favourites AS f USING (user_id)
LEFT JOIN cohorts AS c USING (user_id)
ORDER BY u.user_id;

INSERT INTO etl.rollup_audience
SELECT
    etl.label(country), etl.label(subscription_type), count(*), count(*) FILTER (WHERE sessions > 0), sum(sessions), sum(minutes),
    sum(completion_hundredths), sum(completions)
FROM etl.rollup_user
GROUP BY country, subscription_type;

INSERT INTO etl.rollup_minutes
SELECT minutes, count(*), sum(sessions) FROM etl.rollup_user WHERE sessions > 0 GROUP BY minutes;

INSERT INTO etl.rollup_cohort
SELECT u.cohort_month, etl.label(u.subscription_type), m.month, count(*)
FROM user_months AS m
INNER JOIN etl.rollup_user AS u USING (user_id)
GROUP BY u.cohort_month, u.subscription_type, m.month;

INSERT INTO etl.rollup_device
SELECT
    device_type, quality_level, sum(sessions), sum(minutes), sum(durations), sum(completion_hundredths), sum(completions),
    count(*)
FROM new_user_devices
GROUP BY device_type, quality_level;

INSERT INTO etl.rollup_title SELECT content_id, viewers FROM title_viewers;

INSERT INTO etl.rollup_title_bucket
SELECT
    content_id, bucket, sum(sessions), sum(minutes), sum(durations), sum(completion_hundredths), sum(completions)
FROM new_titles
GROUP BY content_id, bucket;

INSERT INTO etl.rollup_title_country TABLE title_countries;

INSERT INTO etl.rollup_day
SELECT d.*, v.viewers, coalesce(m.month_viewers, 0)
FROM new_days AS d
INNER JOIN day_viewers AS v USING (watch_date)
LEFT JOIN (
    SELECT first_date AS watch_date, count(*) AS month_viewers FROM user_months GROUP BY first_date
) AS m USING (watch_date);

INSERT INTO etl.rollup_future
SELECT user_id, content_id, watch_date, count(*)
FROM processed.viewing_sessions
WHERE watch_date > {day} AND EXISTS (SELECT FROM new_days WHERE new_days.watch_date > {day})
GROUP BY user_id, content_id, watch_date;

INSERT INTO etl.rollup_title_month
SELECT content_id, month, sum(sessions)
FROM (
    SELECT content_id, month, sessions FROM new_titles
    UNION ALL
    SELECT content_id, date_trunc('month', watch_date::timestamp)::date, -sessions FROM etl.rollup_future
) AS up_to_the_day
GROUP BY content_id, month
HAVING sum(sessions) > 0;

INSERT INTO etl.rollup_month SELECT month, count(*) FROM etl.rollup_title_month GROUP BY month;
