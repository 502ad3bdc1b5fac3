SELECT
    user_id, country, subscription_type, sessions, minutes, completion_hundredths, completions, last_watch_date,
    favourite_device, cohort_month
FROM user_viewing
WHERE sign = 1
