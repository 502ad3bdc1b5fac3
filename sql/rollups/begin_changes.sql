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
SELECT user_id FROM etl.user_changes
ORDER BY user_id;

ANALYZE changes, due, changed_users;

-- Here and below, what is found for each key in a lateral subquery is looked up by its index, whatever the planner knows:
-- always where it is an aggregate, else unless most users are concerned.
CREATE TEMP TABLE old_users ON COMMIT DROP AS
SELECT old.*
FROM changed_users
CROSS JOIN LATERAL (SELECT * FROM etl.rollup_user WHERE user_id = changed_users.user_id {by_key}) AS old;

ANALYZE old_users;
