CREATE TABLE IF NOT EXISTS etl.held_rows (
    table_name text NOT NULL,
    batch_id   bigint NOT NULL,
    _row       bigint NOT NULL,
    key        text NOT NULL,
    status     text NOT NULL CHECK (status IN ('superseded', 'waiting')),
    user_id    text,
    content_id text,
    PRIMARY KEY (batch_id, _row)
);

CREATE INDEX IF NOT EXISTS held_rows_key_idx ON etl.held_rows (table_name, key);
CREATE INDEX IF NOT EXISTS held_rows_waiting_user_idx ON etl.held_rows (user_id) WHERE status = 'waiting';

COMMENT ON TABLE etl.held_rows IS 'Valid raw rows that are not in processed. Grain: one row for each raw row held back.';
COMMENT ON COLUMN etl.held_rows.table_name IS 'Table of processed it belongs to.';
COMMENT ON COLUMN etl.held_rows.batch_id IS '_batch_id of the raw row.';
COMMENT ON COLUMN etl.held_rows._row IS '_row of the raw row.';
COMMENT ON COLUMN etl.held_rows.key IS 'Natural key: user_id or session_id.';
COMMENT ON COLUMN etl.held_rows.status IS 'superseded: a later record of the same key won; waiting: its user or title is not there.';
COMMENT ON COLUMN etl.held_rows.user_id IS 'User a waiting session refers to.';
COMMENT ON COLUMN etl.held_rows.content_id IS 'Title a waiting session refers to.';
