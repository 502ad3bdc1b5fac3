SELECT u.cohort_month, label(u.subscription_type) AS subscription_type, m.month, sum(sign) AS active_users
FROM user_month AS m
INNER JOIN user_viewing AS u USING (sign, user_id)
GROUP BY 1, 2, 3
