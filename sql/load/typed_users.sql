-- Typed rows of raw.users, or of some of its rows. Casts are safe only for rows with valid = true.
CREATE TEMP VIEW {view} AS
WITH noted AS (
    SELECT
        *,
        {is_tidy} AS is_tidy
    FROM {source}
    -- Keeps the planner from putting the expression above in place of every use of its value, here and below; a
    -- plain 0 would keep it from reading in parallel as well.
    OFFSET bigint '0'
),

cleaned AS (
    SELECT
        _batch_id,
        _row,
        etl.clean(user_id, is_tidy) AS user_id,
        etl.clean(age, is_tidy) AS age,
        etl.clean(country, is_tidy) AS country,
        etl.clean(subscription_type, is_tidy) AS subscription_type,
        etl.clean(registration_date, is_tidy) AS registration_date,
        etl.clean(total_watch_time_hours, is_tidy) AS total_watch_time_hours
    FROM noted
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
