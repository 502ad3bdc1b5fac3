CREATE MATERIALIZED VIEW trusted.period_summary AS
WITH viewing AS (
    SELECT
        date_trunc('month', watch_date::timestamp)::date AS month,
        sum(sessions)::bigint AS sessions,
        sum(minutes) AS minutes,
        sum(completion_hundredths) / 100 / nullif(sum(completions), 0) AS avg_completion
    FROM etl.rollup_days
    WHERE watch_date <= (SELECT day FROM etl.rollup_state)
    GROUP BY 1
    HAVING sum(sessions) > 0
),

viewers AS (
    SELECT month, count(*) AS active_users
    FROM etl.rollup_user_months
    GROUP BY month
),

newcomers AS (
    SELECT month, count(*) AS new_users
    FROM (SELECT min(month) AS month FROM etl.rollup_user_months GROUP BY user_id) AS first_months
    GROUP BY month
),

titles AS (
    SELECT month, count(*) AS titles_watched
    FROM (
        SELECT content_id, month
        FROM (
            SELECT content_id, month, sessions FROM etl.rollup_titles
            UNION ALL
            SELECT content_id, date_trunc('month', watch_date::timestamp)::date, -sessions FROM etl.rollup_ahead
        ) AS up_to_the_day
        GROUP BY content_id, month
        HAVING sum(sessions) > 0
    ) AS title_months
    GROUP BY month
)

SELECT
    v.month, v.sessions, w.active_users,
    coalesce(n.new_users, 0) AS new_users,
    round(coalesce(v.minutes, 0) / 60, 2) AS watch_hours,
    round(v.avg_completion, 2) AS avg_completion,
    t.titles_watched
FROM viewing AS v
INNER JOIN viewers AS w USING (month)
INNER JOIN titles AS t USING (month)
LEFT JOIN newcomers AS n USING (month);

CREATE UNIQUE INDEX period_summary_key ON trusted.period_summary (month);

COMMENT ON MATERIALIZED VIEW trusted.period_summary IS
    'Viewing by month, up to the day of the run. Grain: one row for each month with a session. Example: SELECT month, '
    'sessions, active_users, new_users, watch_hours FROM trusted.period_summary ORDER BY month';
COMMENT ON COLUMN trusted.period_summary.month IS 'The month, as its first day.';
COMMENT ON COLUMN trusted.period_summary.active_users IS 'Number of different users with a session; does not add up over months.';
COMMENT ON COLUMN trusted.period_summary.new_users IS 'Number of users whose first session is in that month.';
COMMENT ON COLUMN trusted.period_summary.titles_watched IS 'Number of different titles with a session; does not add up over months.';
