SELECT
    device_type, quality_level,
    sum(sign * sessions) AS sessions,
    sum(sign * minutes) AS minutes,
    sum(sign * durations) AS durations,
    sum(sign * completion_hundredths) AS completion_hundredths,
    sum(sign * completions) AS completions,
    sum(sign) AS viewers
FROM user_device
GROUP BY device_type, quality_level
