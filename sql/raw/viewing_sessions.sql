CREATE TABLE IF NOT EXISTS raw.viewing_sessions (
    _batch_id bigint NOT NULL,
    _row      bigint NOT NULL,
    session_id text,
    user_id text,
    content_id text,
    watch_date text,
    watch_duration_minutes text,
    completion_percentage text,
    device_type text,
    quality_level text
);

-- Its index on _batch_id is made by the first merge (sql/load/raw_index.sql): COPY takes twice as long with it.

COMMENT ON TABLE raw.viewing_sessions IS 'Records of viewing_sessions.csv and viewing_sessions-*.csv as they came. Grain: one row for each record of a file.';
COMMENT ON COLUMN raw.viewing_sessions._batch_id IS 'Batch (etl.batches) that landed the file.';
COMMENT ON COLUMN raw.viewing_sessions._row IS 'Number of the record in its file, from 1, header not counted.';
COMMENT ON COLUMN raw.viewing_sessions.session_id IS 'Natural key of the session.';
COMMENT ON COLUMN raw.viewing_sessions.user_id IS 'User who watched.';
COMMENT ON COLUMN raw.viewing_sessions.content_id IS 'Title watched.';
COMMENT ON COLUMN raw.viewing_sessions.watch_date IS 'ISO date of the session.';
COMMENT ON COLUMN raw.viewing_sessions.watch_duration_minutes IS 'Minutes watched.';
COMMENT ON COLUMN raw.viewing_sessions.completion_percentage IS 'Share of the title watched, in percent.';
COMMENT ON COLUMN raw.viewing_sessions.device_type IS 'Kind of device.';
COMMENT ON COLUMN raw.viewing_sessions.quality_level IS 'Picture quality.';
