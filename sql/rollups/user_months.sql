-- Users by month, from all sessions of the users in {sessions} up to the day that is published.
INSERT INTO etl.rollup_user_months
SELECT user_id, date_trunc('month', watch_date::timestamp)::date AS month, count(*) AS sessions
FROM {sessions}
WHERE watch_date <= {day}
GROUP BY 1, 2;
