-- Do newer users stay longer than older ones did?
-- Read: retention in percent, all plans together, in the first, second and third month after the month of the first
-- session; empty where that month is not in the data yet.
SELECT
    cohort_month,
    sum(cohort_users) FILTER (WHERE month_number = 0) AS cohort_users,
    round(100 * sum(active_users) FILTER (WHERE month_number = 1)
        / sum(cohort_users) FILTER (WHERE month_number = 1), 2) AS month_1,
    round(100 * sum(active_users) FILTER (WHERE month_number = 2)
        / sum(cohort_users) FILTER (WHERE month_number = 2), 2) AS month_2,
    round(100 * sum(active_users) FILTER (WHERE month_number = 3)
        / sum(cohort_users) FILTER (WHERE month_number = 3), 2) AS month_3
FROM trusted.monthly_retention
GROUP BY cohort_month
ORDER BY cohort_month;
