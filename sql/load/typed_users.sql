-- Typed rows of raw.users, or of some of its rows. Casts are safe only for rows with valid = true.
CREATE TEMP VIEW {view} AS
WITH cleaned AS (
    SELECT
        _batch_id,
        _row,
        etl.clean(user_id) AS user_id,
        etl.clean(age) AS age,
        etl.clean(country) AS country,
        etl.clean(subscription_type) AS subscription_type,
        etl.clean(registration_date) AS registration_date,
        etl.clean(total_watch_time_hours) AS total_watch_time_hours
    FROM {source}
    -- Keeps the planner from putting the expressions above in place of every use of their values; a plain 0
    -- would keep it from reading in parallel as well.
    OFFSET bigint '0'
),

plain AS (
    SELECT
        *,
        etl.plain_whole(age) AS plain_age,
        etl.plain_date(registration_date) AS plain_date,
        etl.plain_number(total_watch_time_hours) AS plain_hours
    FROM cleaned
    OFFSET bigint '0'
)

SELECT
    user_id,
    etl.whole(age, plain_age)::smallint AS age,
    country,
    subscription_type,
    plain_date AS registration_date,
    etl.number(total_watch_time_hours, plain_hours)::numeric(10, 2) AS total_watch_time_hours,
    _batch_id,
    _row,
    -- As CASE, which the planner takes for half of the rows, where it takes AND for hardly any.
    CASE
        WHEN etl.key_problem(user_id) IS NULL
            AND etl.whole_problem(age, plain_age, 0, 120) IS NULL
            AND etl.date_problem(registration_date, plain_date) IS NULL
            AND etl.numeric_problem(total_watch_time_hours, plain_hours, 0, 99999999.99) IS NULL
            THEN true
        ELSE false
    END AS valid,
    etl.problem('user_id', user_id, etl.key_problem(user_id))
        || etl.problem('age', age, etl.whole_problem(age, plain_age, 0, 120))
        || etl.problem('registration_date', registration_date, etl.date_problem(registration_date, plain_date))
        || etl.problem(
            'total_watch_time_hours', total_watch_time_hours,
            etl.numeric_problem(total_watch_time_hours, plain_hours, 0, 99999999.99)
        ) AS problems
FROM plain;
