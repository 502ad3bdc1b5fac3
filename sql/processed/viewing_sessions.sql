CREATE TABLE IF NOT EXISTS processed.viewing_sessions (
    session_id             text PRIMARY KEY,
    user_id                text NOT NULL,
    content_id             text NOT NULL,
    watch_date             date NOT NULL,
    watch_duration_minutes integer CHECK (watch_duration_minutes >= 0),
    completion_percentage  numeric(5,2) CHECK (completion_percentage BETWEEN 0 AND 100),
    device_type            text,
    quality_level          text,
    _batch_id              bigint NOT NULL,
    _row                   bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS viewing_sessions_batch_id_idx ON processed.viewing_sessions (_batch_id);
CREATE INDEX IF NOT EXISTS viewing_sessions_user_id_idx ON processed.viewing_sessions (user_id);

SELECT etl.ensure_foreign_key('processed.viewing_sessions', 'user_id', 'processed.users');
SELECT etl.ensure_foreign_key('processed.viewing_sessions', 'content_id', 'processed.content');

-- By statement: so a change costs one more row, whoever makes it. The bulk load goes without.
CREATE OR REPLACE TRIGGER log_inserted AFTER INSERT ON processed.viewing_sessions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();
CREATE OR REPLACE TRIGGER log_updated AFTER UPDATE ON processed.viewing_sessions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION etl.log_session_changes();
CREATE OR REPLACE TRIGGER log_deleted AFTER DELETE ON processed.viewing_sessions
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();
CREATE OR REPLACE TRIGGER log_truncated AFTER TRUNCATE ON processed.viewing_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION etl.log_session_changes();

COMMENT ON TABLE processed.viewing_sessions IS 'Grain: one row for each viewing session.';
COMMENT ON COLUMN processed.viewing_sessions.session_id IS 'Natural key of the session.';
COMMENT ON COLUMN processed.viewing_sessions.user_id IS 'Who watched.';
COMMENT ON COLUMN processed.viewing_sessions.content_id IS 'What was watched.';
COMMENT ON COLUMN processed.viewing_sessions.watch_date IS 'Day of the session.';
COMMENT ON COLUMN processed.viewing_sessions.watch_duration_minutes IS 'Minutes watched.';
COMMENT ON COLUMN processed.viewing_sessions.completion_percentage IS 'Share of the title watched, in percent.';
COMMENT ON COLUMN processed.viewing_sessions.device_type IS 'Kind of device.';
COMMENT ON COLUMN processed.viewing_sessions.quality_level IS 'Picture quality.';
COMMENT ON COLUMN processed.viewing_sessions._batch_id IS 'Lineage: _batch_id of the raw row.';
COMMENT ON COLUMN processed.viewing_sessions._row IS 'Lineage: _row of the raw row.';
