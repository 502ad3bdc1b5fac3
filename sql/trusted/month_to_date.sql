CREATE VIEW trusted.month_to_date AS
WITH last_day AS (
    SELECT
        last_date,
        date_trunc('month', last_date::timestamp) AS month,
        extract(day FROM last_date + 1) = 1 AS ends_month
    FROM (
        SELECT max(watch_date) AS last_date FROM etl.rollup_day
        WHERE sessions > 0 AND watch_date <= (SELECT day FROM etl.rollup_state)
    ) AS days
    WHERE last_date IS NOT NULL
),

periods AS (
    SELECT month::date AS first_date, last_date FROM last_day
    UNION ALL
    SELECT
        (month - interval '1 month')::date,
        CASE WHEN ends_month THEN month - interval '1 day' ELSE last_date - interval '1 month' END::date
    FROM last_day
)

SELECT
    p.first_date, p.last_date,
    coalesce(sum(d.sessions), 0)::bigint AS sessions,
    coalesce(sum(d.month_viewers), 0)::bigint AS active_users,
    round(coalesce(sum(d.minutes), 0) / 60, 2) AS watch_hours,
    round(sum(d.completion_hundredths) / 100 / nullif(sum(d.completions), 0), 2) AS avg_completion,
    coalesce(max(m.titles), 0) AS titles_in_month
FROM periods AS p
LEFT JOIN etl.rollup_day AS d ON d.watch_date BETWEEN p.first_date AND p.last_date
LEFT JOIN etl.rollup_month AS m ON m.month = p.first_date
GROUP BY p.first_date, p.last_date;

COMMENT ON VIEW trusted.month_to_date IS
    'The month of the last session up to the day of the run, and the same days of the month before: all of it, if the '
    'last session is on the last day of its month. Grain: one row for each of the two. Example: SELECT first_date, '
    'last_date, sessions FROM trusted.month_to_date ORDER BY first_date';
COMMENT ON COLUMN trusted.month_to_date.first_date IS 'First day of the month.';
COMMENT ON COLUMN trusted.month_to_date.last_date IS 'Last day that is counted.';
COMMENT ON COLUMN trusted.month_to_date.active_users IS 'Number of different users with a session.';
COMMENT ON COLUMN trusted.month_to_date.titles_in_month IS
    'Number of different titles with a session in the whole month, up to the day of the run.';
