-- Viewers who came and left, by title and by day: a pair counts if there is a session now (n) or was before
-- (n less what came, plus what left).
CREATE TEMP TABLE new_day_viewers ON COMMIT DROP AS
WITH pairs AS (
    SELECT watch_date, user_id, sum(sign) AS difference FROM changes GROUP BY watch_date, user_id
),

present AS (
    SELECT watch_date, user_id, count(*) AS n
    FROM their_sessions
    INNER JOIN pairs USING (watch_date, user_id)
    GROUP BY watch_date, user_id
)

SELECT
    watch_date,
    sum((coalesce(n, 0) > 0)::integer - (coalesce(n, 0) - difference > 0)::integer) AS viewers
FROM pairs
LEFT JOIN present USING (watch_date, user_id)
GROUP BY watch_date;

INSERT INTO etl.rollup_title_viewers
WITH pairs AS (
    SELECT content_id, user_id, sum(sign) AS difference FROM changes GROUP BY content_id, user_id
),

present AS (
    SELECT content_id, user_id, count(*) AS n
    FROM their_sessions
    INNER JOIN pairs USING (content_id, user_id)
    GROUP BY content_id, user_id
)

SELECT
    content_id,
    sum((coalesce(n, 0) > 0)::integer - (coalesce(n, 0) - difference > 0)::integer) AS viewers
FROM pairs
LEFT JOIN present USING (content_id, user_id)
GROUP BY content_id;
