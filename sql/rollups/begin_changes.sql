-- What changed, and all sessions of the users concerned: whether one counts depends on their other sessions.
CREATE TEMP TABLE changes ON COMMIT DROP AS SELECT * FROM etl.session_changes;

-- Of users with sessions whose day has come, months change too.
CREATE TEMP TABLE changed_users ON COMMIT DROP AS
SELECT user_id FROM changes
UNION
SELECT user_id FROM etl.rollup_ahead WHERE watch_date <= {day};

DELETE FROM etl.rollup_ahead WHERE watch_date <= {day};

ANALYZE changes, changed_users;

CREATE TEMP TABLE their_sessions ON COMMIT DROP AS
SELECT s.*
FROM processed.viewing_sessions AS s
INNER JOIN changed_users USING (user_id);

ANALYZE their_sessions;

DELETE FROM etl.rollup_user_devices AS old USING changed_users WHERE old.user_id = changed_users.user_id;

DELETE FROM etl.rollup_user_months AS old USING changed_users WHERE old.user_id = changed_users.user_id;

DELETE FROM etl.rollup_users AS old USING changed_users WHERE old.user_id = changed_users.user_id;
