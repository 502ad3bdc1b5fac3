-- The aggregates of trusted as they would be written by hand for this one purpose: shared sums in temporary tables,
-- which are filled in parallel and cost no WAL, then every aggregate from them. Run on the tables of load.sql.
\set ON_ERROR_STOP on
\timing on
SET work_mem = '192MB';
SET maintenance_work_mem = '256MB';
SET jit = off;

BEGIN;
CREATE SCHEMA trusted;

CREATE TEMP TABLE user_devices AS
SELECT
    user_id,
    device_type,
    quality_level,
    count(*) AS sessions,
    sum(watch_duration_minutes) AS minutes,
    count(watch_duration_minutes) AS durations,
    sum((completion_percentage * 100)::integer) AS completion_hundredths,
    count(completion_percentage) AS completions,
    max(watch_date) AS last_watch_date
FROM processed.viewing_sessions
GROUP BY user_id, device_type, quality_level;

CREATE TEMP TABLE user_months AS
SELECT user_id, date_trunc('month', watch_date::timestamp)::date AS month, count(*) AS sessions
FROM processed.viewing_sessions
WHERE watch_date <= current_date
GROUP BY 1, 2;

CREATE TEMP TABLE active_users AS
WITH by_device AS (
    SELECT
        user_id,
        device_type,
        sum(sessions)::bigint AS sessions,
        coalesce(sum(minutes), 0)::bigint AS minutes,
        sum(completion_hundredths)::bigint AS completion_hundredths,
        sum(completions)::bigint AS completions,
        max(last_watch_date) AS last_watch_date
    FROM user_devices
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

favourites AS (
    SELECT DISTINCT ON (user_id COLLATE "C")
        user_id,
        device_type AS favourite_device
    FROM by_device
    WHERE device_type IS NOT NULL
    ORDER BY user_id COLLATE "C", sessions DESC, minutes DESC, device_type COLLATE "C"
)

SELECT
    v.user_id,
    v.sessions,
    v.minutes,
    v.completion_hundredths,
    v.completions,
    v.last_watch_date,
    f.favourite_device
FROM viewing AS v
LEFT JOIN favourites AS f USING (user_id);

CREATE TEMP TABLE titles AS
SELECT
    content_id,
    date_trunc('month', watch_date::timestamp)::date AS month,
    CASE WHEN completion_percentage = 100 THEN 9 ELSE trunc(completion_percentage / 10)::integer END AS bucket,
    count(*) AS sessions,
    sum(watch_duration_minutes) AS minutes,
    coalesce(count(*) FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    sum((completion_percentage * 100)::integer) AS completion_hundredths,
    coalesce(count(*) FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM processed.viewing_sessions
GROUP BY 1, 2, 3;

CREATE TEMP TABLE title_countries AS
SELECT
    u.country,
    s.content_id,
    count(*) AS sessions,
    coalesce(sum(s.watch_duration_minutes), 0) AS minutes
FROM processed.viewing_sessions AS s
INNER JOIN processed.users AS u USING (user_id)
GROUP BY u.country, s.content_id;

CREATE TEMP TABLE day_viewers AS
SELECT watch_date, count(*) AS viewers
FROM (SELECT DISTINCT watch_date, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY watch_date;

CREATE TEMP TABLE title_viewers AS
SELECT content_id, count(*) AS viewers
FROM (SELECT DISTINCT content_id, user_id FROM processed.viewing_sessions) AS pairs
GROUP BY content_id;

CREATE TEMP TABLE day_sums AS
SELECT
    watch_date,
    count(*) AS sessions,
    sum(watch_duration_minutes) AS minutes,
    coalesce(count(*) FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    sum((completion_percentage * 100)::integer) AS completion_hundredths,
    coalesce(count(*) FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM processed.viewing_sessions
GROUP BY watch_date;

CREATE TEMP TABLE days AS
SELECT d.*, v.viewers
FROM day_sums AS d
LEFT JOIN day_viewers AS v USING (watch_date);

CREATE TEMP TABLE ahead AS
SELECT content_id, date_trunc('month', watch_date::timestamp)::date AS month, count(*) AS sessions
FROM processed.viewing_sessions
WHERE watch_date > current_date AND EXISTS (SELECT FROM days WHERE days.watch_date > current_date)
GROUP BY 1, 2;

ANALYZE user_devices, user_months, active_users, titles, title_countries, title_viewers, days;

CREATE TABLE trusted.completion_by_content_type AS
SELECT
    c.type,
    sum(t.sessions)::bigint AS sessions,
    round(sum(t.completion_hundredths) / 100 / nullif(sum(t.completions), 0), 2) AS avg_completion,
    round(sum(t.minutes) / nullif(sum(t.durations), 0), 2) AS avg_duration_minutes
FROM titles AS t
INNER JOIN processed.content AS c USING (content_id)
GROUP BY c.type
HAVING sum(t.sessions) > 0;

CREATE UNIQUE INDEX completion_by_content_type_key ON trusted.completion_by_content_type (type);

CREATE TABLE trusted.completion_distribution AS
WITH watched AS (
    SELECT c.type, t.bucket, sum(t.sessions)::bigint AS sessions
    FROM titles AS t
    INNER JOIN processed.content AS c USING (content_id)
    GROUP BY c.type, t.bucket
),

every_bucket AS (
    SELECT types.type, bucket
    FROM (SELECT type FROM watched GROUP BY type HAVING sum(sessions) > 0) AS types
    CROSS JOIN generate_series(0, 9) AS bucket
)

SELECT
    e.type,
    e.bucket,
    coalesce(w.sessions, 0) AS sessions
FROM every_bucket AS e
LEFT JOIN watched AS w USING (type, bucket);

CREATE UNIQUE INDEX completion_distribution_key ON trusted.completion_distribution (type, bucket);

CREATE TABLE trusted.content_summary AS
WITH viewing AS (
    SELECT
        content_id,
        sum(sessions)::bigint AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) / 100 / nullif(sum(completions), 0) AS avg_completion
    FROM titles
    GROUP BY content_id
),

viewers AS (
    SELECT content_id, sum(viewers)::bigint AS unique_viewers
    FROM title_viewers
    GROUP BY content_id
),

genre_lists AS (
    SELECT content_id, array_agg(genre ORDER BY genre COLLATE "C") AS genres
    FROM processed.genres
    GROUP BY content_id
),

season_totals AS (
    SELECT content_id, sum(episode_count) AS episode_count
    FROM processed.seasons
    GROUP BY content_id
)

SELECT
    c.content_id,
    c.title,
    c.type,
    c.release_year,
    c.rating,
    c.production_budget,
    coalesce(g.genres, '{}') AS genres,
    m.duration_minutes,
    s.season_count,
    t.episode_count,
    coalesce(m.views_count, s.total_views) AS catalogue_views,
    coalesce(v.sessions, 0) AS sessions,
    coalesce(w.unique_viewers, 0) AS unique_viewers,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    c.removed_at IS NOT NULL AS removed
FROM processed.content AS c
LEFT JOIN processed.movie_details AS m USING (content_id)
LEFT JOIN processed.series_details AS s USING (content_id)
LEFT JOIN genre_lists AS g USING (content_id)
LEFT JOIN season_totals AS t USING (content_id)
LEFT JOIN viewing AS v USING (content_id)
LEFT JOIN viewers AS w USING (content_id);

CREATE UNIQUE INDEX content_summary_key ON trusted.content_summary (content_id);

CREATE TABLE trusted.country_engagement AS
SELECT
    u.country,
    count(*) AS users,
    count(v.user_id) AS active_users,
    coalesce(sum(v.sessions), 0)::bigint AS sessions,
    round(coalesce(sum(v.minutes), 0) / 60, 2) AS watch_hours,
    round(sum(v.completion_hundredths) / 100 / nullif(sum(v.completions), 0), 2) AS avg_completion
FROM processed.users AS u
LEFT JOIN active_users AS v USING (user_id)
GROUP BY u.country;

CREATE UNIQUE INDEX country_engagement_key ON trusted.country_engagement (country) NULLS NOT DISTINCT;

CREATE TABLE trusted.daily_viewing AS
SELECT
    watch_date,
    sum(sessions)::bigint AS sessions,
    sum(viewers)::bigint AS unique_viewers,
    round(coalesce(sum(minutes), 0) / 60, 2) AS watch_hours,
    round(sum(minutes) / nullif(sum(durations), 0), 2) AS avg_duration_minutes,
    round(sum(completion_hundredths) / 100 / nullif(sum(completions), 0), 2) AS avg_completion
FROM days
WHERE watch_date <= current_date
GROUP BY watch_date
HAVING sum(sessions) > 0;

CREATE UNIQUE INDEX daily_viewing_key ON trusted.daily_viewing (watch_date);

CREATE TABLE trusted.device_engagement AS
SELECT
    v.device_type,
    v.quality_level,
    sum(v.sessions)::bigint AS sessions,
    count(*) AS unique_viewers,
    round(sum(v.minutes) / nullif(sum(v.durations), 0), 2) AS avg_duration_minutes,
    round(sum(v.completion_hundredths) / 100 / nullif(sum(v.completions), 0), 2) AS avg_completion
FROM user_devices AS v
GROUP BY v.device_type, v.quality_level;

CREATE UNIQUE INDEX device_engagement_key
    ON trusted.device_engagement (device_type, quality_level) NULLS NOT DISTINCT;

CREATE TABLE trusted.genre_performance AS
WITH viewing_by_title AS (
    SELECT
        content_id,
        sum(sessions)::bigint AS sessions,
        sum(minutes)::bigint AS minutes,
        sum(completion_hundredths) / 100 AS completion,
        sum(completions)::bigint AS completions
    FROM titles
    GROUP BY content_id
),

genre_counts AS (
    SELECT content_id, count(*) AS genre_count
    FROM processed.genres
    GROUP BY content_id
),

titles AS (
    SELECT
        g.genre,
        coalesce(n.genre_count, 1) AS genre_count,
        c.production_budget,
        coalesce(v.sessions, 0) AS sessions,
        coalesce(v.minutes, 0) AS minutes,
        v.completion,
        v.completions
    FROM processed.content AS c
    LEFT JOIN processed.genres AS g USING (content_id)
    LEFT JOIN genre_counts AS n USING (content_id)
    LEFT JOIN viewing_by_title AS v USING (content_id)
)

SELECT
    genre,
    count(*) AS titles,
    sum(sessions)::bigint AS sessions,
    round(sum(sessions::numeric / genre_count), 4) AS weighted_sessions,
    round(sum(minutes) / 60, 2) AS watch_hours,
    round(sum(completion) / nullif(sum(completions), 0), 2) AS avg_completion,
    sum(production_budget) AS total_budget
FROM titles
GROUP BY genre;

CREATE UNIQUE INDEX genre_performance_key ON trusted.genre_performance (genre) NULLS NOT DISTINCT;

CREATE TABLE trusted.monthly_retention AS
WITH user_months AS (
    SELECT user_id, month FROM user_months
),

members AS (
    SELECT f.user_id, f.cohort_month, u.subscription_type
    FROM (SELECT user_id, min(month) AS cohort_month FROM user_months GROUP BY user_id) AS f
    INNER JOIN processed.users AS u USING (user_id)
),

cohorts AS (
    SELECT cohort_month, subscription_type, count(*) AS cohort_users
    FROM members
    GROUP BY cohort_month, subscription_type
),

activity AS (
    SELECT c.cohort_month, c.subscription_type, month::date AS month, c.cohort_users, 0 AS active_users
    FROM cohorts AS c
    CROSS JOIN LATERAL generate_series(
        c.cohort_month::timestamp, (SELECT max(month) FROM user_months)::timestamp, interval '1 month'
    ) AS month
    UNION ALL
    SELECT m.cohort_month, m.subscription_type, a.month, 0, count(*)
    FROM user_months AS a
    INNER JOIN members AS m USING (user_id)
    GROUP BY m.cohort_month, m.subscription_type, a.month
)

SELECT
    cohort_month,
    a.subscription_type,
    (12 * (extract(year FROM month) - extract(year FROM cohort_month))
        + extract(month FROM month) - extract(month FROM cohort_month))::integer AS month_number,
    max(cohort_users) AS cohort_users,
    sum(active_users)::bigint AS active_users,
    round(100 * sum(active_users) / max(cohort_users), 2) AS retention
FROM activity AS a
GROUP BY cohort_month, a.subscription_type, month;

CREATE UNIQUE INDEX monthly_retention_key
    ON trusted.monthly_retention (cohort_month, subscription_type, month_number) NULLS NOT DISTINCT;

CREATE TABLE trusted.period_summary AS
WITH viewing AS (
    SELECT
        date_trunc('month', watch_date::timestamp)::date AS month,
        sum(sessions)::bigint AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) / 100 / nullif(sum(completions), 0) AS avg_completion
    FROM days
    WHERE watch_date <= current_date
    GROUP BY 1
    HAVING sum(sessions) > 0
),

viewers AS (
    SELECT month, count(*) AS active_users
    FROM user_months
    GROUP BY month
),

newcomers AS (
    SELECT month, count(*) AS new_users
    FROM (SELECT min(month) AS month FROM user_months GROUP BY user_id) AS first_months
    GROUP BY month
),

titles AS (
    SELECT month, count(*) AS titles_watched
    FROM (
        SELECT content_id, month
        FROM (
            SELECT content_id, month, sessions FROM titles
            UNION ALL
            SELECT content_id, month, -sessions FROM ahead
        ) AS up_to_today
        GROUP BY content_id, month
        HAVING sum(sessions) > 0
    ) AS title_months
    GROUP BY month
)

SELECT
    v.month,
    v.sessions,
    w.active_users,
    coalesce(n.new_users, 0) AS new_users,
    round(coalesce(v.minutes, 0) / 60, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    t.titles_watched
FROM viewing AS v
INNER JOIN viewers AS w USING (month)
INNER JOIN titles AS t USING (month)
LEFT JOIN newcomers AS n USING (month);

CREATE UNIQUE INDEX period_summary_key ON trusted.period_summary (month);

CREATE TABLE trusted.subscription_engagement AS
SELECT
    u.subscription_type,
    count(*) AS users,
    count(v.user_id) AS active_users,
    coalesce(sum(v.sessions), 0)::bigint AS sessions,
    round(coalesce(sum(v.minutes), 0) / 60, 2) AS watch_hours,
    round(sum(v.completion_hundredths) / 100 / nullif(sum(v.completions), 0), 2) AS avg_completion,
    round(sum(v.sessions) / nullif(count(v.user_id), 0), 2) AS sessions_per_active_user
FROM processed.users AS u
LEFT JOIN active_users AS v USING (user_id)
GROUP BY u.subscription_type;

CREATE UNIQUE INDEX subscription_engagement_key
    ON trusted.subscription_engagement (subscription_type) NULLS NOT DISTINCT;

CREATE TABLE trusted.top_content_by_country AS
WITH viewing AS (
    SELECT country, content_id, sum(sessions)::bigint AS sessions, sum(minutes)::bigint AS minutes
    FROM title_countries
    GROUP BY country, content_id
    HAVING sum(sessions) > 0
),

ranked AS (
    SELECT
        country,
        content_id,
        sessions,
        minutes,
        row_number() OVER (PARTITION BY country ORDER BY minutes DESC, content_id COLLATE "C") AS rank
    FROM viewing
)

SELECT
    r.country,
    r.rank::integer AS rank,
    r.content_id,
    c.title,
    r.sessions,
    round(r.minutes / 60.0, 2) AS watch_hours
FROM ranked AS r
INNER JOIN processed.content AS c USING (content_id)
WHERE r.rank <= 10;

CREATE UNIQUE INDEX top_content_by_country_key
    ON trusted.top_content_by_country (country, rank) NULLS NOT DISTINCT;

CREATE TABLE trusted.user_engagement AS
WITH standings AS (
    SELECT user_id, percent_rank() OVER (ORDER BY minutes) AS standing
    FROM active_users
)

SELECT
    u.user_id,
    u.country,
    u.subscription_type,
    coalesce(v.sessions, 0) AS sessions,
    round(coalesce(v.minutes, 0) / 60.0, 2) AS watch_hours,
    round(v.completion_hundredths / 100.0 / nullif(v.completions, 0), 2) AS avg_completion,
    v.last_watch_date,
    v.favourite_device,
    CASE
        WHEN v.user_id IS NULL THEN 'inactive'
        WHEN s.standing < 0.5 THEN 'light'
        WHEN s.standing < 0.9 THEN 'regular'
        ELSE 'heavy'
    END AS segment
FROM processed.users AS u
LEFT JOIN active_users AS v USING (user_id)
LEFT JOIN standings AS s USING (user_id);

CREATE UNIQUE INDEX user_engagement_key ON trusted.user_engagement (user_id);

COMMIT;
