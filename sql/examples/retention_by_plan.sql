-- Which plan keeps its users?
-- Read: of the users whose first session was one (three, six) months ago or longer, the percentage that had a
-- session in exactly that month of their time. Cohorts too young for a month do not count in it.
SELECT
    subscription_type,
    sum(cohort_users) FILTER (WHERE month_number = 0) AS users,
    round(100 * sum(active_users) FILTER (WHERE month_number = 1)
        / nullif(sum(cohort_users) FILTER (WHERE month_number = 1), 0), 2) AS after_1_month,
    round(100 * sum(active_users) FILTER (WHERE month_number = 3)
        / nullif(sum(cohort_users) FILTER (WHERE month_number = 3), 0), 2) AS after_3_months,
    round(100 * sum(active_users) FILTER (WHERE month_number = 6)
        / nullif(sum(cohort_users) FILTER (WHERE month_number = 6), 0), 2) AS after_6_months
FROM trusted.monthly_retention
GROUP BY subscription_type
ORDER BY subscription_type;
