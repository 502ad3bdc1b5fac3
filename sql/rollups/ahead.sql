-- Sessions dated after the day that is published.
INSERT INTO etl.rollup_ahead
SELECT user_id, content_id, watch_date, {sign_sum} AS sessions
FROM {sessions}
WHERE watch_date > {day}
GROUP BY user_id, content_id, watch_date;
