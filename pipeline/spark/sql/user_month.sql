-- The first day of each user in each month, up to the day that is published.
SELECT sign, user_id, CAST(trunc(watch_date, 'MM') AS date) AS month, min(watch_date) AS first_date
FROM sessions_by_user
WHERE is_due
GROUP BY 1, 2, 3
