SELECT minutes, sum(sign) AS users, sum(sign * sessions) AS sessions
FROM user_viewing
WHERE sessions > 0
GROUP BY minutes
