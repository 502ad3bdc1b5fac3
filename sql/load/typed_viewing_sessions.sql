-- Typed rows of raw.viewing_sessions, or of some of its rows. Casts are safe only for rows with valid = true.
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
        etl.clean(session_id, is_tidy) AS session_id,
        etl.clean(user_id, is_tidy) AS user_id,
        etl.clean(content_id, is_tidy) AS content_id,
        etl.clean(watch_date, is_tidy) AS watch_date,
        etl.clean(watch_duration_minutes, is_tidy) AS watch_duration_minutes,
        etl.clean(completion_percentage, is_tidy) AS completion_percentage,
        etl.clean(device_type, is_tidy) AS device_type,
        etl.clean(quality_level, is_tidy) AS quality_level
    FROM noted
    OFFSET bigint '0'
),

plain AS (
    SELECT
        *,
        etl.plain_date(watch_date) AS plain_date,
        etl.plain_whole(watch_duration_minutes) AS plain_duration,
        etl.plain_number(completion_percentage) AS plain_completion
    FROM cleaned
    OFFSET bigint '0'
)

SELECT
    session_id,
    user_id,
    content_id,
    plain_date AS watch_date,
    etl.whole(watch_duration_minutes, plain_duration)::integer AS watch_duration_minutes,
    etl.number(completion_percentage, plain_completion)::numeric(5, 2) AS completion_percentage,
    device_type,
    quality_level,
    _batch_id,
    _row,
    -- As CASE, which the planner takes for half of the rows, where it takes AND for hardly any.
    CASE
        WHEN etl.key_problem(session_id) IS NULL
            AND etl.key_problem(user_id) IS NULL
            AND etl.key_problem(content_id) IS NULL
            AND watch_date IS NOT NULL
            AND etl.date_problem(watch_date, plain_date) IS NULL
            AND etl.whole_problem(watch_duration_minutes, plain_duration, 0, 2147483647) IS NULL
            AND etl.numeric_problem(completion_percentage, plain_completion, 0, 100) IS NULL
            THEN true
        ELSE false
    END AS valid,
    etl.problem('session_id', session_id, etl.key_problem(session_id))
        || etl.problem('user_id', user_id, etl.key_problem(user_id))
        || etl.problem('content_id', content_id, etl.key_problem(content_id))
        || etl.problem(
            'watch_date', watch_date,
            CASE WHEN watch_date IS NULL THEN 'missing' ELSE etl.date_problem(watch_date, plain_date) END
        )
        || etl.problem(
            'watch_duration_minutes', watch_duration_minutes,
            etl.whole_problem(watch_duration_minutes, plain_duration, 0, 2147483647)
        )
        || etl.problem(
            'completion_percentage', completion_percentage,
            etl.numeric_problem(completion_percentage, plain_completion, 0, 100)
        ) AS problems
FROM plain;
