CREATE VIEW trusted.period_summary AS
WITH viewing AS (
    SELECT
        date_trunc('month', watch_date::timestamp)::date AS month,
        sum(sessions)::bigint AS sessions,
        sum(month_viewers)::bigint AS active_users,
        sum(minutes) AS minutes,
        sum(completion_hundredths) / 100 / nullif(sum(completions), 0) AS avg_completion
    FROM etl.rollup_day
    WHERE watch_date <= (SELECT day FROM etl.rollup_state)
    GROUP BY 1
    HAVING sum(sessions) > 0
),

newcomers AS (
    SELECT month, sum(active_users)::bigint AS new_users
    FROM etl.rollup_cohort
    WHERE month = cohort_month
    GROUP BY month
)

SELECT
    v.month, v.sessions, v.active_users,
    coalesce(n.new_users, 0) AS new_users,
    round(v.minutes / 60, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    t.titles AS titles_watched
FROM viewing AS v
INNER JOIN etl.rollup_month AS t USING (month)
LEFT JOIN newcomers AS n USING (month);

COMMENT ON VIEW trusted.period_summary IS
    'Viewing by month, up to the day of the run. Grain: one row for each month with a session. Example: SELECT month, '
    'sessions, active_users, new_users, watch_hours FROM trusted.period_summary ORDER BY month';
COMMENT ON COLUMN trusted.period_summary.month IS 'The month, as its first day.';
COMMENT ON COLUMN trusted.period_summary.active_users IS 'Number of different users with a session; does not add up over months.';
COMMENT ON COLUMN trusted.period_summary.new_users IS 'Number of users whose first session is in that month.';
COMMENT ON COLUMN trusted.period_summary.titles_watched IS 'Number of different titles with a session; does not add up over months.';
