CREATE VIEW trusted.monthly_retention AS
WITH cohorts AS (
    SELECT cohort_month, subscription_type, active_users AS cohort_users
    FROM etl.rollup_cohort
    WHERE month = cohort_month AND active_users > 0
),

-- Zeros for every month of a cohort, added to what its users did: a join would lose users without a plan.
activity AS (
    SELECT c.cohort_month, c.subscription_type, month::date AS month, c.cohort_users, 0 AS active_users
    FROM cohorts AS c
    CROSS JOIN LATERAL generate_series(
        c.cohort_month::timestamp,
        (SELECT max(month) FROM etl.rollup_cohort WHERE active_users > 0)::timestamp,
        interval '1 month'
    ) AS month
    UNION ALL
    SELECT cohort_month, subscription_type, month, 0, active_users
    FROM etl.rollup_cohort
    WHERE active_users > 0
)

SELECT
    cohort_month,
    a.subscription_type,
    (12 * (extract(year FROM month) - extract(year FROM cohort_month))
        + extract(month FROM month) - extract(month FROM cohort_month))::integer AS month_number,
    max(cohort_users) AS cohort_users,
    sum(active_users)::bigint AS active_users,
    round(100 * sum(active_users) / max(cohort_users), 2) AS retention
FROM activity AS a
GROUP BY cohort_month, a.subscription_type, month;

COMMENT ON VIEW trusted.monthly_retention IS
    'How many users of a cohort come back in later months. A user belongs to the cohort of the month of the first '
    'session, under the present plan. Grain: one row for each cohort_month, subscription_type and month_number, from '
    '0 to the last month of the data up to the day of the run, zeros included. Example: SELECT cohort_month, '
    'month_number, round(100 * sum(active_users) / sum(cohort_users), 2) AS retention FROM trusted.monthly_retention '
    'GROUP BY cohort_month, month_number ORDER BY cohort_month, month_number';
COMMENT ON COLUMN trusted.monthly_retention.cohort_month IS 'Month of the first session of these users, as its first day.';
COMMENT ON COLUMN trusted.monthly_retention.subscription_type IS 'Plan of these users; null if unknown.';
COMMENT ON COLUMN trusted.monthly_retention.month_number IS 'Months since cohort_month; 0 is cohort_month itself.';
COMMENT ON COLUMN trusted.monthly_retention.cohort_users IS 'Number of users of the cohort.';
COMMENT ON COLUMN trusted.monthly_retention.active_users IS 'Number of them with a session in that month.';
COMMENT ON COLUMN trusted.monthly_retention.retention IS 'active_users in percent of cohort_users.';
