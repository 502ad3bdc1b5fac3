-- question: Are newer users as loyal as older ones?
-- shows: For each cohort, the percent active in each of the first six months, beside the mean of the cohorts before it.
WITH cohorts AS (
    SELECT
        cohort_month, month_number,
        sum(cohort_users) AS users,
        100.0 * sum(active_users) / sum(cohort_users) AS retention
    FROM trusted.monthly_retention
    WHERE month_number BETWEEN 1 AND 6
    GROUP BY cohort_month, month_number
)

SELECT
    cohort_month, month_number, users,
    round(retention, 2) AS retention,
    round(
        avg(retention) OVER (
            PARTITION BY month_number ORDER BY cohort_month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 2
    ) AS mean_of_earlier_cohorts
FROM cohorts
ORDER BY cohort_month, month_number;
