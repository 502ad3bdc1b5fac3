-- Users by month, from all sessions of the users in {sessions}.
INSERT INTO etl.rollup_user_months
SELECT user_id, date_trunc('month', watch_date::timestamp)::date AS month, count(*) AS sessions
FROM {sessions}
GROUP BY 1, 2;
