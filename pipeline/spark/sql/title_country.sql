-- Each user has one country: so viewers add up over countries.
WITH user_title AS (
    SELECT sign, user_id, content_id, count(*) AS sessions, coalesce(sum(watch_duration_minutes), 0) AS minutes
    FROM changed_by_title
    GROUP BY 1, 2, 3
)

SELECT
    label(u.country) AS country,
    t.content_id,
    sum(sign * t.sessions) AS sessions,
    sum(sign * t.minutes) AS minutes,
    sum(sign) AS viewers
FROM user_title AS t
INNER JOIN signed_users AS u USING (sign, user_id)
GROUP BY 1, 2
