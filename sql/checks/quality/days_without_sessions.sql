-- severity: warn
-- description: A day among the last 60 days of the data, up to the day of the run, has no session: a file may be missing.
WITH days AS (
    SELECT watch_date
    FROM etl.sessions_by_day()
    WHERE watch_date <= (SELECT current_setting('pipeline.run_day')::date)
)

SELECT day::date AS watch_date
FROM (SELECT min(watch_date) AS first_date, max(watch_date) AS last_date FROM days) AS span
CROSS JOIN generate_series(
    greatest(first_date, last_date - 59)::timestamp, last_date::timestamp, interval '1 day'
) AS day
WHERE NOT EXISTS (SELECT FROM days WHERE days.watch_date = day::date)
