-- severity: warn
-- description: A day among the last 60 days of the data, up to the day of the run, has no session: a file may be missing.
WITH counted AS (
    SELECT watch_date, sessions
    FROM etl.rollup_day
    WHERE EXISTS (SELECT FROM etl.rollup_state WHERE is_current)
    UNION ALL
    SELECT watch_date, sum(sign)
    FROM etl.session_changes
    WHERE EXISTS (SELECT FROM etl.rollup_state WHERE is_current)
    GROUP BY watch_date
    UNION ALL
    -- Nothing is summed up yet, or nobody knows what changed since.
    SELECT watch_date, count(*)
    FROM processed.viewing_sessions
    WHERE NOT EXISTS (SELECT FROM etl.rollup_state WHERE is_current)
    GROUP BY watch_date
),

days AS (
    SELECT watch_date
    FROM counted
    WHERE watch_date <= (SELECT current_setting('pipeline.run_day')::date)
    GROUP BY watch_date
    HAVING sum(sessions) > 0
)

SELECT day::date AS watch_date
FROM (SELECT min(watch_date) AS first_date, max(watch_date) AS last_date FROM days) AS span
CROSS JOIN generate_series(
    greatest(first_date, last_date - 59)::timestamp, last_date::timestamp, interval '1 day'
) AS day
WHERE NOT EXISTS (SELECT FROM days WHERE days.watch_date = day::date)
