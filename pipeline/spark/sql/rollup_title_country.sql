SELECT label(u.country) AS country, t.content_id, sum(sign * t.sessions) AS sessions, sum(sign * t.minutes) AS minutes
FROM user_title AS t
INNER JOIN signed_users AS u USING (sign, user_id)
GROUP BY 1, 2
