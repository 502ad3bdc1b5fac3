-- On which days of the week do people watch?
-- Read: means over all days between the first and the last of the data, days without a session counting as zero.
WITH calendar AS (
    SELECT day::date AS watch_date
    FROM generate_series(
        (SELECT min(watch_date) FROM trusted.daily_viewing)::timestamp,
        (SELECT max(watch_date) FROM trusted.daily_viewing)::timestamp,
        interval '1 day'
    ) AS day
)

SELECT
    extract(isodow FROM c.watch_date)::integer AS day_number,
    trim(to_char(c.watch_date, 'Day')) AS day_of_week,
    count(*) AS days,
    round(avg(coalesce(d.sessions, 0)), 2) AS sessions_a_day,
    round(avg(coalesce(d.watch_hours, 0)), 2) AS watch_hours_a_day
FROM calendar AS c
LEFT JOIN trusted.daily_viewing AS d USING (watch_date)
GROUP BY day_number, day_of_week
ORDER BY day_number;
