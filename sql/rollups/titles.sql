-- Titles by month and tens of percent of completion. A table of its own comes first: that is filled in parallel.
CREATE TEMP TABLE new_titles ON COMMIT DROP AS
SELECT
    content_id,
    date_trunc('month', watch_date::timestamp)::date AS month,
    CASE WHEN completion_percentage = 100 THEN 9 ELSE trunc(completion_percentage / 10)::integer END AS bucket,
    {sign_sum} AS sessions,
    sum({sign}watch_duration_minutes) AS minutes,
    coalesce({sign_sum} FILTER (WHERE watch_duration_minutes IS NOT NULL), 0) AS durations,
    -- Hundredths as whole numbers: exact, and much lighter to sum than numeric.
    sum({sign}(completion_percentage * 100)::integer) AS completion_hundredths,
    coalesce({sign_sum} FILTER (WHERE completion_percentage IS NOT NULL), 0) AS completions
FROM {sessions}
GROUP BY 1, 2, 3;

INSERT INTO etl.rollup_titles SELECT * FROM new_titles;
