-- question: On which days of the week is watched most?
-- shows: Mean sessions and hours of a day, by day of the week, and the percent above or below the mean of all days.
WITH days AS (
    SELECT
        extract(isodow FROM watch_date)::integer AS day_number,
        to_char(watch_date, 'FMDay') AS day_of_week,
        sessions, watch_hours
    FROM trusted.daily_viewing
)

SELECT
    day_number, day_of_week,
    count(*) AS days,
    round(avg(sessions), 2) AS mean_sessions,
    round(avg(watch_hours), 2) AS mean_watch_hours,
    round(100 * (avg(sessions) / (SELECT avg(sessions) FROM days) - 1), 2) AS percent_from_mean
FROM days
GROUP BY day_number, day_of_week
ORDER BY day_number;
