-- Sessions of users who leave go back to waiting in the same transaction.
WITH orphans AS (
    DELETE FROM processed.viewing_sessions AS sessions
    USING gone
    WHERE sessions.user_id = gone.user_id
    RETURNING sessions.*
)

INSERT INTO etl.held_rows (table_name, batch_id, _row, key, status, user_id, content_id)
SELECT 'viewing_sessions', _batch_id, _row, session_id, 'waiting', user_id, content_id
FROM orphans;
