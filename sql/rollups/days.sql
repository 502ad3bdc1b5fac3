-- Days. Tables of their own come first: those are filled in parallel.
CREATE TEMP TABLE new_days ON COMMIT DROP AS
SELECT
    watch_date,
    {sign_sum} AS sessions,
    sum({sign}watch_duration_minutes) AS minutes,
    coalesce({sign_sum} FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    -- Hundredths as whole numbers: exact, and much lighter to sum than numeric.
    sum({sign}(completion_percentage * 100)::integer) AS completion_hundredths,
    coalesce({sign_sum} FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM {sessions}
GROUP BY watch_date;

INSERT INTO etl.rollup_days
SELECT d.*, coalesce(v.viewers, 0)
FROM new_days AS d
LEFT JOIN new_day_viewers AS v USING (watch_date);
