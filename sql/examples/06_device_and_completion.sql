-- question: Do people finish more on a large screen?
-- shows: By device and type of title, mean completion, and how far it is from that of the type on all devices.
WITH by_device AS (
    SELECT
        type, device_type,
        count(completion_percentage) AS sessions,
        sum(completion_percentage) AS completion
    FROM trusted.session_details
    WHERE completion_percentage IS NOT NULL
    GROUP BY type, device_type
)

SELECT
    type, device_type, sessions,
    round(completion / sessions, 2) AS avg_completion,
    round(
        completion / sessions - sum(completion) OVER (PARTITION BY type) / sum(sessions) OVER (PARTITION BY type), 2
    ) AS points_from_mean
FROM by_device
ORDER BY type, avg_completion DESC, device_type;
