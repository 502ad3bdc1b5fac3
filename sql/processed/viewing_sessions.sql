CREATE TABLE processed.viewing_sessions (
    session_id             text PRIMARY KEY,
    user_id                text NOT NULL REFERENCES processed.users,
    content_id             text NOT NULL REFERENCES processed.content,
    watch_date             date NOT NULL CHECK (watch_date BETWEEN '1900-01-01' AND '2100-12-31'),
    watch_duration_minutes integer CHECK (watch_duration_minutes >= 0),
    completion_percentage  numeric(5,2) CHECK (completion_percentage BETWEEN 0 AND 100),
    device_type            text,
    quality_level          text
);

COMMENT ON TABLE processed.viewing_sessions IS 'Grain: one row for each viewing session.';
COMMENT ON COLUMN processed.viewing_sessions.session_id IS 'Natural key of the session.';
COMMENT ON COLUMN processed.viewing_sessions.user_id IS 'Who watched.';
COMMENT ON COLUMN processed.viewing_sessions.content_id IS 'What was watched.';
COMMENT ON COLUMN processed.viewing_sessions.watch_date IS 'Day of the session.';
COMMENT ON COLUMN processed.viewing_sessions.watch_duration_minutes IS 'Minutes watched.';
COMMENT ON COLUMN processed.viewing_sessions.completion_percentage IS 'Share of the title watched, in percent.';
COMMENT ON COLUMN processed.viewing_sessions.device_type IS 'Kind of device.';
COMMENT ON COLUMN processed.viewing_sessions.quality_level IS 'Picture quality.';
