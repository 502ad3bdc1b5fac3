-- question: On which plan do users come back?
-- shows: By plan, the percent of users with a session one, three and six months after the month of their first.
SELECT
    subscription_type,
    sum(cohort_users) FILTER (WHERE month_number = 0) AS users,
    -- Cohorts too young for a month have no row for it, so each percent is of the users who could have come.
    round(100 * sum(active_users) FILTER (WHERE month_number = 1)
        / nullif(sum(cohort_users) FILTER (WHERE month_number = 1), 0), 2) AS after_1_month,
    round(100 * sum(active_users) FILTER (WHERE month_number = 3)
        / nullif(sum(cohort_users) FILTER (WHERE month_number = 3), 0), 2) AS after_3_months,
    round(100 * sum(active_users) FILTER (WHERE month_number = 6)
        / nullif(sum(cohort_users) FILTER (WHERE month_number = 6), 0), 2) AS after_6_months
FROM trusted.monthly_retention
GROUP BY subscription_type
ORDER BY users DESC, subscription_type;
