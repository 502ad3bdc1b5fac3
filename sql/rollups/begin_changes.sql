-- What changed since the rollups were made: sessions, those that count in days and months by now, and users concerned,
-- as they were.
CREATE TEMP TABLE changes ON COMMIT DROP AS SELECT * FROM etl.session_changes;

CREATE TEMP TABLE due ON COMMIT DROP AS
SELECT user_id, content_id, watch_date, sum(sign)::bigint AS sessions
FROM changes
WHERE watch_date <= {day}
GROUP BY user_id, content_id, watch_date
UNION ALL
SELECT user_id, content_id, watch_date, sessions FROM etl.rollup_future WHERE watch_date <= {day};

CREATE TEMP TABLE changed_users ON COMMIT DROP AS
SELECT user_id FROM changes
UNION
SELECT user_id FROM due
UNION
SELECT user_id FROM etl.user_changes;

ANALYZE changes, due, changed_users;

-- Here and below, a lateral subquery with a limit or an aggregate is looked up by its index, whatever the planner knows.
CREATE TEMP TABLE old_users ON COMMIT DROP AS
SELECT old.*
FROM changed_users
CROSS JOIN LATERAL (SELECT * FROM etl.rollup_user WHERE user_id = changed_users.user_id LIMIT 1) AS old;

ANALYZE old_users;
