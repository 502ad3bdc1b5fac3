-- Viewers who came and left, by day or by title: a pair counts if there is a session now (n) or was before
-- (n less what came, plus what left).
CREATE TEMP TABLE {new_viewers} ON COMMIT DROP AS
WITH pairs AS (
    SELECT {key}, user_id, sum(sign) AS difference FROM changes GROUP BY {key}, user_id
),

present AS (
    SELECT {key}, user_id, count(*) AS n
    FROM their_sessions
    INNER JOIN pairs USING ({key}, user_id)
    GROUP BY {key}, user_id
)

SELECT {key}, sum((coalesce(n, 0) > 0)::integer - (coalesce(n, 0) - difference > 0)::integer) AS viewers
FROM pairs
LEFT JOIN present USING ({key}, user_id)
GROUP BY {key};
