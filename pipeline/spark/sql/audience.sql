SELECT
    label(country) AS country,
    label(subscription_type) AS subscription_type,
    sum(sign) AS users,
    sum(CASE WHEN sessions > 0 THEN sign ELSE 0 END) AS active_users,
    sum(sign * sessions) AS sessions,
    sum(sign * minutes) AS minutes,
    sum(sign * completion_hundredths) AS completion_hundredths,
    sum(sign * completions) AS completions
FROM user_viewing
GROUP BY 1, 2
