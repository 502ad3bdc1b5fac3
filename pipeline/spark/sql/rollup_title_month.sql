SELECT content_id, CAST(trunc(watch_date, 'MM') AS date) AS month, sum(sign) AS sessions
FROM signed_sessions
WHERE is_due
GROUP BY 1, 2
